// PAIR (RFC 31): one peer at most, both ways. What waits for a connected peer waits for its return.

import type { Message, MessageLike } from "../message.ts"
import type { PairOptions } from "../options.ts"
import type { Same, SocketArguments } from "./arguments.ts"
import { valueCoding } from "./coding.ts"
import { Outbox } from "./outbox.ts"
import { Partner } from "./partner.ts"
import { type Readable, receives } from "./readable.ts"
import { receiving } from "./receiving.ts"
import { hubOf, Socket } from "./socket.ts"
import { sends, type Writable } from "./writable.ts"

/** Talks with exactly one peer, another `Pair` (RFC 31). */
export class Pair<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Socket {
  constructor(...[options]: SocketArguments<S, R, PairOptions, PairOptions>) {
    super("Pair", "PAIR", options)
    const hub = hubOf(this)
    const coding = valueCoding(hub)
    const partner = new Partner(hub)
    hub.outbox = new Outbox<unknown>({
      encode: coding.encode,
      offer: (message) => partner.offer(message),
      ready: () => partner.ready,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = receiving(hub, coding)
    hub.follow(partner)
  }
}

export interface Pair<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Writable<S>, Readable<R> {}
sends(Pair)
receives(Pair)
