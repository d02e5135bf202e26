// Updates that wait for one loop: all of them in their order, or of each topic the newest.

import { Register } from "../register.ts"
import type { FeedUpdate } from "./subscriber-options.ts"

type Result<T> = IteratorResult<FeedUpdate<T>, undefined>

export class UpdateQueue<T> implements AsyncIterableIterator<FeedUpdate<T>, undefined> {
  /** Updates that newer ones replaced. */
  conflated = 0
  readonly #newest: Register<string, FeedUpdate<T>> | undefined
  #list: FeedUpdate<T>[] = []
  #head = 0
  readonly #waiting: ((result: Result<T>) => void)[] = []
  #ended = false
  readonly #drained: () => void
  readonly #leave: () => void

  /** `drained` is called when an update was taken, `leave` when the loop is left. */
  constructor(conflate: boolean, drained: () => void, leave: () => void) {
    this.#newest = conflate ? new Register() : undefined
    this.#drained = drained
    this.#leave = leave
  }

  get size(): number {
    return this.#newest?.size ?? this.#list.length - this.#head
  }

  push(update: FeedUpdate<T>): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) waiting({ value: update, done: false })
    else if (this.#newest === undefined) this.#list.push(update)
    else {
      if (this.#newest.has(update.topic)) this.conflated++
      // The topic keeps its place, so that one that changes often does not wait for ever.
      this.#newest.set(update.topic, update)
    }
  }

  /** Nothing more comes; what waits can still be taken. */
  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
  }

  next(): Promise<Result<T>> {
    const update = this.#take()
    if (update !== undefined) {
      this.#drained()
      return Promise.resolve({ value: update, done: false })
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<Result<T>> {
    this.#newest?.clear()
    this.#list = []
    this.#head = 0
    this.end()
    this.#leave()
    this.#drained()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): FeedUpdate<T> | undefined {
    if (this.#newest !== undefined) {
      for (const [topic, update] of this.#newest) {
        this.#newest.delete(topic)
        return update
      }
      return undefined
    }
    const update = this.#list[this.#head]
    if (update === undefined) return undefined
    this.#list[this.#head++] = undefined as never
    if (this.#head > 1024 && this.#head * 2 > this.#list.length) {
      this.#list = this.#list.slice(this.#head)
      this.#head = 0
    }
    return update
  }
}
