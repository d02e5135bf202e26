// Calls that wait, in order, each for no longer than it likes.

import { AbortError, TimeoutError } from "brokerless"
import { LONGEST } from "../closing.ts"

/** One call that waits. */
export interface Waiter<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

export class Waiters<Item, Result> {
  readonly #waiting = new Set<Waiter<Item, Result>>()

  get size(): number {
    return this.#waiting.size
  }

  /** `timeout` in ms, -1 for ever; `what` says in the error what happened instead. */
  wait(item: Item, timeout: number, signal: AbortSignal | undefined, what: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => this.fail(waiter, new AbortError(signal?.reason))
      const timedOut = (): void => this.fail(waiter, new TimeoutError(`${what} for ${timeout} ms`))
      const timer = timeout < 0 ? undefined : setTimeout(timedOut, Math.min(timeout, LONGEST))
      const release = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener("abort", aborted)
      }
      const waiter: Waiter<Item, Result> = { item, resolve, reject, release }
      signal?.addEventListener("abort", aborted, { once: true })
      this.#waiting.add(waiter)
    })
  }

  /** In the order in which they came; whoever is shown may be settled. */
  [Symbol.iterator](): IterableIterator<Waiter<Item, Result>> {
    return this.#waiting.values()
  }

  settle(waiter: Waiter<Item, Result>, result: Result): void {
    if (!this.#waiting.delete(waiter)) return
    waiter.release()
    waiter.resolve(result)
  }

  fail(waiter: Waiter<Item, Result>, error: unknown): void {
    if (!this.#waiting.delete(waiter)) return
    waiter.release()
    waiter.reject(error)
  }

  failAll(error: () => unknown): void {
    for (const waiter of this.#waiting) this.fail(waiter, error())
  }
}
