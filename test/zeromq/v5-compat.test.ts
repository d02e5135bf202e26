// `brokerless/zeromq/v5-compat` as programs find it, by both of its names, and what it does otherwise than the original.

import { execFile } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as compat from "brokerless/zeromq/v5-compat"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))
const run = promisify(execFile)
const NAMES = ["brokerless/zeromq/v5-compat", "brokerless/zeromq/v5-compat.js"]

/** What a program prints that ends by itself. */
async function printed(type: "module" | "commonjs", code: string): Promise<string> {
  const { stdout } = await run(process.execPath, [`--input-type=${type}`, "--eval", code], { cwd: root })
  return stdout.trim()
}

describe("brokerless/zeromq/v5-compat", { timeout: 180_000 }, () => {
  const names = Object.keys(createRequire(import.meta.url)("zeromq/v5-compat") as object).sort()

  it.each(NAMES)("is imported by the name %s, all of it by name and by default", async (name) => {
    const code = `import * as all from "${name}"; import old, { socket } from "${name}"
      console.log(Object.keys(old).sort().join(), all.socket === socket, old.socket === socket)`
    expect(await printed("module", code)).toBe(`${names} true true`)
  })

  it.each(NAMES)("is required by the name %s", async (name) => {
    const code = `console.log(Object.keys(require("${name}")).sort().join())`
    expect(await printed("commonjs", code)).toBe(String(names))
  })

  it.each(["zeromq/v5-compat", NAMES[0]])("lets a process end when its sockets are closed: %s", async (name) => {
    const code = `const zmq = require("${name}")
      const [push, pull] = [zmq.socket("push"), zmq.socket("pull")]
      pull.bindSync("tcp://127.0.0.1:*")
      push.connect(pull.last_endpoint)
      pull.on("message", (frame) => { console.log(String(frame)); push.close(); pull.close() })
      setTimeout(() => push.send("still there"), 100)`
    expect(await printed("commonjs", code)).toBe("still there")
  })

  it("stops watching, and watches once, without an error", async () => {
    const pull = compat.socket("pull")
    const emitted: string[] = []
    pull.on("listen", () => emitted.push("listen"))
    pull.on("error", () => emitted.push("error"))
    pull.monitor().monitor()
    const first = once(pull, "listen")
    pull.bindSync("tcp://127.0.0.1:*")
    await first
    pull.unmonitor().monitor()
    const bound = once(pull, "bind")
    pull.bind("tcp://127.0.0.1:*")
    await bound
    pull.close()
    expect(emitted).toEqual(["listen"])
  })
})
