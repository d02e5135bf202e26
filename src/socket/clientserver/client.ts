// CLIENT (RFC 41): spreads what it sends over its servers, receives in fair turns; one frame each.

import type { Message, MessageLike } from "../../message.ts"
import type { PairOptions } from "../../options.ts"
import { type Readable, receives } from "../readable.ts"
import { receiving } from "../receiving.ts"
import { receivingSingleFrames, SINGLE_FRAMES } from "../single-frames.ts"
import { hubOf, Socket } from "../socket.ts"
import { spreading } from "../spreading.ts"
import { sends, type Writable } from "../writable.ts"

/** Talks with `Server` sockets (RFC 41). */
export class Client extends Socket {
  constructor(options?: PairOptions) {
    super("Pair", "CLIENT", options)
    const hub = hubOf(this)
    const { outbox, pattern } = spreading(hub, SINGLE_FRAMES)
    hub.outbox = outbox
    hub.inbox = receiving(hub, SINGLE_FRAMES)
    hub.follow({ ...pattern, ...receivingSingleFrames(hub) })
  }
}

export interface Client extends Writable<MessageLike>, Readable<Message> {}
sends(Client)
receives(Client)
