// The library under test, made from src/ as it stands: types erased, its tcp transport replaced by a socket into which a
// simulated network is plugged, and on demand with a planted fault. Nothing else is changed.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, sep } from "node:path"
import { pathToFileURL } from "node:url"
import ts from "typescript"
import type { StreamTransport } from "../../src/transport/transport.ts"
import type { Subject } from "./simulate.ts"
import type { Library } from "./world.ts"

/** A change of the source that makes the library wrong. */
export interface Fault {
  readonly name: string
  /** What goes wrong with it. */
  readonly about: string
  /** Relative to src/. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** A seed that showed it, to be tried first. */
  readonly seed: number
}

/** What stands in the place of transport/tcp.ts. */
const SOCKET = `
let plugged
export const plug = (transport) => { plugged = transport }
export const tcp = {
  name: "tcp",
  listen: (...given) => plugged.listen(...given),
  connect: (...given) => plugged.connect(...given),
}
`

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
}

export class Laboratory implements Disposable {
  readonly #source: string
  readonly #folder = mkdtempSync(join(tmpdir(), "brokerless-simulation-"))
  readonly #compiled = new Map<string, string>()
  #count = 0

  /** @param source the folder of the library's sources */
  constructor(source: string) {
    this.#source = source
    for (const given of readdirSync(source, { recursive: true, encoding: "utf8" })) {
      const file = given.split(sep).join("/")
      if (file.endsWith(".ts")) this.#compiled.set(file, compile(this.#read(file)))
    }
    this.#compiled.set("transport/tcp.ts", SOCKET)
  }

  /** The library, with a fault if one is given. Throws if the fault does not fit the source any more. */
  async prepare(fault?: Fault): Promise<Subject> {
    const files = new Map(this.#compiled)
    if (fault !== undefined) files.set(fault.file, compile(this.#plant(fault)))
    // Of what is in a folder of that name, test runners keep their hands off.
    const folder = join(this.#folder, "node_modules", `subject-${++this.#count}`)
    for (const [file, text] of files) {
      const path = join(folder, file.replace(/\.ts$/, ".js"))
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, text)
    }
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
    const load = (file: string): Promise<unknown> => import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)
    const library = (await load("index.js")) as Library
    const { plug } = (await load("transport/tcp.js")) as { plug(transport: StreamTransport): void }
    return { library, plug }
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #read(file: string): string {
    return readFileSync(join(this.#source, file), "utf8")
  }

  #plant({ name, file, find, replace }: Fault): string {
    const parts = this.#read(file).split(find)
    if (parts.length !== 2) {
      throw new Error(
        `The fault "${name}" does not fit: what it changes stands ${parts.length - 1} times in src/${file}`,
      )
    }
    return parts.join(replace)
  }
}

function compile(source: string): string {
  return ts.transpileModule(source, { compilerOptions: OPTIONS }).outputText
}
