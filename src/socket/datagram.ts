// DGRAM: datagrams from anybody and to anybody, each with the address of the other end before it. Not a type of the
// RFCs; over anything but udp, one peer of its own kind.

import { MessageError } from "../errors.ts"
import { type Message, type MessageLike, toMessage } from "../message.ts"
import type { PairOptions } from "../options.ts"
import { Inbox } from "./inbox.ts"
import { Outbox } from "./outbox.ts"
import { Partner } from "./partner.ts"
import { type Readable, receives } from "./readable.ts"
import { hubOf, Socket } from "./socket.ts"
import { sends, type Writable } from "./writable.ts"

/** Sends `[address, octets]`, and receives the same; an address is `127.0.0.1:5555`, and ends with a zero octet. */
export class Datagram extends Socket {
  constructor(options?: PairOptions) {
    super("Pair", "DGRAM", options)
    const hub = hubOf(this)
    const partner = new Partner(hub)
    hub.outbox = new Outbox<unknown>({
      encode(value) {
        const message = toMessage(value as MessageLike)
        if (message.length === 2) return message
        throw new MessageError("EINVAL", `A datagram is [address, octets], got ${message.length} frames`)
      },
      offer: (message) => partner.offer(message),
      ready: () => partner.ready,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({ decode: (message) => message, timeout: hub.options.receiveTimeout })
    hub.follow(partner)
  }
}

export interface Datagram extends Writable<MessageLike>, Readable<Message> {}
sends(Datagram)
receives(Datagram)
