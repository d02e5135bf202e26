// Fairness to the event loop. A send or receive that can act at once is settled at once, and a loop of such calls is a
// loop of microtasks that lets no I/O and no timer run. So every so often one call is settled in the next turn.
// Budget: one addition and one comparison per call; every 64th looks closer.

import { afterHolding, atEndOfTick, nextTurn, now } from "../clock.ts"

/** Calls of one burst: at least this many, or so many per peer, because a turn is also what starts the next write. */
const CALLS = 8192
const CALLS_PER_PEER = 256
const BURST_MS = 2
const LOOK_EVERY = 64

export class Pace {
  #calls = 0
  #since = 0
  #tick = -1
  #limit = CALLS

  /** How many peers the calls are spread over. */
  spread(peers: number): void {
    this.#limit = Math.max(CALLS, CALLS_PER_PEER * peers)
  }

  /** Counts a call; true when it is time to let the event loop turn. */
  spent(): boolean {
    return ++this.#calls % LOOK_EVERY === 0 && this.#look()
  }

  #look(): boolean {
    const tick = currentTick()
    if (this.#tick !== tick) {
      // Calls that I/O or a timer came between starve nobody, however many they are.
      this.#tick = tick
      this.#calls = 0
      this.#since = now()
      return false
    }
    if (this.#calls < this.#limit && now() - this.#since < BURST_MS) return false
    this.#calls = 0
    return true
  }
}

let ticks = 0
let counting = false

/** A number that stays the same as long as one microtask follows the other. */
function currentTick(): number {
  if (!counting) {
    counting = true
    atEndOfTick(() => {
      counting = false
      ticks++
    })
  }
  return ticks
}

/** Settled already: what a call that acted at once returns. */
export const DONE: Promise<void> = Promise.resolve()

/** Settled in the next turn of the event loop. */
export function inNextTurn(): Promise<void> {
  return new Promise((resolve) => nextTurn(resolve))
}

/** Settled in a turn of the event loop that waits up to a millisecond for I/O. */
export function inRestingTurn(): Promise<void> {
  return new Promise((resolve) => afterHolding(1, resolve))
}

/** The value, in the next turn of the event loop. */
export function laterInTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => nextTurn(() => resolve(value)))
}
