// A program of test/programs/ as a process of its own, and what it tells. It runs from build/, so both have to be built:
// `npm run build && npm run build:programs`.

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** @typeParam Said - what the program tells its parent by `process.send` */
export class Program<Said> implements AsyncDisposable {
  readonly process: ChildProcess
  readonly #said: Said[] = []
  #wake: () => void = () => {}

  /** Starts `test/programs/<name>.ts`. */
  constructor(name: string, ...args: (string | number)[]) {
    const file = fileURLToPath(new URL(`../../build/test/programs/${name}.js`, import.meta.url))
    if (!existsSync(file)) throw new Error(`There is no ${file}: run "npm run build && npm run build:programs"`)
    this.process = fork(file, args.map(String), { execArgv: [] })
    this.process.on("message", (said) => {
      this.#said.push(said as Said)
      this.#wake()
    })
    this.process.once("exit", () => this.#wake())
  }

  /** The next thing it tells; rejects when the process ends before. */
  async next(): Promise<Said> {
    for (;;) {
      const said = this.#said.shift()
      if (said !== undefined) return said
      const { exitCode, signalCode } = this.process
      if (exitCode !== null || signalCode !== null) throw new Error(`The program ended: ${exitCode ?? signalCode}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const ended = once(this.process, "exit")
    this.process.kill()
    await ended
  }
}
