// The parent's end of a worker process: asks it to do things and hands back what it answers.

import { type ChildProcess, execFileSync, fork } from "node:child_process"
import { readdirSync } from "node:fs"
import { constants, setPriority } from "node:os"
import { fileURLToPath } from "node:url"
import type { Order, Report, Roles } from "./worker.ts"

interface Pending {
  resolve(result: unknown): void
  reject(error: Error): void
}

type Task<R extends keyof Roles> = {
  [T in keyof Roles[R]]: Roles[R][T] extends (...values: never[]) => unknown ? T : never
}[keyof Roles[R]]

type Parameters<F> = F extends (...values: infer P) => unknown ? P : never
type Result<F> = F extends (...values: never[]) => infer R ? Awaited<R> : never

export class WorkerProcess {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  readonly #ended: Promise<void>
  #orders = 0
  #end: string | undefined

  constructor(nodeArguments: readonly string[] = []) {
    const file = fileURLToPath(new URL("./worker.js", import.meta.url))
    this.#child = fork(file, { execArgv: [...nodeArguments] })
    this.#child.on("message", (report: Report) => this.#settle(report))
    this.#ended = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => {
        this.#end = `The worker process ended (${signal ?? `exit code ${code}`})`
        for (const { reject } of this.#pending.values()) reject(new Error(this.#end))
        this.#pending.clear()
        resolve()
      })
    })
  }

  /** Keeps the process, with all its threads, on one core. Needs `taskset`, which Linux has. */
  pin(core: number): void {
    execFileSync("taskset", ["--all-tasks", "--cpu-list", "--pid", String(core), String(this.#child.pid)])
  }

  /**
   * Gives the main thread a core of its own, where that can be had (Linux). The process's other threads, which compile
   * and collect, take what the main threads leave, on any core: it is as if they had cores enough. To be called once the
   * process does something: what it starts later is settled like the thread that starts it.
   */
  settle(core: number): void {
    if (process.platform !== "linux") return
    const pid = String(this.#child.pid)
    execFileSync("taskset", ["--cpu-list", "--pid", String(core), pid])
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      if (thread !== pid) execFileSync("chrt", ["--idle", "--pid", "0", thread])
    }
  }

  /** Takes only what the other processes leave of the processors. On Linux no waking process waits for it (`chrt`). */
  yield(): void {
    const pid = this.#child.pid as number
    if (process.platform === "linux") execFileSync("chrt", ["--all-tasks", "--idle", "--pid", "0", String(pid)])
    else setPriority(pid, constants.priority.PRIORITY_LOW)
  }

  /** Has a role do something. Rejects when it fails, when the process ends, or after `limit` milliseconds. */
  ask<R extends keyof Roles, T extends Task<R> & string>(
    role: R,
    task: T,
    values: Parameters<Roles[R][T]>,
    limit = 20_000,
    thread = false,
  ): Promise<Result<Roles[R][T]>> {
    const id = ++this.#orders
    const order: Order = { id, role, task, arguments: values as unknown[], thread }
    return new Promise<Result<Roles[R][T]>>((resolve, reject) => {
      if (this.#end !== undefined) throw new Error(this.#end)
      const late = new Error(`${role}.${task}(${(values as unknown[]).filter(isNumber).join()}) took over ${limit} ms`)
      const timer = setTimeout(() => {
        this.#pending.delete(id)
        reject(late)
      }, limit)
      this.#pending.set(id, {
        resolve(result) {
          clearTimeout(timer)
          resolve(result as Result<Roles[R][T]>)
        },
        reject(error) {
          clearTimeout(timer)
          reject(error)
        },
      })
      this.#child.send(order)
    })
  }

  /** Another thread of the process, for the roles that are asked of it. */
  thread(): Pick<WorkerProcess, "ask"> {
    return { ask: (role, task, values, limit = 20_000) => this.ask(role, task, values, limit, true) }
  }

  /** Ends the process and resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#end === undefined) this.#child.kill("SIGKILL")
    await this.#ended
  }

  #settle(report: Report): void {
    const pending = this.#pending.get(report.id)
    this.#pending.delete(report.id)
    if (report.error === undefined) pending?.resolve(report.result)
    else pending?.reject(new Error(report.error))
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === "number"
}
