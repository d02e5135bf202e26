import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { DIFFERENCES, type Lines } from "./differences.ts"

const run = promisify(execFile)
const PROGRAM = fileURLToPath(new URL("../../build/test/programs/zeromq/main.js", import.meta.url))

/** What the scenarios of a file print with one package. */
async function transcript(from: string, file: string, timeout: number): Promise<string[]> {
  const { stdout } = await run(process.execPath, ["--no-warnings", PROGRAM, from, file], {
    timeout,
    maxBuffer: 1 << 24,
  })
  return stdout.trimEnd().split("\n")
}

/** What they print with `zeromq`, which once in a while misses that a message came, and then waits for ever. */
async function reference(file: string): Promise<string[]> {
  for (let tries = 1; tries < 3; tries++) {
    try {
      return await transcript("zeromq", file, 35_000)
    } catch {}
  }
  return transcript("zeromq", file, 35_000)
}

/** What ours has to print, given what theirs has: every line the same, but for the differences that are listed. */
function expected(file: string, theirs: readonly string[]): string[] {
  const lines = [...theirs]
  for (const difference of DIFFERENCES.flatMap(({ shown }) => shown).filter(isLines)) {
    const [where, scenario] = difference.scenario.split(".")
    if (where !== file) continue
    const start = lines.indexOf(`# ${scenario}`)
    const next = lines.findIndex((line, i) => i > start && line.startsWith("# "))
    const at = lines.indexOf(difference.theirs[0] as string, start)
    const found = at < 0 ? [] : lines.slice(at, at + difference.theirs.length)
    // What is listed as theirs and is not, is no difference any more, or another one.
    expect({ scenario, found }).toEqual({ scenario, found: difference.theirs })
    expect(next < 0 || at < next).toBe(true)
    lines.splice(at, difference.theirs.length, ...difference.ours)
  }
  return lines
}

function isLines(shown: object): shown is Lines {
  return "scenario" in shown
}

const FILES = [
  ["surface", "what the classes look like"],
  ["patterns", "types of sockets over every transport"],
  ["calls", "what calls take, refuse and wait for"],
  ["options", "options: first values, limits, errors, warnings"],
  ["endpoints", "addresses and contexts"],
  ["observing", "events, in both modes"],
  ["strangers", "what is told of peers that break the protocol"],
  ["proxies", "proxies"],
  ["afterwards", "closed sockets, their observers, contexts that nobody holds"],
  ["security", "PLAIN, CURVE and handlers of ZAP"],
  ["streams", "octets without a protocol"],
  ["drafts", "types of draft RFCs"],
  ["datagrams", "the same over udp"],
  ["compat", "sockets of versions 4 and 5"],
  ["threads", "names and handlers over the threads of a process"],
  ["differing", "deliberate differences"],
  ["differing-drafts", "those of draft types and of datagrams"],
] as const

describe("the same scenarios print the same with zeromq and with brokerless/zeromq, but for what is listed", {
  timeout: 240_000,
}, () => {
  it.each(FILES)("%s: %s", async (file) => {
    // One after the other: a port that was free a moment ago may be given to either.
    const theirs = await reference(file)
    const ours = await transcript("brokerless/zeromq", file, 110_000)
    expect(ours).toEqual(expected(file, theirs))
  })

  it("every difference is in a scenario that is run, and is one", () => {
    const shown = DIFFERENCES.flatMap((each) => each.shown).filter(isLines)
    const files: readonly string[] = FILES.map(([file]) => file)
    expect(shown.filter(({ scenario }) => !files.includes(scenario.split(".")[0] as string))).toEqual([])
    expect(shown.filter(({ theirs, ours }) => theirs.join() === ours.join() || theirs.length === 0)).toEqual([])
  })
})
