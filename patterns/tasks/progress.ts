// How far a ventilator is: counts, a rate over the last seconds, and what that makes of the rest.

/** How far the work is, at the moment at which it was asked for. */
export interface Progress {
  /** Tasks that were done. */
  readonly done: number
  /** Tasks that were given up. */
  readonly failed: number
  /** Tasks that were cancelled. */
  readonly cancelled: number
  /** Tasks at a worker, doing or about to be done. */
  readonly running: number
  /** Tasks that were accepted and wait for a worker. */
  readonly queued: number
  /** Calls that wait for room, and what `map` knows to come: of an array, not of an iterator. */
  readonly waiting: number
  /** Tasks per second that were done, of late. */
  readonly rate: number
  /** Milliseconds until everything known of is done, at this rate; `Infinity` when nothing gets done. */
  readonly remaining: number
}

const SLICE_MS = 250
const SLICES = 20

/** How many per second, over the last five seconds. */
export class Rate {
  readonly #slices = new Array<number>(SLICES).fill(0)
  #slice = 0
  /** The slice in which counting began: before it, nothing is not a lack. */
  #first: number | undefined
  readonly #now: () => number

  /** `now` tells milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  add(count: number): void {
    this.#advance()
    this.#first ??= this.#slice
    const index = this.#slice % SLICES
    this.#slices[index] = (this.#slices[index] as number) + count
  }

  /** Per second. */
  get perSecond(): number {
    if (this.#first === undefined) return 0
    this.#advance()
    const elapsed = (this.#now() / SLICE_MS - Math.max(this.#first, this.#slice - SLICES + 1)) * SLICE_MS
    let sum = 0
    for (const count of this.#slices) sum += count
    // Before the first moments have passed, chance would say anything.
    return (sum * 1000) / Math.max(elapsed, SLICE_MS)
  }

  #advance(): void {
    const slice = Math.floor(this.#now() / SLICE_MS)
    const steps = Math.min(slice - this.#slice, SLICES)
    for (let i = 1; i <= steps; i++) this.#slices[(slice - steps + i) % SLICES] = 0
    this.#slice = slice
  }
}
