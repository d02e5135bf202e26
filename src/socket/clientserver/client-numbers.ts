// The numbers by which a Server knows its clients (RFC 41), and the way of a message to the one that it is for.

import { random } from "../../clock.ts"
import { UnreachableError } from "../../errors.ts"
import type { Frame, Message } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { ACCEPTED, type Verdict } from "../outbox.ts"

export class ClientNumbers {
  readonly #pipes = new Map<number, Pipe>()
  /** Also of those that have left: what they sent may still be read. */
  readonly #numbers = new WeakMap<Pipe, number>()
  // They begin somewhere, so that nobody can tell the next one.
  #last = Math.floor(random() * 0x1_0000_0000)

  of(pipe: Pipe): number {
    return this.#numbers.get(pipe) ?? 0
  }

  joined(pipe: Pipe): void {
    do this.#last = (this.#last + 1) >>> 0
    while (this.#last === 0 || this.#pipes.has(this.#last))
    this.#numbers.set(pipe, this.#last)
    this.#pipes.set(this.#last, pipe)
  }

  left(pipe: Pipe): void {
    this.#pipes.delete(this.of(pipe))
  }

  offer([number, frame]: Message): Verdict {
    const routingId = (number as Frame).readUInt32BE()
    const pipe = this.#pipes.get(routingId)
    if (pipe?.state !== "ready") throw new UnreachableError(`No client has the number ${routingId}`)
    if (!pipe.hasRoom) return pipe
    pipe.push([frame as Frame])
    return ACCEPTED
  }
}
