// A program of test/programs/ as a process of its own, and what it tells. It runs from build/, so both have to be built:
// `npm run build && npm run build:programs`.

import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"

/** @typeParam Said - what the program tells its parent by `process.send` */
export class Program<Said> implements AsyncDisposable {
  readonly process: ChildProcess
  readonly #said: Said[] = []
  #wake: () => void = () => {}

  /** Starts `test/programs/<name>.ts`, which may have so many files open if that is said (on a Unix). */
  constructor(start: string | { readonly name: string; readonly openFiles: number }, ...args: (string | number)[]) {
    const { name, openFiles } = typeof start === "string" ? { name: start, openFiles: undefined } : start
    const file = fileURLToPath(new URL(`../../build/test/programs/${name}.js`, import.meta.url))
    if (!existsSync(file)) throw new Error(`There is no ${file}: run "npm run build && npm run build:programs"`)
    const texts = args.map(String)
    this.process =
      openFiles === undefined
        ? fork(file, texts, { execArgv: [] })
        : spawn("sh", ["-c", `ulimit -n ${openFiles} && exec "$0" "$@"`, process.execPath, file, ...texts], {
            stdio: ["inherit", "inherit", "inherit", "ipc"],
          })
    this.process.on("message", (said) => {
      this.#said.push(said as Said)
      this.#wake()
    })
    this.process.once("disconnect", () => this.#wake())
  }

  /** The next thing it tells; rejects when the process ends before. */
  async next(): Promise<Said> {
    for (;;) {
      const said = this.#said.shift()
      if (said !== undefined) return said
      const { connected, exitCode, signalCode } = this.process
      // It may have ended, and what it told before is still on its way.
      if (!connected) throw new Error(`The program ended: ${exitCode ?? signalCode}`)
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
