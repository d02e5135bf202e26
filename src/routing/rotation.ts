// Taking turns: the pipes that can act now, in a line whose first goes to the end after each message. A pipe is in a
// rotation at most once, and leaves it by itself: whoever finds it unable to act retires it.
//
// It chooses pipes and never touches a message. Membership is a bit on the pipe, so that entering costs no search.

import type { Pipe } from "../pipe/pipe.ts"
import { Ring } from "../pipe/ring.ts"

/** The bit of each rotation that a pipe can be in. */
export const READ_TURN = 1
export const WRITE_TURN = 2
/** For endpoints whose peer is not there. */
export const WAITING_TURN = 4

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
  readonly #line = new Ring<Pipe>()

  constructor(bit: typeof READ_TURN | typeof WRITE_TURN | typeof WAITING_TURN) {
    this.#bit = bit
  }

  pipes(): Iterable<Pipe> {
    return this.#line.values()
  }

  /** Takes a place at the end of the line, unless it has one. */
  enter(pipe: Pipe): void {
    if ((pipe.turns & this.#bit) !== 0) return
    if (this.#bit === READ_TURN && (pipe.predecessor?.inbound.length ?? 0) > 0) return
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
    pipe.turns &= ~this.#bit
    const { successor } = pipe
    if (this.#bit !== READ_TURN || successor === undefined || pipe.inbound.length > 0) return
    pipe.successor = successor.predecessor = undefined
    if (successor.inbound.length > 0) this.enter(successor)
  }
}
