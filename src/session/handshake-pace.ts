// Shares each turn of the event loop between handshakes and everything else, so that a flood of newcomers cannot hold
// up those who are in: handshakes get as much of a turn as the rest of the last one took, and what is over waits for
// the next one. One pace for the whole process, since all its sockets share one event loop.

import { nextTurn, now, turnSource } from "../clock.ts"

/** What handshakes may take of every turn, however little else there is to do, ms. */
const LEAST = 2

/** So many connections go on with their handshakes in every turn, whatever they take: it is a flood that waits. */
const FEW = 4

export class HandshakePace {
  /** Steps for a later turn, in the order in which they came. */
  readonly #waiting = new Set<() => void>()
  /** Steps that ran in this turn; a connection has one, however often it runs. */
  readonly #served = new Set<() => void>()
  #turnBegan = 0
  #spent = 0
  #allowance = LEAST
  /** What is to bring the next turn, if one is to come. */
  #source: unknown

  /** Runs a connection's step of its handshake now, or in a later turn. True when it ran. */
  run(step: () => void): boolean {
    // A turn never comes from a clock that was replaced meanwhile, as fake timers are.
    if (this.#source !== turnSource()) this.#begin(now(), LEAST)
    if (!this.#mayRun(step)) {
      this.#waiting.add(step)
      return false
    }
    this.#work(step)
    return true
  }

  /** The step is wanted no more. If it ran in this turn it goes on counting: those that fail take as long as others. */
  forget(step: () => void): void {
    this.#waiting.delete(step)
  }

  #begin(began: number, allowance: number): void {
    this.#served.clear()
    this.#turnBegan = began
    this.#spent = 0
    this.#allowance = allowance
    this.#source = turnSource()
    nextTurn(this.#turn)
  }

  #mayRun(step: () => void): boolean {
    return this.#spent < this.#allowance || this.#served.size < FEW || this.#served.has(step)
  }

  #work(step: () => void): void {
    this.#waiting.delete(step)
    this.#served.add(step)
    const began = now()
    try {
      step()
    } finally {
      this.#spent += now() - began
    }
  }

  readonly #turn = (): void => {
    this.#source = undefined
    if (this.#waiting.size === 0) {
      this.#served.clear()
      return
    }
    const began = now()
    this.#begin(began, Math.max(LEAST, began - this.#turnBegan - this.#spent))
    for (const step of this.#waiting) {
      if (!this.#mayRun(step)) return
      this.#work(step)
    }
  }
}

/** The pace of this process. */
export const handshakePace: HandshakePace = new HandshakePace()
