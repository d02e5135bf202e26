// Changes of a table for a loop that may be slower than they come: it gets the newest of each key, and in the end its
// picture is that of the table. What waits are keys, never more than the loop's picture and the table have together.

/** One change, as a loop sees it. */
export type CloneChange<T> =
  | { readonly type: "update"; readonly key: string; readonly value: T }
  | { readonly type: "delete"; readonly key: string; readonly value?: undefined }

export class Changes<T> implements AsyncIterableIterator<CloneChange<T>, undefined> {
  readonly #look: (key: string) => { readonly value: T } | undefined
  readonly #leave: (changes: Changes<T>) => void
  /** Keys whose change was not handed out yet, and whether the loop has seen them as they were before. */
  readonly #keys = new Map<string, boolean>()
  #waiting: ((result: IteratorResult<CloneChange<T>, undefined>) => void)[] = []
  #ended = false

  constructor(look: (key: string) => { readonly value: T } | undefined, leave: (changes: Changes<T>) => void) {
    this.#look = look
    this.#leave = leave
  }

  /** A key has changed, which was there before or not. */
  changed(key: string, before: boolean): void {
    const known = this.#keys.get(key) ?? before
    // What came and went while the loop looked elsewhere is nothing to it.
    if (!known && this.#look(key) === undefined) {
      this.#keys.delete(key)
      return
    }
    this.#keys.set(key, known)
    if (this.#waiting.length > 0) this.#waiting.shift()?.(this.#take() as IteratorResult<CloneChange<T>, undefined>)
  }

  /** Ends the loop, behind what waits. */
  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
  }

  next(): Promise<IteratorResult<CloneChange<T>, undefined>> {
    const taken = this.#take()
    if (taken !== undefined) return Promise.resolve(taken)
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#keys.clear()
    this.#leave(this)
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): IteratorResult<CloneChange<T>, undefined> | undefined {
    for (const key of this.#keys.keys()) {
      this.#keys.delete(key)
      const entry = this.#look(key)
      return { done: false, value: entry ? { type: "update", key, value: entry.value } : { type: "delete", key } }
    }
    return undefined
  }
}
