// How long to wait before the next attempt to connect: doubling, with full jitter, so that many clients of one server
// do not come back in step; and no fresh start for a connection that did not even live as long as the wait.

import { random } from "../clock.ts"

export class Backoff {
  readonly #interval: number
  readonly #maximum: number
  #ceiling: number

  /** `interval` and `maximum` in ms; maximum 0 means that the interval does not grow. */
  constructor(interval: number, maximum: number) {
    this.#interval = interval
    this.#maximum = Math.max(maximum, interval)
    this.#ceiling = interval
  }

  /** Milliseconds to wait now; each call may wait longer than the one before. */
  next(): number {
    const ceiling = this.#ceiling
    this.#ceiling = Math.min(ceiling * 2, this.#maximum)
    // Never nothing: an immediate retry of everybody is what the jitter is there to prevent.
    return Math.max(1, Math.ceil(random() * ceiling))
  }

  /** A connection lived for `ms`: starts over if that was longer than the current wait. */
  lived(ms: number): void {
    if (ms > this.#ceiling) this.#ceiling = this.#interval
  }
}
