// PUSH (RFC 30): messages are spread over peers; nothing is dropped for lack of one.

import type { MessageLike } from "../../message.ts"
import type { PushOptions } from "../../options.ts"
import type { Shown, SocketArguments } from "../arguments.ts"
import { valueCoding } from "../coding.ts"
import { hubOf, Socket } from "../socket.ts"
import { spreading } from "../spreading.ts"
import { sends, type Writable } from "../writable.ts"

/** Sends each message to one of its peers, which are `Pull` sockets (RFC 30). */
export class Push<S = MessageLike> extends Socket {
  constructor(...[options]: SocketArguments<S, unknown, PushOptions<Shown<S>>, PushOptions<Shown<S>>>) {
    super("Push", "PUSH", options)
    const hub = hubOf(this)
    const { outbox, pattern } = spreading(hub, valueCoding(hub))
    hub.outbox = outbox
    hub.follow({
      ...pattern,
      intake(pipe) {
        hub.dropped("unexpected", 1, pipe)
        return false
      },
    })
  }
}

export interface Push<S = MessageLike> extends Writable<S> {}
sends(Push)
