import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"

const run = promisify(execFile)
const folder = new URL("../../build/test/programs/zeromq/", import.meta.url)

/** What a process prints that ends by itself. */
async function printed(program: string, options: string[], ...parameters: string[]): Promise<string[]> {
  const path = fileURLToPath(new URL(program, folder))
  const { stdout } = await run(process.execPath, ["--no-warnings", ...options, path, ...parameters], {
    timeout: 170_000,
  })
  return stdout.trimEnd().split("\n")
}

/** What a part prints with `zeromq`, which once in a while fails where threads end, or waits for ever. */
async function reference(part: string): Promise<string[]> {
  for (let tries = 1; tries < 3; tries++) {
    try {
      return await printed("living.js", ["--expose-gc"], "zeromq", part)
    } catch {}
  }
  return printed("living.js", ["--expose-gc"], "zeromq", part)
}

describe("processes live and end with zeromq and with brokerless/zeromq alike", { timeout: 200_000 }, () => {
  for (const [part, what] of [
    ["idle", "open sockets on which nothing waits do not keep a process alive"],
    ["waiting", "a receive that waits does"],
    ["brief", "what may not linger is lost, and ends nothing later"],
    ["unblocking", "nor may it in a context that is not blocky"],
    ["heir", "what was sent arrives although its process ended, with its socket open or closed"],
    ["exiting", "process.exit() waits for nobody"],
    ["forgotten", "a socket that nobody holds is closed"],
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

describe("a socket of brokerless/zeromq on which a receive waits", { timeout: 180_000 }, () => {
  it("is not closed although nobody holds it, which zeromq does not promise", async () => {
    expect(await printed("living.js", ["--expose-gc"], "brokerless/zeromq", "remembered")).toEqual(["still there"])
  })
})

describe("published packages that depend on zeromq run with an override to brokerless/zeromq", {
  timeout: 180_000,
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
