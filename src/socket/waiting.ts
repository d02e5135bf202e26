// Those who wait, in order of arrival: for a message, or for room for one. Each may give up by its time or its signal,
// and is then forgotten as if it had never asked.

import { afterHolding, cancel, type Timer } from "../clock.ts"
import { AbortError, OptionError, TimeoutError } from "../errors.ts"
import { describe } from "../message.ts"
import { onAbort } from "./aborts.ts"

/** How long a call may wait. */
export interface WaitOptions {
  /** Milliseconds; 0 fails at once, -1 waits for ever. Default: the socket's own timeout. */
  readonly timeout?: number | undefined
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined
}

/** How many wait, in all lines that share the count. */
export interface Count {
  waiting: number
}

/** One who waits, in which line at the moment, and between whom. */
export interface Waiter<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
  line: WaitingLine<Item, Result> | undefined
  before: Waiter<Item, Result> | undefined
  behind: Waiter<Item, Result> | undefined
  timer: Timer | undefined
  /** Takes back what was asked of its signal. */
  release: (() => void) | undefined
}

/**
 * A line that anybody can leave at any time. It is linked through its waiters, because a receiver that is faster than
 * its sender waits for every single message.
 */
export class WaitingLine<Item, Result> {
  readonly #count: Count
  #first: Waiter<Item, Result> | undefined
  #last: Waiter<Item, Result> | undefined
  #length = 0

  constructor(count: Count) {
    this.#count = count
  }

  get length(): number {
    return this.#length
  }

  /** Waits at the end of the line. `timeout` in ms, -1 for ever; `what` names in the error what did not happen. */
  wait(item: Item, timeout: number, signal: AbortSignal | undefined, what: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter<Item, Result> = {
        item,
        resolve,
        reject,
        line: undefined,
        before: undefined,
        behind: undefined,
        timer: undefined,
        release: undefined,
      }
      this.#join(waiter)
      this.#count.waiting++
      if (timeout >= 0) {
        waiter.timer = afterHolding(timeout, () => {
          waiter.line?.fail(waiter, new TimeoutError(`${what} within ${timeout} ms`))
        })
      }
      if (signal !== undefined) {
        waiter.release = onAbort(signal, () => waiter.line?.fail(waiter, new AbortError(signal.reason)))
      }
    })
  }

  first(): Waiter<Item, Result> | undefined {
    return this.#first
  }

  /** From the first to the last; whoever is shown may leave. */
  *[Symbol.iterator](): IterableIterator<Waiter<Item, Result>> {
    for (let waiter = this.#first; waiter !== undefined; ) {
      const next: Waiter<Item, Result> | undefined = waiter.behind
      yield waiter
      waiter = next
    }
  }

  settle(waiter: Waiter<Item, Result>, result: Result): void {
    this.#leave(waiter)
    waiter.resolve(result)
  }

  fail(waiter: Waiter<Item, Result>, error: unknown): void {
    this.#leave(waiter)
    waiter.reject(error)
  }

  failAll(error: () => unknown): void {
    for (const waiter of [...this]) this.fail(waiter, error())
  }

  /** The waiter goes on waiting at the end of another line. */
  move(waiter: Waiter<Item, Result>, to: WaitingLine<Item, Result>): void {
    this.#unlink(waiter)
    to.#join(waiter)
  }

  #join(waiter: Waiter<Item, Result>): void {
    const last = this.#last
    waiter.line = this
    waiter.before = last
    if (last === undefined) this.#first = waiter
    else last.behind = waiter
    this.#last = waiter
    this.#length++
  }

  #leave(waiter: Waiter<Item, Result>): void {
    if (waiter.line !== this) return
    this.#unlink(waiter)
    this.#count.waiting--
    if (waiter.timer !== undefined) cancel(waiter.timer)
    waiter.release?.()
  }

  #unlink(waiter: Waiter<Item, Result>): void {
    const { before, behind } = waiter
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    waiter.line = waiter.before = waiter.behind = undefined
    this.#length--
  }
}

/** Checks how many a call is to wait for; throws {@link OptionError}. */
export function checkCount(count: number): void {
  if (Number.isInteger(count) && count >= 0) return
  throw new OptionError("count", `count must be a whole number of at least 0, got ${describe(count)}`)
}

/** Checks what was given to a call; throws {@link OptionError}, or {@link AbortError} when the signal has ended. */
export function checkWait(options: WaitOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("options", `The options of a call must be an object, got ${describe(options)}`)
  }
  const { timeout, signal } = options
  if (timeout !== undefined && (typeof timeout !== "number" || !(timeout >= 0 || timeout === -1))) {
    throw new OptionError("timeout", `timeout must be -1 or a number of ms of at least 0, got ${describe(timeout)}`)
  }
  if (signal === undefined) return
  if (!(signal instanceof AbortSignal)) {
    throw new OptionError("signal", `signal must be an AbortSignal, got ${describe(signal)}`)
  }
  if (signal.aborted) throw new AbortError(signal.reason)
}
