// Worker threads: starts them, starts them again when they die or hang, and stops them in good order. What runs in a
// thread is a module of the application, which calls `serveThread`.

import { availableParallelism } from "node:os"
import { MessageChannel, type MessagePort, Worker, type WorkerOptions } from "node:worker_threads"
import { OptionError } from "brokerless"
import { Emitter } from "../emitter.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { THREAD, type ThreadOrder, type ThreadStart } from "./thread-orders.ts"

/** How worker threads are started. */
export interface WorkerThreadsOptions {
  /** The endpoints of the ventilators, one or several. */
  readonly endpoint: string | readonly string[]
  /** How many threads. Default: as many as the machine runs at once. */
  readonly threads?: number | undefined
  /**
   * Milliseconds after which a thread that does nothing but one handler, and lets the event loop have no turn, is
   * taken for hanging: it is ended, and another is started. 0 = never. Default 0.
   */
  readonly stallTimeout?: number | undefined
  /**
   * Milliseconds before a thread is started again that died within ten seconds of its start; doubles each time, up to
   * a hundred times as much. One that lived longer is started again at once. Default 100.
   */
  readonly restartDelay?: number | undefined
  /** Options of the threads, such as `resourceLimits`, `env` or a `workerData` that is an object. */
  readonly worker?: Omit<WorkerOptions, "eval"> | undefined
}

/** What happens to worker threads. */
export type WorkerThreadsEvents = {
  /** A thread serves. */
  readonly "thread:ready": { readonly thread: number }
  /** A thread has ended; `error` is what it died of, if it said. */
  readonly "thread:exit": { readonly thread: number; readonly code: number; readonly error: unknown }
  /** A thread hangs, and is ended. */
  readonly "thread:stall": { readonly thread: number }
  /** A thread is started again. */
  readonly "thread:restart": { readonly delay: number }
}

const SETTINGS: Settings<WorkerThreadsOptions> = {
  endpoint: {
    accepts: "an endpoint, or an array of endpoints",
    test: (value) => [value].flat().length > 0 && [value].flat().every((each) => typeof each === "string"),
  },
  threads: whole("threads", availableParallelism(), 1),
  stallTimeout: whole("ms", 0, 0, 0x7fff_ffff),
  restartDelay: whole("ms", 100, 0, 0x7fff_ffff / 100),
  worker: { accepts: "an object", test: (value) => typeof value === "object" && value !== null, default: undefined },
}

/** Questions in a row, a part of `stallTimeout` apart, that a thread leaves open before it is taken for hanging. */
const QUESTIONS = 4
/** A thread that lived so long, in ms, did not die of its start. */
const SETTLED_MS = 10_000

/**
 * Starts worker threads that run `module` and serve the ventilators at `endpoint`. The module calls `serveThread`.
 *
 * @param module - a URL such as `new URL("./worker.js", import.meta.url)`, or a path
 * @throws OptionError for an option that does not exist or is not accepted
 */
export function startWorkers(module: URL | string, options: WorkerThreadsOptions): WorkerThreads {
  return new WorkerThreads(module, options)
}

/** Worker threads that are kept running. */
export class WorkerThreads implements AsyncDisposable {
  /** What happens, as it happens. */
  readonly events: Emitter<WorkerThreadsEvents> = new Emitter([
    "thread:ready",
    "thread:exit",
    "thread:stall",
    "thread:restart",
  ])
  /** Threads that were started again. */
  restarts = 0
  readonly #module: URL | string
  readonly #start: ThreadStart
  readonly #worker: WorkerOptions
  readonly #stallTimeout: number
  readonly #restartDelay: number
  readonly #threads = new Set<Thread>()
  readonly #restarting = new Set<ReturnType<typeof setTimeout>>()
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(module: URL | string, options: WorkerThreadsOptions) {
    const { endpoint, threads, stallTimeout, restartDelay, worker } = settle("startWorkers", SETTINGS, options)
    if (!(module instanceof URL) && typeof module !== "string") {
      throw new OptionError("module", "A module must be a URL or a path")
    }
    this.#module = module
    this.#start = { endpoints: [endpoint].flat() as string[] }
    this.#worker = (worker ?? {}) as WorkerOptions
    this.#stallTimeout = stallTimeout
    this.#restartDelay = restartDelay
    for (let i = 0; i < threads; i++) this.#begin(0)
  }

  /** Threads that run. */
  get size(): number {
    return this.#threads.size
  }

  /** The threads, for whoever wants to know more of them than this tells. */
  get workers(): readonly Worker[] {
    return Array.from(this.#threads, ({ worker }) => worker)
  }

  /**
   * Has the threads finish what they do, and end; those that have not within `linger` ms (default 10 000) are ended.
   */
  close({ linger = 10_000 }: { readonly linger?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  /** Ends the threads at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(linger: number): Promise<void> {
    for (const timer of this.#restarting) clearTimeout(timer)
    this.#restarting.clear()
    await Promise.all(Array.from(this.#threads, (thread) => thread.stop(linger)))
    this.events.close()
  }

  #begin(failures: number): void {
    const started = performance.now()
    const thread = new Thread(this.#module, this.#worker, this.#start, this.#stallTimeout, {
      ready: (id) => this.events.emit("thread:ready", { thread: id }),
      stalled: (id) => this.events.emit("thread:stall", { thread: id }),
      ended: (id, code, error) => {
        this.#threads.delete(thread)
        this.events.emit("thread:exit", { thread: id, code, error })
        if (this.#closing === undefined) this.#restart(performance.now() - started < SETTLED_MS ? failures + 1 : 0)
      },
    })
    this.#threads.add(thread)
  }

  #restart(failures: number): void {
    const delay = failures === 0 ? 0 : this.#restartDelay * Math.min(2 ** (failures - 1), 100)
    this.restarts++
    this.events.emit("thread:restart", { delay })
    const timer = setTimeout(() => {
      this.#restarting.delete(timer)
      this.#begin(failures)
    }, delay)
    this.#restarting.add(timer)
  }
}

interface ThreadListener {
  ready(id: number): void
  stalled(id: number): void
  ended(id: number, code: number, error: unknown): void
}

class Thread {
  readonly worker: Worker
  readonly ended: Promise<void>
  readonly #orders: MessagePort
  readonly #id: number
  readonly #listener: ThreadListener
  readonly #stallTimeout: number
  #watch: ReturnType<typeof setInterval> | undefined
  /** Questions since it last said something. */
  #open = 0
  #error: unknown

  constructor(
    module: URL | string,
    options: WorkerOptions,
    start: ThreadStart,
    stallTimeout: number,
    listener: ThreadListener,
  ) {
    const { port1, port2 } = new MessageChannel()
    this.#orders = port1
    this.#listener = listener
    this.#stallTimeout = stallTimeout
    this.worker = new Worker(module, {
      ...options,
      workerData: { ...(options.workerData as object | undefined), [THREAD]: { ...start, orders: port2 } },
      transferList: [...(options.transferList ?? []), port2],
    })
    this.#id = this.worker.threadId
    port1.unref()
    port1.on("message", (message: unknown) => this.#hear(message))
    this.worker.once("error", (error) => {
      this.#error = error
    })
    this.ended = new Promise((resolve) => {
      this.worker.once("exit", (code) => {
        clearInterval(this.#watch)
        port1.close()
        listener.ended(this.#id, code, this.#error)
        resolve()
      })
    })
  }

  async stop(linger: number): Promise<void> {
    clearInterval(this.#watch)
    this.#order("close")
    const timer = setTimeout(() => void this.worker.terminate(), Math.min(linger, 0x7fff_ffff))
    await this.ended
    clearTimeout(timer)
  }

  #order(order: ThreadOrder): void {
    this.#orders.postMessage(order)
  }

  #hear(message: unknown): void {
    this.#open = 0
    if (message !== "ready") return
    this.#listener.ready(this.#id)
    if (this.#stallTimeout === 0) return
    this.#watch = setInterval(() => this.#look(), Math.max(1, this.#stallTimeout / QUESTIONS)).unref()
  }

  #look(): void {
    // Not by the clock: should our own event loop stand still, the answers are there and were not heard.
    if (this.#open++ < QUESTIONS) {
      this.#order("answer")
      return
    }
    clearInterval(this.#watch)
    this.#listener.stalled(this.#id)
    void this.worker.terminate()
  }
}
