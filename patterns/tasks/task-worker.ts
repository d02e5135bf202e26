// The worker: asks ventilators for as many tasks as it can hold, has a handler do them, and answers.

import { randomBytes } from "node:crypto"
import { hostname } from "node:os"
import { threadId } from "node:worker_threads"
import {
  ClosedError,
  type Codec,
  type DealerOptions,
  type Frame,
  type FrameLike,
  OptionError,
  StateError,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { Emitter } from "../emitter.ts"
import { name, type Settings, settle, whole } from "../settings.ts"
import { CODEC, type CodecArguments, encodeWith, SOCKET, socketOptions } from "./codecs.ts"
import { encodeError, isPermanent } from "./errors.ts"
import { checkHandler, type Job, type TaskHandler } from "./job.ts"
import { Link, type LinkHost } from "./link.ts"
import { MOST_PREFETCHED, Prefetch } from "./prefetch.ts"
import { SinkLink } from "./sink-link.ts"
import { DONE, FAILED, FAILED_FOR_GOOD, RETURNED, SUNK, TOKEN } from "./wire.ts"
import { Workbench } from "./workbench.ts"

/** What a worker can be told at its start, besides the codec. */
export interface TaskWorkerOptions {
  /** What ventilators call it, in events. At most 64 octets of it travel. Default: host, process and thread. */
  readonly name?: string | undefined
  /**
   * Tasks that it asks for beyond those that it does, from each ventilator. `"auto"` asks for about as many as it does
   * in 20 ms, at most 1024. Default `"auto"`.
   */
  readonly prefetch?: number | "auto" | undefined
  /** The endpoint of a `Sink`, where results go instead of back to the ventilator. Default: none. */
  readonly sink?: string | undefined
  /** Options of the Dealers behind it, such as `security` or `reconnectInterval`. */
  readonly socket?: DealerOptions | undefined
}

/** How tasks are done. */
export interface ServeTasksOptions {
  /** Handlers that may run at once. Default 1. */
  readonly concurrency?: number | undefined
  /** Closes the worker, as `close` does. */
  readonly signal?: AbortSignal | undefined
}

/** How a worker is closed. */
export interface CloseWorkerOptions {
  /** Milliseconds for which what runs may go on; then it is told to stop, and goes to others. Default 10 000. */
  readonly linger?: number | undefined
}

/** What happens at a worker. */
export type TaskWorkerEvents = {
  /** A ventilator is there. */
  readonly "ventilator:join": { readonly endpoint: string }
  /** A ventilator is gone; what runs goes on, and is answered when it comes back. */
  readonly "ventilator:leave": { readonly endpoint: string }
  /** A handler threw. */
  readonly "task:failed": { readonly id: number; readonly attempt: number; readonly error: unknown }
  /** A ventilator sent what is no message of this protocol, and was parted with. */
  readonly "message:invalid": { readonly endpoint: string }
}

/** Counters of a worker. */
export class TaskWorkerStats {
  /** Tasks that were done. */
  done = 0
  /** Tasks whose handler threw. */
  failed = 0
  /** Tasks that were given back without having begun: cancelled, or because the worker was closed. */
  returned = 0
  /** Messages that are none of this protocol. */
  invalid = 0
}

type AllOptions = TaskWorkerOptions & { readonly codec?: unknown }

const SETTINGS: Settings<AllOptions> = {
  name: name(`${hostname()}/${process.pid}/${threadId}`),
  prefetch: {
    accepts: `"auto", or a whole number of tasks, 0 to ${MOST_PREFETCHED}`,
    test: (value) =>
      value === "auto" || (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_PREFETCHED),
    default: "auto",
  },
  sink: { ...name(), default: undefined },
  codec: CODEC,
  socket: SOCKET,
}

const CONCURRENCY = whole("handlers", 1, 1, 65_536)
const EVENTS: readonly (keyof TaskWorkerEvents & string)[] = [
  "ventilator:join",
  "ventilator:leave",
  "task:failed",
  "message:invalid",
]

/**
 * Does the tasks of one or more ventilators.
 *
 * @typeParam T - the tasks
 * @typeParam R - the results
 */
export class TaskWorker<T = Frame, R = FrameLike> implements AsyncDisposable {
  /** Counters. */
  readonly stats: TaskWorkerStats = new TaskWorkerStats()
  /** What happens, as it happens. */
  readonly events: Emitter<TaskWorkerEvents> = new Emitter(EVENTS)
  readonly #codec: Codec<unknown> | undefined
  readonly #socket: DealerOptions
  readonly #prefetch: Prefetch
  readonly #host: LinkHost
  readonly #links = new Map<string, Link>()
  readonly #sink: SinkLink | undefined
  readonly #bench = new Workbench((job) => this.#start(job))
  #handler: TaskHandler<T, R> | undefined
  #closing: Promise<void> | undefined
  #whenIdle: (() => void) | undefined
  #served: Promise<void> | undefined
  #stopped: (() => void) | undefined

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: CodecArguments<R, T, TaskWorkerOptions>) {
    const settings = settle("TaskWorker", SETTINGS, options as AllOptions | undefined)
    this.#codec = settings.codec as Codec<unknown> | undefined
    this.#socket = socketOptions("TaskWorker", settings.socket as DealerOptions | undefined)
    this.#prefetch = new Prefetch(settings.prefetch)
    this.#host = this.#hostOf(settings.name)
    const sink = settings.sink as string | undefined
    if (sink === undefined) return
    this.#sink = new SinkLink(sink, this.#socket, (job) => job.link.answer(job, SUNK, undefined))
  }

  /**
   * Does tasks of the ventilators at these endpoints too, now or when they are there.
   *
   * @throws EndpointError, ClosedError
   */
  connect(...endpoints: string[]): void {
    if (this.#closing !== undefined) throw new ClosedError("The worker is closed")
    for (const endpoint of endpoints) {
      if (this.#links.has(endpoint)) continue
      this.#links.set(endpoint, new Link(this.#host, endpoint, this.#socket))
    }
  }

  /**
   * Has `handler` do tasks from now on.
   *
   * @returns a promise that resolves when the worker is closed
   * @throws (as rejections) OptionError; StateError if it serves already; ClosedError
   */
  async serve(handler: TaskHandler<T, R>, options: ServeTasksOptions = {}): Promise<void> {
    checkHandler(handler)
    const { concurrency = 1, signal } = options
    if (!CONCURRENCY.test(concurrency)) {
      throw new OptionError("concurrency", `concurrency must be ${CONCURRENCY.accepts}, got ${String(concurrency)}`)
    }
    if (this.#closing !== undefined) throw new ClosedError("The worker is closed")
    if (this.#served !== undefined) throw new StateError("The worker has a handler already")
    this.#handler = handler
    this.#bench.concurrency = concurrency
    this.#served = new Promise((resolve) => {
      this.#stopped = resolve
    })
    for (const link of this.#links.values()) link.demand()
    if (signal?.aborted) void this.close()
    const release = onAbort(signal, () => void this.close())
    await this.#served
    release()
  }

  /** Tasks that run. */
  get running(): number {
    return this.#bench.running
  }

  /** Takes no more tasks, gives back what has not begun, finishes what runs, answers, and parts. */
  close({ linger = 10_000 }: CloseWorkerOptions = {}): Promise<void> {
    if (typeof linger !== "number" || !(linger >= 0)) {
      throw new OptionError("linger", `linger must be a number of ms of at least 0, got ${String(linger)}`)
    }
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  /** Closes the worker at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(linger: number): Promise<void> {
    const links = [...this.#links.values()]
    // `closing` is set by the caller once this returns at its first await.
    await undefined
    for (const link of links) link.demand()
    for (let job = this.#bench.shift(); job !== undefined; job = this.#bench.shift()) this.#giveBack(job)
    let timer: ReturnType<typeof setTimeout> | undefined
    const finished = new Promise<void>((resolve) => {
      this.#whenIdle = resolve
      if (this.running === 0) resolve()
    }).then(() => this.#sink?.whenEmpty())
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(linger, 0x7fff_ffff))
    })
    await Promise.race([finished, late])
    clearTimeout(timer)
    for (const link of links) link.cancelAll()
    await Promise.all([...links.map((link) => link.close()), this.#sink?.close()])
    this.events.close()
    this.#stopped?.()
  }

  #hostOf(name: string): LinkHost {
    const worker = this
    return {
      instance: randomBytes(TOKEN),
      name,
      get most(): number {
        return 2 * (worker.#bench.concurrency + MOST_PREFETCHED)
      },
      demand() {
        if (worker.#handler === undefined || worker.#closing !== undefined) return undefined
        const { concurrency } = worker.#bench
        return { concurrency, capacity: concurrency + worker.#prefetch.tasks(concurrency) }
      },
      enqueue(job) {
        if (worker.#closing !== undefined) {
          worker.#giveBack(job)
          return
        }
        worker.#bench.add(job)
      },
      joined: ({ endpoint }) => this.events.emit("ventilator:join", { endpoint }),
      left: ({ endpoint }) => this.events.emit("ventilator:leave", { endpoint }),
      invalid: ({ endpoint }) => {
        this.stats.invalid++
        this.events.emit("message:invalid", { endpoint })
      },
    }
  }

  // ── handlers ───────────────────────────────────────────────────────────────────────────────────────────────────

  #start(job: Job): void {
    job.link.running(job)
    if (!job.announce) {
      this.#run(job)
      return
    }
    // Another attempt has failed: should this one kill the process, the ventilator is to know which task it was. By
    // the next turn but one that is written.
    job.link.announce(job)
    setImmediate(() => setImmediate(() => this.#run(job)))
  }

  #run(job: Job): void {
    if (job.state === "cancelled") {
      this.#giveBack(job)
      this.#ended(job, true)
      return
    }
    try {
      const task = this.#codec === undefined ? ownFrame(job) : this.#codec.decode(job.body)
      const result = (this.#handler as TaskHandler<T, R>)(task as T, job)
      if (isThenable(result)) {
        result.then(
          (value) => this.#done(job, value, true),
          (error: unknown) => this.#failed(job, error, true),
        )
      } else {
        this.#done(job, result, false)
      }
    } catch (error) {
      this.#failed(job, error, false)
    }
  }

  #done(job: Job, result: R, later: boolean): void {
    let body: Frame
    try {
      body = encodeWith(this.#codec, result)
    } catch (error) {
      this.#failed(job, error, later)
      return
    }
    this.stats.done++
    if (this.#sink === undefined) job.link.answer(job, DONE, body)
    else this.#sink.deliver(job, body)
    this.#ended(job, later)
  }

  #failed(job: Job, error: unknown, later: boolean): void {
    this.stats.failed++
    job.link.answer(job, isPermanent(error) ? FAILED_FOR_GOOD : FAILED, encodeError(error))
    this.events.emit("task:failed", { id: job.id, attempt: job.attempt, error })
    this.#ended(job, later)
  }

  #giveBack(job: Job): void {
    this.stats.returned++
    job.link.answer(job, RETURNED, undefined)
  }

  #ended(job: Job, later: boolean): void {
    if (this.#prefetch.took(performance.now() - job.begun)) for (const link of this.#links.values()) link.demand()
    this.#bench.ended(later || job.announce)
    if (this.#closing !== undefined && this.running === 0) this.#whenIdle?.()
  }
}

function isThenable<Value>(value: Value | PromiseLike<Value>): value is PromiseLike<Value> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<Value>).then === "function"
}

/** The frame of a job, for a handler that may write to it. */
function ownFrame({ body, link }: Job): Frame {
  return link.sharesMemory ? Buffer.from(body) : body
}
