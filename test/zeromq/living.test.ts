import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { vacantPort } from "../support/datagrams.ts"

const run = promisify(execFile)
const folder = new URL("../../build/test/programs/zeromq/", import.meta.url)

/** What a process prints until it ends. */
async function printed(program: string, options: string[], ...parameters: string[]): Promise<string[]> {
  const path = fileURLToPath(new URL(program, folder))
  const { stdout } = await run(process.execPath, ["--no-warnings", ...options, path, ...parameters], {
    timeout: 60_000,
  }).catch((ended: { stdout: string; killed: boolean; signal: string | null }) => {
    // By a signal of its own, not by one of ours.
    if (ended.killed || ended.signal === null) throw ended
    return ended
  })
  return stdout.trimEnd().split("\n")
}

/** What one prints with `zeromq`, which once in a while fails where threads end, or waits for ever. */
async function reference(...parameters: string[]): Promise<string[]> {
  for (let tries = 1; tries < 3; tries++) {
    try {
      return await printed("living.js", ["--expose-gc"], "zeromq", ...parameters)
    } catch {}
  }
  return printed("living.js", ["--expose-gc"], "zeromq", ...parameters)
}

describe("processes live and end with zeromq and with brokerless/zeromq alike", { timeout: 200_000 }, () => {
  for (const [part, what] of [
    ["idle", "open sockets on which nothing waits do not keep a process alive"],
    ["waiting", "a receive that waits does"],
    ["brief", "what may not linger is lost, and ends nothing later"],
    ["unblocking", "nor may it in a context that is not blocky"],
    ["heir", "what was sent arrives although its process ended, with its socket open or closed"],
    ["exiting", "process.exit() waits for nobody"],
    ["hastyHeir", "what was given to a connection arrives although process.exit() came at once"],
    ["endings", "patience, words and codes of processes that have something to send, and nobody to take it"],
    ["forgotten", "a socket that nobody holds is closed"],
    ["forgottenContext", "and so is one whose context nobody holds, either"],
    ["threads", "inproc between threads on the default context"],
  ] as const) {
    it(`${part}: ${what}`, async () => {
      const theirs = await reference(part)
      const ours = await printed("living.js", ["--expose-gc"], "brokerless/zeromq", part)
      expect(ours).toEqual(theirs)
      expect(ours[0]).not.toBe("")
    })
  }
})

describe("a process, or a socket, of brokerless/zeromq otherwise than of zeromq", { timeout: 200_000 }, () => {
  /** What ours prints, until it ends or is ended. */
  function ours(...parameters: string[]): Promise<string[]> {
    return printed("living.js", ["--expose-gc"], "brokerless/zeromq", ...parameters)
  }

  /** What both print; theirs first. */
  function both(part: string): Promise<string[][]> {
    return Promise.all([reference(part), ours(part)])
  }

  it("is not closed although nobody holds it, as with zeromq, while a send or a receive waits", async () => {
    expect(await both("forgottenWhileItWaits")).toEqual([
      ["send collected", "receive collected"],
      ["send kept", "receive kept"],
    ])
  })

  it("a receive that nobody holds hears of what comes", async () => {
    expect(await ours("remembered")).toEqual(["still there"])
  })

  it("tells of its end when it has waited, with zeromq before", async () => {
    expect(await both("lastWords")).toEqual([["exit before it waited true"], ["exit before it waited false"]])
  })

  it("goes on when its observer was closed, with zeromq it does not", async () => {
    expect(await both("observedNoMore")).toEqual([["stands still"], ["bound"]])
  })

  it("cannot stand between a socket and itself, which ends the process with zeromq", async () => {
    expect(await both("proxyOfOne")).toEqual([[""], ["EINVAL"]])
  })

  it("receives a long group, which ends the process with zeromq", async () => {
    const address = async (): Promise<string> => `udp://127.0.0.1:${await vacantPort()}`
    expect(await reference("longGroup", await address())).toEqual([""])
    expect(await ours("longGroup", await address())).toEqual(["came"])
  })
})

describe("published packages that depend on zeromq run with an override to brokerless/zeromq", {
  timeout: 200_000,
}, () => {
  const override = ["--import", new URL("override.js", folder).href]

  it("@dashevo/dashd-zmq hears of a block", async () => {
    const ours = await printed("published-dash.js", override)
    expect(ours).toEqual(await printed("published-dash.js", []))
    expect(ours[0]).toContain("00ff")
  })

  it("enchannel-zmq-backend talks with a kernel of Jupyter on all its channels", async () => {
    const ours = await printed("published-jupyter.js", override)
    expect(ours).toEqual(await printed("published-jupyter.js", []))
    expect(ours).toContain("asked kernel_info_request")
    expect(ours).toHaveLength(4)
  })

  it("and it is ours that they run with", async () => {
    const [line] = await printed("which.js", override)
    expect(line).toBe("ours")
  })
})
