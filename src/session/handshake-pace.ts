// Shares each turn of the event loop between handshakes and everything else, so that a flood of newcomers cannot hold
// up those who are in: handshakes get as much of a turn as the rest of the last one took, and what is over waits for
// the next one. One pace for the whole process, since all its sockets share one event loop.

import { nextTurn, now } from "../clock.ts"

/** What handshakes may take of every turn, however little else there is to do, ms. */
const LEAST = 2

/** So many connections go on with their handshakes in every turn, whatever they take: it is a flood that waits. */
const FEW = 4

export class HandshakePace {
  #waiting: (() => void)[] = []
  #turnBegan = 0
  #spent = 0
  #allowance = LEAST
  #scheduled = false
  /** Steps that ran in this turn; a connection has one, however often it runs. */
  readonly #served = new Set<() => void>()

  /** Runs a connection's step of its handshake now, or in a later turn. True when it ran. */
  run(step: () => void): boolean {
    this.#begin()
    if (!this.#mayRun(step)) {
      this.#waiting.push(step)
      return false
    }
    this.#work(step)
    return true
  }

  #mayRun(step: () => void): boolean {
    return this.#spent < this.#allowance || this.#served.size < FEW || this.#served.has(step)
  }

  #begin(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#served.clear()
    this.#turnBegan = now()
    this.#spent = 0
    this.#allowance = LEAST
    nextTurn(this.#turn)
  }

  #work(step: () => void): void {
    this.#served.add(step)
    const began = now()
    try {
      step()
    } finally {
      this.#spent += now() - began
    }
  }

  readonly #turn = (): void => {
    const began = now()
    this.#scheduled = false
    if (this.#waiting.length === 0) {
      this.#served.clear()
      return
    }
    this.#allowance = Math.max(LEAST, began - this.#turnBegan - this.#spent)
    this.#turnBegan = began
    this.#spent = 0
    this.#served.clear()
    this.#scheduled = true
    nextTurn(this.#turn)
    const steps = this.#waiting
    this.#waiting = []
    for (let i = 0; i < steps.length; i++) {
      if (!this.#mayRun(steps[i] as () => void)) {
        this.#waiting = [...steps.slice(i), ...this.#waiting]
        return
      }
      this.#work(steps[i] as () => void)
    }
  }
}

/** The pace of this process. */
export const handshakePace: HandshakePace = new HandshakePace()
