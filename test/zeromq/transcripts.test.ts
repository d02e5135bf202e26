import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { DIFFERENCES } from "./differences.ts"

const run = promisify(execFile)
const PROGRAM = fileURLToPath(new URL("../../build/test/programs/zeromq/main.js", import.meta.url))

/** What the scenarios of a file print with one package. */
async function transcript(from: string, file: string): Promise<string[]> {
  const { stdout } = await run(process.execPath, ["--no-warnings", PROGRAM, from, file], {
    timeout: 110_000,
    maxBuffer: 1 << 24,
  })
  return stdout.trimEnd().split("\n")
}

describe("the same scenarios print the same with zeromq and with brokerless/zeromq", { timeout: 120_000 }, () => {
  const used = new Set<unknown>()

  for (const [file, what] of [
    ["patterns", "types of sockets over every transport"],
    ["calls", "what calls take, refuse and wait for"],
    ["options", "options: first values, limits, errors, warnings"],
    ["endpoints", "addresses and contexts"],
    ["observing", "events, in both modes"],
    ["proxies", "proxies"],
    ["security", "PLAIN, CURVE and handlers of ZAP"],
    ["streams", "octets without a protocol"],
    ["threads", "names and handlers over the threads of a process"],
  ] as const) {
    it(`${file}: ${what}`, async () => {
      const [theirs, ours] = await Promise.all([transcript("zeromq", file), transcript("brokerless/zeromq", file)])
      const expected = theirs.map((line, i) => {
        const difference = DIFFERENCES.find((each) => each.theirs === line && each.ours === ours[i])
        used.add(difference)
        return difference?.ours ?? line
      })
      expect(ours).toEqual(expected)
    })
  }

  it("every difference that is listed is one", () => {
    expect(DIFFERENCES.filter((each) => !used.has(each))).toEqual([])
  })
})
