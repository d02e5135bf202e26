// Turns in the order in which messages arrived, for a socket whose messages of different peers belong together: what an
// XPUB tells of subscriptions adds up only in the order in which they came. One place in the line for each message.

import type { Pipe } from "../pipe/pipe.ts"
import { Ring } from "../pipe/ring.ts"
import type { Turns } from "./rotation.ts"

export class ArrivalOrder implements Turns {
  readonly #line = new Ring<Pipe>()

  /** A message has been, or is just being, put into this pipe's inbound queue. */
  arrived(pipe: Pipe): void {
    this.#line.push(pipe)
  }

  /** Places are taken by messages, not by pipes. */
  enter(): void {}

  head(): Pipe | undefined {
    return this.#line.peek()
  }

  advance(): void {
    this.#line.shift()
  }

  retire(): void {
    this.#line.shift()
  }

  pipes(): Iterable<Pipe> {
    return new Set(this.#line.values())
  }
}
