// How a pattern tells what happens: the face that `events` of a socket has, over a table of the pattern's own.
// Nothing is gathered that nobody listens to; no listener can disturb the pattern or another listener.

import { AbortError, ClosedError, OptionError } from "brokerless"
import { onAbort } from "./aborts.ts"

/** Events by type: what each carries besides its `type`. */
export type EventMap = { readonly [type: string]: object }

/** One event: what its type carries, and the type. */
export type EventFrom<Map extends EventMap, Type extends keyof Map> = Type extends keyof Map
  ? { readonly type: Type } & Readonly<Map[Type]>
  : never

/** Events that wait for a loop that does not keep up. */
const KEPT = 1000

/** Hands out the events of a pattern: to listeners, to whoever awaits the next one, and to loops. */
export class Emitter<Map extends EventMap> {
  readonly #types: ReadonlySet<string>
  readonly #listeners = new globalThis.Map<keyof Map, Set<(event: never) => unknown>>()
  readonly #streams = new Set<Stream<Map>>()
  readonly #onClose = new Set<() => void>()
  #closed = false
  /** Events that loops did not get because they did not keep up. */
  dropped = 0

  /** `types` are all there are; listening to another one is an error. */
  constructor(types: readonly (keyof Map & string)[]) {
    this.#types = new Set(types)
  }

  /**
   * Calls `listener` with every event of this type from now on. What it throws becomes a warning of the process.
   *
   * @returns the function that removes the listener
   * @throws OptionError if there is no such type, or `listener` is not a function
   */
  on<Type extends keyof Map & string>(type: Type, listener: (event: EventFrom<Map, Type>) => unknown): () => void {
    this.#check(type)
    if (typeof listener !== "function") throw new OptionError("listener", "A listener must be a function")
    if (this.#closed) return () => {}
    // Each registration is one of its own, even of the same function.
    const registered = (event: never): unknown => listener(event)
    const all = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, all.add(registered))
    return () => all.delete(registered)
  }

  /**
   * The next event of this type. Rejects with AbortError when `signal` is aborted, and with ClosedError when the
   * pattern is closed before.
   */
  once<Type extends keyof Map & string>(
    type: Type,
    { signal }: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<EventFrom<Map, Type>> {
    return new Promise((resolve, reject) => {
      this.#check(type)
      if (signal?.aborted) throw new AbortError(signal.reason)
      if (this.#closed) throw new ClosedError(`Closed before a "${type}" event`)
      const settle = (): void => {
        remove()
        this.#onClose.delete(closed)
        forgo()
      }
      const closed = (): void => {
        settle()
        reject(new ClosedError(`Closed before a "${type}" event`))
      }
      const aborted = (): void => {
        settle()
        reject(new AbortError(signal?.reason))
      }
      const remove = this.on(type, (event) => {
        settle()
        resolve(event)
      })
      this.#onClose.add(closed)
      const forgo = onAbort(signal, aborted)
    })
  }

  /** All events from now on, until the pattern closes. A loop that does not keep up loses the oldest, counted. */
  [Symbol.asyncIterator](): AsyncIterableIterator<EventFrom<Map, keyof Map>, undefined> {
    const stream = new Stream<Map>(
      () => this.#streams.delete(stream),
      () => this.dropped++,
    )
    if (this.#closed) stream.end()
    else this.#streams.add(stream)
    return stream
  }

  /** @internal Tells all who listen. Never throws. */
  emit<Type extends keyof Map & string>(type: Type, what: Map[Type]): void {
    if (this.#closed) return
    const listeners = this.#listeners.get(type)
    if ((listeners === undefined || listeners.size === 0) && this.#streams.size === 0) return
    const event = { type, ...what } as unknown as EventFrom<Map, Type>
    for (const listener of [...(listeners ?? [])]) {
      try {
        const result = listener(event as never)
        if (result instanceof Promise) result.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
    for (const stream of this.#streams) stream.push(event)
  }

  /** @internal Ends all loops and refuses those who wait. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const refuse of [...this.#onClose]) refuse()
    for (const stream of [...this.#streams]) stream.end()
    this.#listeners.clear()
  }

  #check(type: string): void {
    if (this.#types.has(type)) return
    throw new OptionError("type", `There is no event "${type}"; the events are ${[...this.#types].join(", ")}`)
  }
}

function warn(thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  process.emitWarning(`A listener threw: ${error.message}`, { type: "BrokerlessWarning", detail: error.stack ?? "" })
}

class Stream<Map extends EventMap> implements AsyncIterableIterator<EventFrom<Map, keyof Map>, undefined> {
  readonly #leave: () => void
  readonly #drop: () => void
  #waiting: ((result: IteratorResult<EventFrom<Map, keyof Map>, undefined>) => void)[] = []
  #events: EventFrom<Map, keyof Map>[] = []
  #ended = false

  constructor(leave: () => void, drop: () => void) {
    this.#leave = leave
    this.#drop = drop
  }

  push(event: EventFrom<Map, keyof Map>): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) {
      waiting({ value: event, done: false })
      return
    }
    if (this.#events.length >= KEPT) {
      this.#events.shift()
      this.#drop()
    }
    this.#events.push(event)
  }

  end(): void {
    this.#ended = true
    this.#leave()
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
  }

  next(): Promise<IteratorResult<EventFrom<Map, keyof Map>, undefined>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ value: event, done: false })
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#events = []
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
