// Calls that wait, in order, each for no longer than it likes.

import { AbortError, TimeoutError } from "brokerless"
import { onAbort } from "./aborts.ts"
import { LONGEST } from "./closing.ts"
import { Crowd } from "./crowd.ts"
import { Register } from "./register.ts"

/** One call that waits. */
export interface Waiter<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  readonly release: () => void
}

export class Waiters<Item, Result> {
  readonly #waiting = new Crowd<Waiter<Item, Result>>()
  readonly #byItem = new Register<Item, Waiter<Item, Result>>()

  get size(): number {
    return this.#waiting.size
  }

  /** `timeout` in ms, -1 for ever; `what` says in the error what happened instead. */
  wait(item: Item, timeout: number, signal: AbortSignal | undefined, what: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => this.fail(waiter, new AbortError(signal?.reason))
      const timedOut = (): void => this.fail(waiter, new TimeoutError(`${what} for ${timeout} ms`))
      const timer = timeout < 0 ? undefined : setTimeout(timedOut, Math.min(timeout, LONGEST))
      const forgo = onAbort(signal, aborted)
      const release = (): void => {
        clearTimeout(timer)
        forgo()
      }
      const waiter: Waiter<Item, Result> = { item, resolve, reject, release }
      this.#waiting.add(waiter)
      this.#byItem.set(item, waiter)
    })
  }

  /** In the order in which they came; whoever is shown may be settled. */
  [Symbol.iterator](): IterableIterator<Waiter<Item, Result>> {
    return this.#waiting[Symbol.iterator]()
  }

  /** Who waits last for this very item. */
  of(item: Item): Waiter<Item, Result> | undefined {
    return this.#byItem.get(item)
  }

  settle(waiter: Waiter<Item, Result>, result: Result): void {
    if (!this.#leave(waiter)) return
    waiter.resolve(result)
  }

  fail(waiter: Waiter<Item, Result>, error: unknown): void {
    if (!this.#leave(waiter)) return
    waiter.reject(error)
  }

  failAll(error: () => unknown): void {
    for (const waiter of this.#waiting) this.fail(waiter, error())
  }

  #leave(waiter: Waiter<Item, Result>): boolean {
    if (!this.#waiting.delete(waiter)) return false
    if (this.#byItem.get(waiter.item) === waiter) this.#byItem.delete(waiter.item)
    waiter.release()
    return true
  }
}
