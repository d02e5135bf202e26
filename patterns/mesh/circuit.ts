// A circuit, one for each node and method: whether a node that keeps failing with it is asked at all.
//
//   closed ──failures in a row──▶ open ──time──▶ half-open ──an answer──▶ closed
//                                  ▲                 │
//                                  └────a failure────┘

export type CircuitState = "closed" | "open" | "half-open"

export interface CircuitSetup {
  /** Failures in a row that open it. */
  readonly failures: number
  /** Milliseconds that it stays open. */
  readonly openFor: number
  /** Called with each new state. */
  readonly changed: (state: CircuitState) => void
}

export class Circuit {
  readonly #setup: CircuitSetup
  #state: CircuitState = "closed"
  #failures = 0
  #openUntil = 0
  /** When the one call went out that decides about a half-open circuit; one that never ends must not bar the way. */
  #triedAt = Number.NEGATIVE_INFINITY

  constructor(setup: CircuitSetup) {
    this.#setup = setup
  }

  get state(): CircuitState {
    return this.#state
  }

  /** Whether a call may pass at this time, in ms of any steady clock. */
  passes(now: number): boolean {
    if (this.#state === "closed") return true
    if (this.#state === "open") return now >= this.#openUntil
    return now - this.#triedAt >= this.#setup.openFor
  }

  /** Whether a call may pass for which nobody else is left: it need not wait until its time comes, but only one may. */
  passesOne(now: number): boolean {
    return this.#state === "open" || this.passes(now)
  }

  /** Until when it is open, or was last. */
  get openUntil(): number {
    return this.#openUntil
  }

  /** A call passes. */
  entered(now: number): void {
    if (this.#state === "closed") return
    this.#triedAt = now
    this.#become("half-open")
  }

  succeeded(): void {
    this.#failures = 0
    this.#become("closed")
  }

  failed(now: number): void {
    this.#failures++
    if (this.#state === "closed" && this.#failures < this.#setup.failures) return
    this.#openUntil = now + this.#setup.openFor
    this.#become("open")
  }

  /** The call that was to decide ended without deciding anything: the next one may. */
  undecided(): void {
    if (this.#state === "half-open") this.#triedAt = Number.NEGATIVE_INFINITY
  }

  #become(state: CircuitState): void {
    if (this.#state === state) return
    this.#state = state
    this.#setup.changed(state)
  }
}
