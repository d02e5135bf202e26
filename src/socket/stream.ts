// STREAM: octets to and from peers of tcp that speak no ZMTP. Addressed like a Router: the first frame of a message
// names the peer. Not a socket of the RFCs, and of no public door but that of programs which know it by that name.

import { EMPTY } from "../bytes.ts"
import { type Message, type MessageLike, toMessage } from "../message.ts"
import type { RouterOptions } from "../options.ts"
import { Inbox } from "./inbox.ts"
import { Outbox } from "./outbox.ts"
import { type Readable, receives } from "./readable.ts"
import { AddressBook } from "./reqrep/address-book.ts"
import type { ConnectOptions } from "./reqrep/router.ts"
import { hubOf, Socket } from "./socket.ts"
import { sends, type Writable } from "./writable.ts"

/** The options of a {@link Stream}. */
export interface StreamOptions extends RouterOptions {
  /** Whether an empty message tells that a peer came or left. */
  readonly notify: boolean
}

/** Sends `[id, octets]`, and receives the same. An empty second frame ends the connection of that peer. */
export class Stream extends Socket {
  readonly #addresses: AddressBook

  constructor({ notify, ...options }: StreamOptions) {
    super("Router", "ROUTER", { ...options, mandatory: true })
    const hub = hubOf(this)
    const addresses = new AddressBook(hub)
    this.#addresses = addresses
    hub.outbox = new Outbox<unknown>({
      encode: (value) => toMessage(value as MessageLike),
      offer: (message) => addresses.offer(message),
      ready: () => addresses.size > 0,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({
      decode: (message, pipe) => [pipe.peer?.routingId ?? EMPTY, ...message],
      timeout: hub.options.receiveTimeout,
    })
    hub.follow({
      raw: true,
      tellsOfPeers: notify,
      added: (pipe) => addresses.added(pipe),
      refuses: (pipe) => addresses.refuses(pipe),
      joined: (pipe) => addresses.joined(pipe),
      left: (pipe) => addresses.left(pipe),
    })
  }

  override connect(endpoint: string, { routingId }: ConnectOptions = {}): void {
    hubOf(this).connect(endpoint, routingId === undefined ? undefined : this.#addresses.name(routingId))
  }
}

export interface Stream extends Writable<MessageLike>, Readable<Message> {}
sends(Stream)
receives(Stream)
