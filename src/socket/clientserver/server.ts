// SERVER (RFC 41): every message comes with the number of the client it came from, and goes to the client whose number
// it is given.

import { allocate } from "../../bytes.ts"
import type { Frame, FrameLike } from "../../message.ts"
import type { PairOptions } from "../../options.ts"
import { Inbox } from "../inbox.ts"
import { Outbox } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { receivingSingleFrames, singleFrame } from "../single-frames.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { ClientNumbers } from "./client-numbers.ts"

/** Which client. */
export interface Numbered {
  /** From 1 to 4294967295, chosen by the server for as long as the connection lives. */
  readonly routingId: number
}

/** Answers `Client` sockets (RFC 41). */
export class Server extends Socket {
  constructor(options?: PairOptions) {
    super("Pair", "SERVER", options)
    const hub = hubOf(this)
    const numbers = new ClientNumbers()
    hub.outbox = new Outbox<unknown>({
      encode(value) {
        const [content, { routingId }] = value as readonly [FrameLike, Numbered]
        return [numberFrame(routingId), singleFrame(content)]
      },
      offer: (message) => numbers.offer(message),
      ready: () => true,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({
      decode: ([frame], pipe) => [frame, { routingId: numbers.of(pipe) }],
      timeout: hub.options.receiveTimeout,
    })
    hub.follow({
      ...receivingSingleFrames(hub),
      joined: (pipe) => numbers.joined(pipe),
      left: (pipe) => numbers.left(pipe),
    })
  }
}

export interface Server extends Writable<readonly [FrameLike, Numbered]>, Readable<[Frame, Numbered]> {}
sends(Server)
receives(Server)

/** What stands before a message on its way to a client. */
export function numberFrame(routingId: number): Frame {
  const number = allocate(4)
  number.writeUInt32BE(routingId)
  return number
}
