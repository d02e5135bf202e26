// `brokerless/zeromq/draft` as programs find it: by both of its names, imported and required, in whatever is fed to
// Node.js; how processes with such sockets live and end; and what `capability` says of it.

import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { capability } from "brokerless/zeromq"
import { describe, expect, it } from "vitest"
import { plainSocket, vacantPort } from "../support/datagrams.ts"
import { until } from "../support/until.ts"

const root = fileURLToPath(new URL("../../", import.meta.url))
const LIVING = fileURLToPath(new URL("../../build/test/programs/zeromq/living.js", import.meta.url))
const NAMES = ["Client", "Datagram", "Dish", "Gather", "Radio", "Scatter", "Server"]
const WARNING = "ZeroMQ draft features are experimental and could change at any time."
const run = promisify(execFile)

/** What a program prints that is fed by standard input. */
async function fed(code: string, type: "module" | "commonjs"): Promise<{ out: string; err: string }> {
  const child = spawn(process.execPath, [`--input-type=${type}`, "-"], { cwd: root, stdio: "pipe" })
  let [out, err] = ["", ""]
  child.stdout.on("data", (chunk) => {
    out += chunk
  })
  child.stderr.on("data", (chunk) => {
    err += chunk
  })
  child.stdin.end(code)
  await once(child, "close")
  return { out: out.trim(), err }
}

describe("brokerless/zeromq/draft", { timeout: 180_000 }, () => {
  it("is what capability.draft promises", () => {
    expect(capability.draft).toBe(true)
    expect(createRequire(import.meta.url)("zeromq").capability.draft).toBe(true)
  })

  it.each(["brokerless/zeromq/draft", "brokerless/zeromq/draft.js"])(
    "is imported by the name %s, all of it by name and by default, and says that it is experimental",
    async (name) => {
      const { out, err } = await fed(
        `import * as all from "${name}"
         import draft, { Server } from "${name}"
         console.log(Object.keys(draft).sort().join(), all.Server === Server, draft.Server === Server)`,
        "module",
      )
      expect(out).toBe(`${NAMES} true true`)
      expect(err).toContain(WARNING)
    },
  )

  it.each(["brokerless/zeromq/draft", "brokerless/zeromq/draft.js"])("is required by the name %s", async (name) => {
    const { out, err } = await fed(`console.log(Object.keys(require("${name}")).sort().join())`, "commonjs")
    expect(out).toBe(String(NAMES))
    expect(err).toContain(WARNING)
  })

  it("has the names of zeromq/draft and no others", async () => {
    const { out } = await fed('console.log(Object.keys(require("zeromq/draft")).sort().join())', "commonjs")
    expect(out).toBe(String(NAMES))
  })

  it("says nothing to those who do not ask for it", async () => {
    expect((await fed('import "brokerless/zeromq"', "module")).err).toBe("")
  })
})

describe("processes with draft sockets live and end with zeromq and with brokerless/zeromq alike", {
  timeout: 180_000,
}, () => {
  async function printed(from: string, part: string, address = ""): Promise<string[]> {
    const { stdout } = await run(process.execPath, ["--no-warnings", LIVING, from, part, address], { timeout: 170_000 })
    return stdout.trimEnd().split("\n")
  }

  it("threads: a Dish and a Client in another thread", async () => {
    const ours = await printed("brokerless/zeromq", "draftThreads")
    expect(ours).toEqual(["hello", "threads: news", "over"])
    expect(ours).toEqual(await printed("zeromq", "draftThreads"))
  })

  it.each(["zeromq", "brokerless/zeromq"])("datagrams that nobody waits for keep none alive: %s", async (from) => {
    expect(await printed(from, "idleDatagrams", `udp://127.0.0.1:${await vacantPort()}`)).toEqual(["idle"])
  })

  it.each(["zeromq", "brokerless/zeromq"])("a receive that waits for one does: %s", async (from) => {
    expect(await printed(from, "waitingDatagrams", `udp://127.0.0.1:${await vacantPort()}`)).toEqual(["came"])
  })

  it.each(["zeromq", "brokerless/zeromq"])("what was sent leaves before the process does: %s", async (from) => {
    await using plain = await plainSocket()
    expect(await printed(from, "lastDatagrams", `udp://127.0.0.1:${plain.port}`)).toEqual(["left"])
    await until(() => plain.received.length === 2, "both datagrams come")
    expect(plain.received.map(String)).toEqual(["\u0001glast", "\u0001gwords"])
  })
})
