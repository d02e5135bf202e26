// Programs that are fed to Node.js by standard input or on its command line, where it has no file to load them from:
// they print the same with both packages.

import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))

const TALK = `
const [push, pull] = [new zmq.Push(), new zmq.Pull()]
pull.bind("tcp://127.0.0.1:*").then(async () => {
  push.connect(pull.lastEndpoint)
  await push.send(["a", null])
  console.log(await pull.receive(), push, pull.events)
  push.close()
  pull.close()
  for await (const message of pull) console.log(message)
  console.log("over")
})`

/** What is written to standard input, and parameters; `FROM` is the package. */
const PROGRAMS: readonly (readonly [what: string, parameters: readonly string[], input: string])[] = [
  ["a module", ["--input-type=module", "-"], `import * as zmq from "FROM"\n${TALK}`],
  ["a module, by default", ["--input-type=module"], `import zmq from "FROM"\n${TALK}`],
  [
    "a module, by name",
    ["--input-type=module"],
    `import { Push, Pull } from "FROM"\nconst zmq = { Push, Pull }\n${TALK}`,
  ],
  ["a module that imports when it runs", ["--input-type=module"], `const zmq = await import("FROM")\n${TALK}`],
  ["CommonJS", ["--input-type=commonjs"], `const zmq = require("FROM")\n${TALK}`],
  ["what is not said to be either", [], `const zmq = require("FROM")\n${TALK}`],
  ["CommonJS that imports", [], `import("FROM").then((zmq) => {\n${TALK}\n})`],
  ["-e", ["-e", `const zmq = require("FROM")\n${TALK}`], ""],
  ["-e of a module", ["--input-type=module", "-e", `import * as zmq from "FROM"\n${TALK}`], ""],
  ["-p of a socket", ["-p", 'new (require("FROM").Push)({ linger: 0 })'], ""],
  ["-p of values", ["-p", 'const { version, context } = require("FROM"); [version, context]'], ""],
  ["-p of the names", ["-p", 'Object.keys(require("FROM")).sort().join()'], ""],
  ["-p of an error", ["-p", 'try { new (require("FROM").Push)().connect("foo") } catch ({ message }) { message }'], ""],
  ["-p of a promise", ["-p", 'new (require("FROM").Pull)({ receiveTimeout: 0 }).receive().catch(() => {})'], ""],
  [
    "what replaces a class, as tests of programs do",
    [],
    'const zmq = require("FROM"); zmq.Push = class Fake {}; console.log(new (require("FROM").Push)())',
  ],
  [
    "a thread",
    [],
    `const { Worker } = require("node:worker_threads")
     new Worker(${JSON.stringify(`const zmq = require("FROM")\n${TALK}`)}, { eval: true })`,
  ],
]

async function output(from: string, parameters: readonly string[], input: string): Promise<string> {
  const filled = (text: string): string => text.replaceAll("FROM", from)
  const child = spawn(process.execPath, ["--no-warnings", ...parameters.map(filled)], { cwd: root, stdio: "pipe" })
  let printed = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      printed += chunk
    })
  }
  child.stdin.end(filled(input))
  const [code] = (await once(child, "close")) as [number]
  return `${printed}ended with ${code}`
}

describe("programs without a file print the same with zeromq and with brokerless/zeromq", { timeout: 60_000 }, () => {
  it.each(PROGRAMS)("%s", async (_, parameters, input) => {
    const [theirs, ours] = await Promise.all([
      output("zeromq", parameters, input),
      output("brokerless/zeromq", parameters, input),
    ])
    expect(ours).toBe(theirs)
    expect(ours).toContain("ended with 0")
  })
})
