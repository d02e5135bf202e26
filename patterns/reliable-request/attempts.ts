// A request that is made again until it is answered or nothing is left to try: so often, each time for so long.

import { setMaxListeners } from "node:events"
import { AbortError, ClosedError, CodecError, OptionError, TimeoutError, UnreachableError } from "brokerless"

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

/** Fills in what is not given. Throws {@link OptionError}, or {@link AbortError} when the signal is aborted already. */
export function settleAttempts(given: Attempts, timeout: number, retries: number): Settled {
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

/** Asks until it is answered. What ends it at once is an abort, the close, and what cannot be sent. */
export async function attempt<Result>(
  { retries, timeout }: Settled,
  ask: (attempt: number) => Promise<Result>,
  failed: (error: unknown, attempt: number) => void,
): Promise<Result> {
  for (let n = 0; ; n++) {
    try {
      return await ask(n)
    } catch (error) {
      if (!isWorthAnotherTry(error)) throw error
      failed(error, n)
      if (n >= retries) throw final(error, n + 1, timeout)
    }
  }
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

/** Requests under way, so that a close can wait for them. */
export class Underway {
  readonly #running = new Set<Promise<unknown>>()
  /** Aborted when there is no more time for them. */
  readonly ending: AbortController = new AbortController()

  constructor() {
    // Every request listens to it.
    setMaxListeners(0, this.ending.signal)
  }

  get size(): number {
    return this.#running.size
  }

  /** Runs a request; when the time is over its failure is that of a closed pattern. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const running = work()
    this.#running.add(running)
    try {
      return await running
    } catch (error) {
      throw this.ending.signal.aborted ? new ClosedError("Closed before the answer came") : error
    } finally {
      this.#running.delete(running)
    }
  }

  /** Resolves when all are over. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  /** What ends a request that also has a signal of its own. */
  bounded(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return this.ending.signal
    const either = AbortSignal.any([signal, this.ending.signal])
    setMaxListeners(0, either)
    return either
  }
}
