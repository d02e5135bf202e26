// An iterable of tasks to an iterable of results, a bounded number of tasks ahead of whoever takes the results.

import { AbortError, OptionError } from "brokerless"
import { onAbort } from "../aborts.ts"
import { flag, oneOf, type Settings, settle, whole } from "../settings.ts"
import type { RunOptions } from "./run-options.ts"

/** How an iterable of tasks is done. What `RunOptions` says holds for each of them. */
export interface MapOptions<T> extends Omit<RunOptions, "key"> {
  /** The key of each task: tasks of one key go to one worker. Default: none. */
  readonly key?: ((task: T) => string) | undefined
  /** Results as they come, or as the tasks were given. Default `"completion"`. */
  readonly order?: "completion" | "input" | undefined
  /** Tasks that may be taken ahead of the loop. Default 1024. */
  readonly ahead?: number | undefined
  /** Goes on when a task is given up, without a result for it; the dead letter callback has it. Default false. */
  readonly skipFailed?: boolean | undefined
}

/** What a mapping needs of its ventilator. */
export interface MapSource<T, R> {
  run(task: T, options: RunOptions): Promise<R>
  /** So many more tasks, or fewer, are known to come. */
  announce(count: number): void
}

type OwnOptions = Pick<MapOptions<unknown>, "key" | "order" | "ahead" | "skipFailed">

const SETTINGS: Settings<OwnOptions> = {
  key: { accepts: "a function", test: (value) => typeof value === "function", default: undefined },
  order: oneOf<"completion" | "input">(["completion", "input"], "completion"),
  ahead: whole("tasks", 1024, 1),
  skipFailed: flag(false),
}

/** What came of one task; `undefined` as long as nothing has. */
interface Outcome<R> {
  state: "running" | "done" | "failed"
  result: R | undefined
  error: unknown
}

/** See `Ventilator.map`. Options are checked here and now, not when the loop begins. */
export function mapTasks<T, R>(
  source: MapSource<T, R>,
  tasks: Iterable<T> | AsyncIterable<T>,
  options: MapOptions<T>,
): AsyncIterableIterator<R, undefined> {
  const { key, order, ahead, skipFailed, signal, ...terms } = options
  const settings = settle<OwnOptions>("map", SETTINGS, { key: key as OwnOptions["key"], order, ahead, skipFailed })
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError("signal", "signal must be an AbortSignal")
  }
  return new Mapping<T, R>(source, tasks, { ...settings, key, terms, signal })
}

interface MapSettings<T> {
  readonly key: ((task: T) => string) | undefined
  readonly order: "completion" | "input"
  readonly ahead: number
  readonly skipFailed: boolean
  readonly terms: RunOptions
  readonly signal: AbortSignal | undefined
}

class Mapping<T, R> implements AsyncIterableIterator<R, undefined> {
  readonly #source: MapSource<T, R>
  readonly #settings: MapSettings<T>
  readonly #tasks: Iterator<T> | AsyncIterator<T>
  readonly #stop = new AbortController()
  readonly #release: () => void
  /** Tasks whose results were not handed out, in the order in which they will be. */
  #outcomes: Outcome<R>[] = []
  #next = 0
  #running = 0
  /** A task of an asynchronous iterable is awaited. */
  #asking = false
  #exhausted = false
  #ended = false
  /** What ends the loop, once what came before it was handed out. */
  #error: { readonly error: unknown } | undefined
  #announced = 0
  readonly #readers: Reader<R>[] = []

  constructor(source: MapSource<T, R>, tasks: Iterable<T> | AsyncIterable<T>, settings: MapSettings<T>) {
    this.#source = source
    this.#settings = settings
    const { signal } = settings
    if (Array.isArray(tasks)) this.#announce(tasks.length)
    this.#tasks = Symbol.asyncIterator in tasks ? tasks[Symbol.asyncIterator]() : tasks[Symbol.iterator]()
    const aborted = (): void => this.#fail(new AbortError(signal?.reason))
    this.#release = onAbort(signal, aborted)
    if (signal?.aborted) aborted()
  }

  next(): Promise<IteratorResult<R, undefined>> {
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject })
      this.#fill()
      this.#serve()
    })
  }

  /** Leaving the loop cancels what is under way. */
  async return(): Promise<IteratorResult<R, undefined>> {
    await this.#end()
    this.#serve()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  // ── tasks in ───────────────────────────────────────────────────────────────────────────────────────────────────

  #fill(): void {
    while (!this.#exhausted && !this.#asking && this.#ahead < this.#settings.ahead) {
      let taken: IteratorResult<T> | Promise<IteratorResult<T>>
      try {
        taken = this.#tasks.next()
      } catch (error) {
        this.#exhausted = true
        this.#fail(error)
        return
      }
      if (!(taken instanceof Promise)) {
        this.#take(taken)
        continue
      }
      this.#asking = true
      taken.then(
        (result) => {
          this.#asking = false
          this.#take(result)
          this.#fill()
          this.#serve()
        },
        (error: unknown) => {
          this.#asking = false
          this.#exhausted = true
          this.#fail(error)
        },
      )
    }
  }

  get #ahead(): number {
    const waiting = this.#outcomes.length - this.#next
    return this.#settings.order === "input" ? waiting : waiting + this.#running
  }

  #take(taken: IteratorResult<T>): void {
    if (taken.done) {
      this.#exhausted = true
      this.#announce(-this.#announced)
      return
    }
    if (this.#ended) return
    if (this.#announced > 0) this.#announce(-1)
    const { key, terms, order } = this.#settings
    const outcome: Outcome<R> = { state: "running", result: undefined, error: undefined }
    this.#running++
    if (order === "input") this.#outcomes.push(outcome)
    let result: Promise<R>
    try {
      const own = key === undefined ? {} : { key: key(taken.value) }
      result = this.#source.run(taken.value, { ...terms, ...own, signal: this.#stop.signal })
    } catch (error) {
      result = Promise.reject(error)
    }
    result.then(
      (value) => {
        outcome.state = "done"
        outcome.result = value
        this.#finished(outcome)
      },
      (error: unknown) => {
        outcome.state = "failed"
        outcome.error = error
        this.#finished(outcome)
      },
    )
  }

  // ── results out ────────────────────────────────────────────────────────────────────────────────────────────────

  #finished(outcome: Outcome<R>): void {
    this.#running--
    if (this.#ended) return
    if (this.#settings.order === "completion") this.#outcomes.push(outcome)
    this.#serve()
  }

  #serve(): void {
    while (this.#readers.length > 0) {
      const outcome = this.#outcomes[this.#next]
      if (outcome !== undefined && outcome.state !== "running" && !this.#ended) {
        this.#advance()
        if (outcome.state === "done") {
          this.#readers.shift()?.resolve({ value: outcome.result as R, done: false })
        } else if (!this.#settings.skipFailed) {
          this.#fail(outcome.error)
        }
        this.#fill()
      } else if (this.#error !== undefined) {
        const { error } = this.#error
        this.#error = undefined
        this.#readers.shift()?.reject(error)
      } else if (this.#ended || (this.#exhausted && this.#running === 0 && outcome === undefined)) {
        void this.#end()
        this.#readers.shift()?.resolve({ value: undefined, done: true })
      } else {
        return
      }
    }
  }

  #advance(): void {
    this.#outcomes[this.#next++] = undefined as unknown as Outcome<R>
    // What was handed out goes, now and then, so that a step costs little.
    if (this.#next === this.#outcomes.length || this.#next >= 1024) {
      this.#outcomes = this.#outcomes.slice(this.#next)
      this.#next = 0
    }
  }

  #announce(count: number): void {
    this.#announced += count
    this.#source.announce(count)
  }

  #fail(error: unknown): void {
    if (this.#ended) return
    this.#error = { error }
    void this.#end()
    this.#serve()
  }

  /** Nothing more comes; what is under way is cancelled, and the source of the tasks is told. */
  async #end(): Promise<void> {
    if (this.#ended) return
    this.#ended = true
    this.#outcomes = []
    this.#next = 0
    this.#release()
    this.#announce(-this.#announced)
    this.#stop.abort(new Error("The loop over the results was left"))
    if (this.#exhausted) return
    this.#exhausted = true
    // Its end is nobody's affair any more; and if it is still to say what comes next, it may take for ever.
    const returned = Promise.resolve(this.#tasks.return?.()).catch(() => {})
    if (!this.#asking) await returned
  }
}

interface Reader<R> {
  resolve(result: IteratorResult<R, undefined>): void
  reject(error: unknown): void
}
