// Taking turns: the pipes that can act now, in a line whose first goes to the end after each message. A pipe is in a
// rotation at most once, and leaves it by itself: whoever finds it unable to act retires it. One whose peer has gone
// would wait there for a message that may never come, so it is taken out.
//
// It chooses pipes and never touches a message. Membership is a bit on the pipe, so that entering costs no search.

import type { Pipe } from "../pipe/pipe.ts"
import { Ring } from "../pipe/ring.ts"
import { HELD, LEADS } from "../pipe/turns.ts"

/** The bit of each rotation that a pipe can be in. */
export const READ_TURN = 1
export const WRITE_TURN = 2
/** For endpoints whose peer is not there. */
export const WAITING_TURN = 4
/** For those who may inherit what another can no longer get. */
export const HEIR_TURN = 32

/** Whose turn it is, and what becomes of a turn. */
export interface Turns {
  /** Takes a place, unless it has one. */
  enter(pipe: Pipe): void
  /** Whose turn it is. */
  head(): Pipe | undefined
  /** The head has had its turn. */
  advance(): void
  /** The head cannot act any more; it enters again when it can. */
  retire(): void
  /** Everybody who has a place, once. */
  pipes(): Iterable<Pipe>
}

export class Rotation implements Turns {
  readonly #bit: number
  /** Who has one of these bits may not enter; who has one of those is followed by another. */
  readonly #barred: number
  readonly #leads: number
  readonly #line = new Ring<Pipe>()
  /** Places in the line of pipes that have left. */
  #empty = 0

  constructor(bit: typeof READ_TURN | typeof WRITE_TURN | typeof WAITING_TURN | typeof HEIR_TURN) {
    this.#bit = bit
    this.#barred = bit === READ_TURN ? bit | HELD : bit
    this.#leads = bit === READ_TURN ? LEADS : 0
  }

  /** Places in the line, empty ones included. */
  get length(): number {
    return this.#line.length
  }

  pipes(): Iterable<Pipe> {
    return this.#line.values()
  }

  /** Takes a place at the end of the line, unless it has one, or has to wait for the pipe before it. */
  enter(pipe: Pipe): void {
    if ((pipe.turns & this.#barred) !== 0) return
    pipe.turns |= this.#bit
    this.#line.push(pipe)
  }

  /** Whose turn it is. */
  head(): Pipe | undefined {
    return this.#line.peek()
  }

  /** The head has had its turn. */
  advance(): void {
    if (this.#line.length > 1) this.#line.rotate()
  }

  /** The head cannot act any more; it enters again when it can. */
  retire(): void {
    const pipe = this.#line.shift()
    if (pipe === undefined) return
    if ((pipe.turns & this.#bit) === 0) this.#empty--
    pipe.turns &= ~this.#bit
    if ((pipe.turns & this.#leads) !== 0) this.#passOn(pipe)
  }

  /** It will never act again. Its place is empty; places are cleared away when half of them are. */
  leave(pipe: Pipe): void {
    if ((pipe.turns & this.#bit) === 0) return
    pipe.turns &= ~this.#bit
    this.#empty++
    if (this.#empty * 2 < this.#line.length) return
    const line = [...this.#line.values()]
    this.#line.clear()
    this.#empty = 0
    for (const other of line) if ((other.turns & this.#bit) !== 0) this.#line.push(other)
  }

  /** All of a former connection has been read: now it is the turn of the one after it. */
  #passOn(pipe: Pipe): void {
    const { successor } = pipe
    pipe.turns &= ~LEADS
    if (successor === undefined) return
    pipe.successor = successor.predecessor = undefined
    successor.turns &= ~HELD
    if (successor.inbound.length > 0) this.enter(successor)
  }
}
