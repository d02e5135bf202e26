// Shares each turn of the event loop between handshakes and everything else, so that a flood of newcomers cannot hold
// up those who are in: handshakes get as much of a turn as the rest of the last one took, and what is over waits for
// the next one. One pace for the whole process, since all its sockets share one event loop.

import { nextTurn, now, turnSource } from "../clock.ts"
import { Roster, type Seat } from "../roster.ts"

/** What handshakes may take of every turn, however little else there is to do, ms. */
const LEAST = 0.2

/** A connection that has not completed its handshake. */
export class Newcomer {
  /** Goes on with it. */
  readonly step: () => void
  /** The number of the turn in which it last did, if it ever did. */
  servedIn = 0
  /** In the line of those who have to wait. */
  seat: Seat<Newcomer> | undefined
  gone = false

  constructor(step: () => void) {
    this.step = step
  }
}

export class HandshakePace {
  /** Who has to wait for a later turn, in the order in which they came. */
  readonly #waiting = new Roster<Newcomer>()
  /** Who is to be awaited in the next turn, and who was in this one. */
  #expected: Newcomer[] = []
  #awaited: Newcomer[] = []
  #turnNumber = 1
  /** How many ran in this turn. */
  #served = 0
  #turnBegan = 0
  #spent = 0
  #allowance = LEAST
  /** What is to bring the next turn, if one is to come. */
  #source: unknown

  /** Lets a connection go on with its handshake now, or in a later turn. True when it did. */
  run(newcomer: Newcomer): boolean {
    // A turn never comes from a clock that was replaced meanwhile, as fake timers are.
    if (this.#source !== turnSource()) this.#begin(now(), LEAST)
    if (!this.#mayRun(newcomer)) {
      this.#queue(newcomer)
      return false
    }
    this.#work(newcomer)
    return true
  }

  /** Lets it go on by itself if nothing has made it do so by the end of the next turn. */
  expect(newcomer: Newcomer): void {
    if (this.#source !== turnSource()) this.#begin(now(), LEAST)
    this.#expected.push(newcomer)
  }

  /** It is gone. If it ran in this turn it goes on counting: those that fail take as long as others. */
  forget(newcomer: Newcomer): void {
    newcomer.gone = true
    this.#unqueue(newcomer)
  }

  #queue(newcomer: Newcomer): void {
    newcomer.seat ??= this.#waiting.add(newcomer)
  }

  #unqueue(newcomer: Newcomer): void {
    if (newcomer.seat === undefined) return
    this.#waiting.remove(newcomer.seat)
    newcomer.seat = undefined
  }

  #begin(began: number, allowance: number): void {
    this.#turnNumber++
    this.#served = 0
    this.#turnBegan = began
    this.#spent = 0
    this.#allowance = allowance
    this.#source = turnSource()
    nextTurn(this.#turn)
  }

  /** One goes on in every turn, whatever it takes. */
  #mayRun(newcomer: Newcomer): boolean {
    return this.#spent < this.#allowance || this.#served === 0 || newcomer.servedIn === this.#turnNumber
  }

  #work(newcomer: Newcomer): void {
    this.#unqueue(newcomer)
    if (newcomer.servedIn !== this.#turnNumber) this.#served++
    newcomer.servedIn = this.#turnNumber
    const began = now()
    try {
      newcomer.step()
    } finally {
      this.#spent += now() - began
    }
  }

  readonly #turn = (): void => {
    this.#source = undefined
    for (const newcomer of this.#awaited) if (newcomer.servedIn === 0 && !newcomer.gone) this.#queue(newcomer)
    this.#awaited = this.#expected
    this.#expected = []
    if (this.#waiting.size === 0 && this.#awaited.length === 0) {
      this.#turnNumber++
      this.#served = 0
      return
    }
    const began = now()
    this.#begin(began, Math.max(LEAST, began - this.#turnBegan - this.#spent))
    for (let next = this.#waiting.first; next !== undefined; next = this.#waiting.first) {
      if (!this.#mayRun(next)) return
      this.#work(next)
    }
  }
}

/** The pace of this process. */
export const handshakePace: HandshakePace = new HandshakePace()
