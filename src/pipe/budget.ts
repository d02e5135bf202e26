// The octets that all queues of one socket hold together, and who waits for them to become fewer.

/** Shared by all queues of a socket: its `maxBufferedBytes`. */
export class Budget {
  /** Octets charged at the moment. */
  bytes = 0
  /** Of these, what peers that have left did leave unread. */
  leftBehind = 0
  readonly limit: number
  readonly #starved = new Set<() => void>()
  // Asked for every message, where the size of a Set would be a call.
  #anyStarved = false

  constructor(limit: number) {
    this.limit = limit
  }

  get exhausted(): boolean {
    return this.bytes >= this.limit
  }

  /** Whether nothing but reading can help: what was left behind alone is as much as there may be. */
  get clogged(): boolean {
    return this.leftBehind >= this.limit
  }

  /** `resume` is called once, when the queues hold less than the limit again. */
  await(resume: () => void): void {
    this.#starved.add(resume)
    this.#anyStarved = true
  }

  /** No longer waits. */
  forgo(resume: () => void): void {
    this.#starved.delete(resume)
  }

  release(charge: number): void {
    this.bytes -= charge
    if (this.#anyStarved && this.bytes < this.limit) this.#relieve()
  }

  /** As `release`, of what was left behind: empty queues, which always take a message otherwise, waited for that. */
  releaseLeftBehind(charge: number): void {
    const { clogged } = this
    this.bytes -= charge
    this.leftBehind -= charge
    if (this.#anyStarved && (this.bytes < this.limit || (clogged && !this.clogged))) this.#relieve()
  }

  #relieve(): void {
    const starved = [...this.#starved]
    this.#starved.clear()
    this.#anyStarved = false
    for (const resume of starved) resume()
  }
}
