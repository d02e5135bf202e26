// What Pair and Datagram share (RFC 31): one peer at most, and whatever waits for it.

import { type MessagingError, StateError } from "../errors.ts"
import type { Message } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { MessageQueue } from "../pipe/queue.ts"
import type { Hub, Pattern } from "./hub.ts"
import { ACCEPTED, NOBODY, type Verdict } from "./outbox.ts"

/** The one pipe of the socket: the peer's, or that of an endpoint whose peer is still to come. */
export class Partner implements Pattern {
  readonly #hub: Hub
  /** What was queued for a connected endpoint when its connection was lost; it belongs to no pipe until the next. */
  readonly backlog: MessageQueue
  #pipe: Pipe | undefined

  constructor(hub: Hub) {
    this.#hub = hub
    this.backlog = new MessageQueue(hub.marks.outbound, hub.budget)
  }

  get ready(): boolean {
    return this.#pipe?.hasRoom ?? false
  }

  added(pipe: Pipe): void {
    if (this.#hub.options.immediate || this.#pipe !== undefined) return
    this.#pipe = pipe
    this.#handOver(pipe)
  }

  refuses(pipe: Pipe): MessagingError | undefined {
    const taken = this.#pipe !== undefined && this.#pipe !== pipe && this.#pipe.state !== "waiting"
    return taken ? new StateError("This socket has one peer, and it is there already") : undefined
  }

  joined(pipe: Pipe): void {
    const expected = this.#pipe
    this.#pipe = pipe
    this.#handOver(pipe)
    // Somebody came before the one that was expected: the messages are for whoever is the partner.
    if (expected !== undefined && expected !== pipe) for (const message of expected.outbound.drain()) pipe.push(message)
  }

  left(pipe: Pipe): void {
    if (this.#pipe === pipe) this.#pipe = undefined
    // An endpoint that is not tried again has nobody to keep anything for.
    if (this.#hub.closing === undefined && pipe.connecting && this.#hub.endpoints.includes(pipe.endpoint)) {
      for (const message of pipe.outbound.drain()) this.backlog.push(message)
    }
  }

  /** What was kept is for whoever is the partner now. */
  #handOver(pipe: Pipe): void {
    for (const message of this.backlog.drain()) pipe.push(message)
  }

  offer(message: Message): Verdict {
    const pipe = this.#pipe
    if (pipe === undefined || !pipe.hasRoom) return NOBODY
    pipe.link?.check?.(message)
    pipe.push(message)
    return ACCEPTED
  }
}
