// Every example of the README of the `zeromq` package, as it stands there, with nothing changed but the name that it
// imports, and the port, because tests share a machine. Types are checked against our declarations.

import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { afterAll, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../../", import.meta.url))
const readme = readFileSync(join(root, "node_modules/zeromq/README.md"), "utf8")
const blocks = [...readme.matchAll(/^```(js|typescript)\n([\s\S]*?)^```$/gm)].map(([, , code]) => code as string)
const folder = mkdtempSync(join(tmpdir(), "brokerless-readme-"))
symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction")
writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
const running = new Set<ChildProcess>()

afterAll(() => {
  for (const child of running) child.kill()
  rmSync(folder, { recursive: true, force: true })
})

function example(text: string, port: number): string {
  const code = blocks.find((block) => block.includes(text))
  if (code === undefined) throw new Error(`The README has no example with ${text}`)
  return code
    .replaceAll('"zeromq"', JSON.stringify(join(root, "dist/zeromq.js")))
    .replaceAll('"zeromq/v5-compat"', JSON.stringify(join(root, "dist/zeromq/v5-compat.js")))
    .replaceAll(/:(3000|3456)/g, `:${port}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Runs a program until it has printed this. */
function printing(name: string, code: string, wanted: string): Promise<string> {
  const path = join(folder, name)
  writeFileSync(path, code)
  const child = spawn(process.execPath, [path], { stdio: ["ignore", "pipe", "inherit"] })
  running.add(child)
  let text = ""
  return new Promise((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      text += chunk
      if (text.includes(wanted)) resolve(text)
    })
    child.once("exit", () => {
      running.delete(child)
      reject(new Error(`${name} ended, having printed ${text}`))
    })
  })
}

describe("the examples of the README of zeromq run with brokerless/zeromq", { timeout: 180_000 }, () => {
  it("Push/Pull", async () => {
    const port = await freePort()
    const producer = printing("producer.js", example('Producer bound to port 3000")\n\n  while', port), "bound")
    const worker = printing("worker.js", example("work: %s", port), "work: some work\nwork: some work")
    expect(await producer).toContain("Producer bound")
    expect(await worker).toContain("work: some work")
  })

  it("Pub/Sub", async () => {
    const port = await freePort()
    const publisher = printing("publisher.js", example("meow!", port), "envelope")
    const subscriber = printing("subscriber.js", example("received a message related to", port), "containing message")
    expect(await publisher).toContain("sending a multipart message envelope")
    expect(await subscriber).toContain("<Buffer 6b 69 74 74 79 20 63 61 74 73> containing message: <Buffer 6d 65")
  })

  it("Req/Rep", async () => {
    const port = await freePort()
    void printing("server.js", example("2 * parseInt", port), "nothing").catch(() => {})
    const client = await printing("client.js", example('await sock.send("4")', port), "<Buffer")
    expect(client).toContain("<Buffer 38>")
  })

  it("versions 4 and 5", async () => {
    // It subscribes to nothing, so what shows that it runs is said by its own sockets.
    const said = 'sub.subscribe("")\nsub.on("message", (msg) => console.log("received", String(msg)))\n'
    const again = 'setInterval(() => pub.send("again"), 20)\n'
    const code = `${example("zeromq/v5-compat", await freePort())}\n${said}${again}`
    expect(await printing("compat.cjs", code, "received")).toContain("received")
  })

  it("basic usage, imported and required; an option of one's own", async () => {
    const imports = `${example("reqSock = new Request()", 0)}\nconsole.log(reqSock, repSock)\n`
    expect(await printing("basic.js", imports, "Reply")).toContain("Request {} Reply {}")
    const required = `${example('const zmq = require("zeromq")\n\nconst reqSock', 0)}\nconsole.log(reqSock, repSock)\n`
    expect(await printing("basic.cjs", required, "Reply")).toContain("Request {} Reply {}")
    const typed = `${example("class MyDealer", 0)}\nconsole.log(sock.sendHighWaterMark)\n`
    const { outputText } = ts.transpileModule(typed, { compilerOptions: { module: ts.ModuleKind.ESNext } })
    expect(await printing("option.cjs", outputText, "456")).toContain("456")
  })
})

describe("programs that were checked against the declarations of zeromq", { timeout: 120_000 }, () => {
  it("compile unchanged against ours", () => {
    const programs = [
      "surface",
      "afterwards",
      "calls",
      "endpoints",
      "observing",
      "options",
      "patterns",
      "proxies",
      "security",
      "streams",
      "living",
      "differing-drafts",
      "drafts",
      "datagrams",
      "draft-thread",
      "compat",
    ]
    const files = programs.map((name) => join(root, "test/programs/zeromq", `${name}.ts`))
    const { options } = ts.parseJsonConfigFileContent(
      ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config,
      ts.sys,
      root,
    )
    const program = ts.createProgram(files, {
      ...options,
      paths: {
        zeromq: [join(root, "dist/zeromq.d.ts")],
        "zeromq/draft.js": [join(root, "dist/zeromq/draft.d.ts")],
        "zeromq/v5-compat.js": [join(root, "dist/zeromq/v5-compat.d.ts")],
      },
    })
    const used = program.getSourceFiles().map(({ fileName }) => fileName)
    expect(used.some((name) => name.endsWith("dist/zeromq/sockets.d.ts"))).toBe(true)
    expect(used.some((name) => name.includes("node_modules/zeromq/"))).toBe(false)
    const diagnostics = ts.getPreEmitDiagnostics(program).map(({ messageText, file }) => [file?.fileName, messageText])
    expect(diagnostics).toEqual([])
  })
})
