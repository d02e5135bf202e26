// A ventilator with workers in one process, all closed at the end of the test's block.

import { randomUUID } from "node:crypto"
import {
  type TaskHandler,
  TaskWorker,
  type TaskWorkerOptions,
  Ventilator,
  type VentilatorOptions,
} from "brokerless/patterns/tasks"
import { type Deferred, deferred } from "../../../test/support/deferred.ts"
import { json } from "./programs/jobs.ts"

export class Stage implements AsyncDisposable {
  readonly ventilator: Ventilator<number, number>
  readonly endpoint: string = `inproc://${randomUUID()}`
  readonly workers: TaskWorker<number, number>[] = []

  private constructor(options: VentilatorOptions<number>) {
    this.ventilator = new Ventilator<number, number>({ codec: json(), ...options })
  }

  static async open(options: VentilatorOptions<number> = {}): Promise<Stage> {
    const stage = new Stage(options)
    await stage.ventilator.bind(stage.endpoint)
    return stage
  }

  /** A worker that has come in. */
  async worker(
    handler: TaskHandler<number, number>,
    { concurrency = 1, ...options }: TaskWorkerOptions & { readonly concurrency?: number } = {},
  ): Promise<TaskWorker<number, number>> {
    const worker = new TaskWorker<number, number>({ codec: json(), ...options })
    this.workers.push(worker)
    const joined = this.ventilator.events.once("worker:join")
    worker.connect(this.endpoint)
    void worker.serve(handler, { concurrency })
    await joined
    return worker
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.ventilator.close()
    await Promise.all(this.workers.map((worker) => worker.close({ linger: 0 })))
  }
}

/** A handler whose tasks the test ends by hand, one by one. */
export class Hands {
  /** Tasks in the order in which they were begun. */
  readonly begun: number[] = []
  readonly signals: Map<number, AbortSignal> = new Map()
  readonly #held = new Map<number, Deferred<number>>()
  #wake: () => void = () => {}

  readonly handler: TaskHandler<number, number> = (task, { signal }) => {
    const held = deferred<number>()
    this.begun.push(task)
    this.signals.set(task, signal)
    this.#held.set(task, held)
    this.#wake()
    return held.promise
  }

  /** Resolves when so many have begun, all in all. */
  async haveBegun(count: number): Promise<void> {
    while (this.begun.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Ends a task with ten times its number. */
  finish(task: number): void {
    this.#held.get(task)?.resolve(task * 10)
  }

  fail(task: number, error: unknown): void {
    this.#held.get(task)?.reject(error)
  }

  finishAll(): void {
    for (const task of this.#held.keys()) this.finish(task)
  }
}
