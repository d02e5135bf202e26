// A node in a process of its own, which can be killed, stopped and started again where it was. It runs from build/, so
// both have to be built: `npm run build && npm run build:programs`.

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Said, Told } from "./work.ts"

const FILE = fileURLToPath(new URL("../../../build/patterns/mesh/test/programs/worker.js", import.meta.url))

export class WorkerProcess implements AsyncDisposable {
  readonly name: string
  readonly endpoint: string
  readonly #child: ChildProcess
  readonly #heard: Said[] = []
  #wake: () => void = () => {}

  static async start(name: string, endpoint: string, ledger: string, ...seeds: string[]): Promise<WorkerProcess> {
    if (!existsSync(FILE)) throw new Error(`There is no ${FILE}: run "npm run build && npm run build:programs"`)
    const child = fork(FILE, [name, endpoint, ledger, ...seeds], { execArgv: [] })
    const [said] = (await Promise.race([
      once(child, "message"),
      once(child, "exit").then(([code]) => {
        throw new Error(`The process ended: ${code}`)
      }),
    ])) as [Said]
    if (said.type !== "bound") throw new Error(`It was to say where it is, and said ${said.type}`)
    return new WorkerProcess(name, said.endpoint, child)
  }

  private constructor(name: string, endpoint: string, child: ChildProcess) {
    this.name = name
    this.endpoint = endpoint
    this.#child = child
    child.on("message", (said) => {
      this.#heard.push(said as Said)
      this.#wake()
    })
  }

  /** Resolves when it has said this, now or before. */
  async says(type: Said["type"]): Promise<void> {
    while (!this.#heard.some((said) => said.type === type)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  tell(told: Told): void {
    this.#child.send(told)
  }

  stop(): void {
    this.#child.kill("SIGSTOP")
  }

  goOn(): void {
    this.#child.kill("SIGCONT")
  }

  async kill(): Promise<void> {
    if (this.#ended) return
    const ended = once(this.#child, "exit")
    this.#child.kill("SIGKILL")
    await ended
  }

  /** Resolves with the exit code when the process has ended by itself. */
  async ended(): Promise<number | null> {
    if (!this.#ended) await once(this.#child, "exit")
    return this.#child.exitCode
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}
