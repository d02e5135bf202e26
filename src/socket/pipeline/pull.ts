// PULL (RFC 30): messages of all peers, in fair turns.

import type { Message } from "../../message.ts"
import type { PullOptions } from "../../options.ts"
import type { SocketArguments } from "../arguments.ts"
import { valueCoding } from "../coding.ts"
import { type Readable, receives } from "../readable.ts"
import { conflating, receiving } from "../receiving.ts"
import { hubOf, Socket } from "../socket.ts"

/** Receives from all its peers, which are `Push` or `Fanout` sockets (RFC 30). */
export class Pull<R = Message> extends Socket {
  constructor(...[options]: SocketArguments<never, R, PullOptions, PullOptions>) {
    super("Pull", "PULL", options)
    const hub = hubOf(this)
    hub.inbox = receiving(hub, valueCoding(hub))
    hub.follow({ ...conflating(hub), joined() {}, left() {} })
  }
}

export interface Pull<R = Message> extends Readable<R> {}
receives(Pull)
