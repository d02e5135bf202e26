// DEALER (RFC 28): spreads what it sends, receives in fair turns, adds and removes nothing.

import type { Message, MessageLike } from "../../message.ts"
import type { DealerOptions } from "../../options.ts"
import type { Same, Shown, SocketArguments } from "../arguments.ts"
import { valueCoding } from "../coding.ts"
import { type Readable, receives } from "../readable.ts"
import { conflating, receiving } from "../receiving.ts"
import { hubOf, Socket } from "../socket.ts"
import { spreading } from "../spreading.ts"
import { sends, type Writable } from "../writable.ts"

/** Sends each message to one of its peers, and receives from all of them: the free form of a request (RFC 28). */
export class Dealer<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Socket {
  constructor(...[options]: SocketArguments<S, R, DealerOptions<Shown<S>>, DealerOptions<Shown<S>>>) {
    super("Dealer", "DEALER", options)
    const hub = hubOf(this)
    const coding = valueCoding(hub)
    const { outbox, pattern } = spreading(hub, coding)
    hub.outbox = outbox
    hub.inbox = receiving(hub, coding)
    hub.follow({
      ...pattern,
      ...conflating(hub),
    })
  }
}

export interface Dealer<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Writable<S>, Readable<R> {}
sends(Dealer)
receives(Dealer)
