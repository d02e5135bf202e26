// GATHER (RFC 49): a Pull whose messages have one frame.

import type { Message } from "../../message.ts"
import type { PullOptions } from "../../options.ts"
import { type Readable, receives } from "../readable.ts"
import { conflating, receiving } from "../receiving.ts"
import { receivingSingleFrames, SINGLE_FRAMES } from "../single-frames.ts"
import { hubOf, Socket } from "../socket.ts"

/** Receives from all its peers, which are `Scatter` sockets (RFC 49). */
export class Gather extends Socket {
  constructor(options?: PullOptions) {
    super("Pull", "GATHER", options)
    const hub = hubOf(this)
    const { intake: single } = receivingSingleFrames(hub)
    const { intake: newest = () => true } = conflating(hub)
    hub.inbox = receiving(hub, SINGLE_FRAMES)
    hub.follow({
      intake: (pipe, message) => single(pipe, message) && newest(pipe, message),
      joined() {},
      left() {},
    })
  }
}

export interface Gather extends Readable<Message> {}
receives(Gather)
