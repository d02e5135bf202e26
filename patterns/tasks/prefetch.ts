// How many tasks a worker asks for beyond those that it does: as many as it will have done in a little while, so that
// it does not wait for the next, and does not hold what others could do.

/** Tasks that are asked for beyond those being done, at most. */
export const MOST_PREFETCHED = 1024
/** The little while, in ms. */
const AHEAD_MS = 20
/** How much the last task weighs against all before it. */
const WEIGHT = 1 / 16
/** Tasks between two looks at whether to ask for more or less. */
const LOOK_EVERY = 16

export class Prefetch {
  readonly #fixed: number | undefined
  /** Milliseconds that a task takes, on average; undefined before the first. */
  #mean: number | undefined
  #count = 0

  constructor(prefetch: number | "auto") {
    this.#fixed = prefetch === "auto" ? undefined : prefetch
  }

  /** Tasks to ask for beyond `concurrency` that are being done. */
  tasks(concurrency: number): number {
    if (this.#fixed !== undefined) return this.#fixed
    // As long as nothing is known, one for each that is done.
    if (this.#mean === undefined) return Math.min(concurrency, MOST_PREFETCHED)
    return Math.min(MOST_PREFETCHED, Math.ceil((concurrency * AHEAD_MS) / Math.max(this.#mean, 0.001)))
  }

  /** A task took so many ms. True when it is time to look whether more, or less, should be asked for. */
  took(ms: number): boolean {
    this.#mean = this.#mean === undefined ? ms : this.#mean + (ms - this.#mean) * WEIGHT
    return this.#fixed === undefined && ++this.#count % LOOK_EVERY === 1
  }
}
