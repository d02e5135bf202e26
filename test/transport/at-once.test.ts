// Binding without waiting: what `bind` rejects with is thrown, and what it resolves to is bound when the call returns.

import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { Pull } from "../../src/socket/pipeline/pull.ts"
import { Push } from "../../src/socket/pipeline/push.ts"
import { hubOf, type Socket } from "../../src/socket/socket.ts"
import { Thread } from "../support/thread.ts"
import { until } from "../support/until.ts"

const directory = mkdtempSync(join(tmpdir(), "at-once-"))
afterAll(() => rmSync(directory, { recursive: true }))

let count = 0
const fresh = (): string => join(directory, `socket-${++count}`)

function bindNow(socket: Socket, endpoint: string): string | undefined {
  return hubOf(socket).bindNow(endpoint)
}

describe.each([
  ["tcp, an address", "tcp://127.0.0.1:*"],
  ["tcp, the name of this host", `tcp://${hostname()}:*`],
  ["ipc, a path", `ipc://${fresh()}`],
  ["ipc, a path of its own choice", "ipc://*"],
  ["inproc", "inproc://at-once"],
])("%s", (_, endpoint) => {
  it("can be connected to in the same turn, is taken, and is free when it was unbound", async () => {
    await using pull = new Pull()
    await using other = new Pull()
    await using push = new Push()
    const bound = bindNow(pull, endpoint) as string
    expect(() => bindNow(other, bound)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }))
    push.connect(bound)
    await push.send("x")
    expect(String(await pull.receive())).toBe("x")
    const unbound = hubOf(pull).unbind(bound)
    // What was chosen has gone with its directory.
    const again = endpoint === "ipc://*" ? endpoint : bound
    expect(bindNow(other, again)).toMatch(/:/)
    await unbound
  })
})

describe("what cannot be bound is refused at once", () => {
  it.each([
    ["a name without an address", "tcp://no-such-host.invalid:*", /^(ENOTFOUND|EAI_AGAIN)$/],
    ["an address of another machine", "tcp://192.0.2.1:*", /^EADDRNOTAVAIL$/],
    ["a path in no directory", "ipc:///no/such/directory/socket", /^ENOENT$/],
  ])("%s", async (_, endpoint, code) => {
    await using pull = new Pull()
    const failures: unknown[] = []
    pull.events.on("bind:error", ({ error }) => failures.push(error))
    expect(() => bindNow(pull, endpoint)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(code), endpoint }),
    )
    expect(failures).toHaveLength(1)
    expect(pull.endpoints).toEqual([])
  })
})

describe.skipIf(process.platform === "win32")("at a path", () => {
  it("what is no socket stays", async () => {
    const path = fresh()
    writeFileSync(path, "precious")
    await using pull = new Pull()
    expect(() => bindNow(pull, `ipc://${path}`)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }))
  })

  it("what somebody left who was killed is taken over", async () => {
    const path = fresh()
    const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`
    expect(spawnSync(process.execPath, ["-e", program]).signal).toBe("SIGKILL")
    await using pull = new Pull()
    expect(bindNow(pull, `ipc://${path}`)).toBe(`ipc://${path}`)
  })
})

describe("a name of inproc", () => {
  it("that another thread has is refused at once, and free soon after that thread was terminated", async () => {
    const endpoint = `inproc://at-once-${process.pid}`
    await using thread = new Thread({ name: "claim", endpoint })
    expect(await thread.next()).toBe(true)
    await using pull = new Pull()
    expect(() => bindNow(pull, endpoint)).toThrow(expect.objectContaining({ code: "EADDRINUSE" }))
    await thread.worker.terminate()
    await until(() => {
      try {
        return bindNow(pull, endpoint) === endpoint
      } catch {
        return false
      }
    }, "the name is free")
    expect(pull.endpoints).toEqual([endpoint])
  })
})
