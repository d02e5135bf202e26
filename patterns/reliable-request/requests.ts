// Requests that are made again until they are answered or nothing is left to try: so often, each time for so long, so
// many at once, and with one end for all of them. Whom to ask is another's affair.

import { setMaxListeners } from "node:events"
import {
  AbortError,
  ClosedError,
  CodecError,
  OptionError,
  StateError,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { Crowd } from "../crowd.ts"

/** How long to wait for an answer, and how often to ask. */
export interface Attempts {
  /** Milliseconds per attempt. */
  readonly timeout?: number | undefined
  /** Further attempts after the first has failed. */
  readonly retries?: number | undefined
  /** Bounds all attempts together. */
  readonly signal?: AbortSignal | undefined
}

/** The same, filled in. */
export interface Settled {
  readonly timeout: number
  readonly retries: number
  readonly signal: AbortSignal | undefined
}

export interface RequestsSetup {
  /** What holds for a request that does not say otherwise. */
  readonly timeout: number
  readonly retries: number
  /** Requests that may be under way at once. */
  readonly maxPending: number
  /** An attempt brought no answer; `attempt` counts from 0. */
  readonly failed: (error: unknown, attempt: number) => void
}

/** One attempt: until when, as `performance.now()` counts, and what ends it before. */
export type Ask<Result> = (until: number, signal: AbortSignal) => Promise<Result>

export class Requests {
  /** Those made, those answered, those given up, and attempts after a failed one. */
  readonly counts = { requests: 0, answered: 0, failed: 0, retries: 0 }
  readonly #setup: RequestsSetup
  readonly #running = new Crowd<Promise<unknown>>()
  /** Aborted when there is no more time for them. */
  readonly #ending = new AbortController()

  constructor(setup: RequestsSetup) {
    this.#setup = setup
    // Every request listens to it.
    setMaxListeners(0, this.#ending.signal)
  }

  /** How many are under way. */
  get size(): number {
    return this.#running.size
  }

  /** Whether one more may be made, and how. Throws OptionError, AbortError, or StateError with too many under way. */
  admit(given: Attempts): Settled {
    const settled = settleAttempts(given, this.#setup)
    const { maxPending } = this.#setup
    if (this.size < maxPending) return settled
    throw new StateError(`${maxPending} requests are under way (maxPending); wait until one is over`)
  }

  /** Asks until it is answered; when the time of all is over, its failure is that of a closed pattern. */
  async make<Result>(settled: Settled, ask: Ask<Result>): Promise<Result> {
    this.counts.requests++
    const running = this.#attempts(settled, ask)
    this.#running.add(running)
    try {
      const answer = await running
      this.counts.answered++
      return answer
    } catch (error) {
      this.counts.failed++
      throw this.#ending.signal.aborted ? new ClosedError("Closed before the answer came") : error
    } finally {
      this.#running.delete(running)
    }
  }

  /** Resolves when all are over. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  /** Ends those that are under way. */
  abandon(): void {
    this.#ending.abort()
  }

  /** What ends it at once is an abort, the end of all, and what cannot be sent. */
  async #attempts<Result>({ retries, timeout, signal: own }: Settled, ask: Ask<Result>): Promise<Result> {
    const signal = this.#bounded(own)
    for (let n = 0; ; n++) {
      if (n > 0) this.counts.retries++
      try {
        if (signal.aborted) throw new AbortError(signal.reason)
        return await ask(performance.now() + timeout, signal)
      } catch (error) {
        if (!isWorthAnotherTry(error)) throw error
        this.#setup.failed(error, n)
        if (n >= retries) throw final(error, n + 1, timeout)
      }
    }
  }

  /** What ends a request that also has a signal of its own. */
  #bounded(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return this.#ending.signal
    const either = AbortSignal.any([signal, this.#ending.signal])
    setMaxListeners(0, either)
    return either
  }
}

function settleAttempts(given: Attempts, { timeout, retries }: RequestsSetup): Settled {
  const settled = { timeout: given.timeout ?? timeout, retries: given.retries ?? retries, signal: given.signal }
  if (!(Number.isInteger(settled.timeout) && settled.timeout > 0 && settled.timeout < 2 ** 31)) {
    throw new OptionError("timeout", `timeout must be a whole number of ms of at least 1, got ${settled.timeout}`)
  }
  if (!(Number.isInteger(settled.retries) && settled.retries >= 0) && settled.retries !== Number.POSITIVE_INFINITY) {
    throw new OptionError("retries", `retries must be a whole number of at least 0, got ${settled.retries}`)
  }
  if (settled.signal?.aborted) throw new AbortError(settled.signal.reason)
  return settled
}

function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof TimeoutError || error instanceof UnreachableError || error instanceof CodecError
}

function final(error: unknown, attempts: number, timeout: number): unknown {
  if (error instanceof CodecError) return error
  const message = `No answer in ${attempts} ${attempts === 1 ? "attempt" : "attempts"} of ${timeout} ms`
  if (error instanceof UnreachableError) return new UnreachableError(`${message}: ${error.message}`, { cause: error })
  return new TimeoutError(message, { cause: error })
}
