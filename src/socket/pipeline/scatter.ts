// SCATTER (RFC 49): a Push whose messages have one frame.

import type { MessageLike } from "../../message.ts"
import type { PushOptions } from "../../options.ts"
import { SINGLE_FRAMES } from "../single-frames.ts"
import { hubOf, Socket } from "../socket.ts"
import { spreading } from "../spreading.ts"
import { sends, type Writable } from "../writable.ts"

/** Sends each message to one of its peers, which are `Gather` sockets (RFC 49). */
export class Scatter extends Socket {
  constructor(options?: PushOptions<MessageLike>) {
    super("Push", "SCATTER", options)
    const hub = hubOf(this)
    const { outbox, pattern } = spreading(hub, SINGLE_FRAMES)
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

export interface Scatter extends Writable<MessageLike> {}
sends(Scatter)
