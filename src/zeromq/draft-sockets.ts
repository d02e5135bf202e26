// The classes of sockets whose RFCs are drafts, as sockets.ts has the others.

import type { Bytes } from "../bytes.ts"
import { defineOption } from "./context.ts"
import type { Message, MessageLike, Readable, SocketOptions, Writable } from "./messages.ts"
import { Socket } from "./socket.ts"

process.emitWarning("ZeroMQ draft features are experimental and could change at any time.")

/** What a message of a {@link Server} comes with, and goes with. */
export interface ServerRoutingOptions {
  /** The number of the client. */
  routingId: number
}

/** Answers the clients that it hears of (RFC 41). Messages have one frame. */
export class Server extends Socket {
  constructor(options?: SocketOptions<Server>) {
    super(12, options)
  }
}
export interface Server
  extends Readable<[Message, ServerRoutingOptions]>,
    Writable<MessageLike, [ServerRoutingOptions]> {}

/** Spreads what it sends over its servers, and receives from all of them (RFC 41). Messages have one frame. */
export class Client extends Socket {
  constructor(options?: SocketOptions<Client>) {
    super(13, options)
  }
}
export interface Client extends Readable<[Message]>, Writable<MessageLike> {}

/** What a message of a {@link Radio} is sent with. */
export interface RadioGroupOptions {
  /** At most 255 octets, none of them zero. */
  group: Bytes | string
}

/** Sends each message to all who have joined its group, and to all datagrams (RFC 48). Messages have one frame. */
export class Radio extends Socket {
  constructor(options?: SocketOptions<Radio>) {
    super(14, options)
  }
}
export interface Radio extends Writable<MessageLike, [RadioGroupOptions]> {}

/** What a message of a {@link Dish} comes with. */
export interface DishGroupOptions {
  /** The group that it was sent to. */
  group: Bytes
}

/** Receives what is sent to the groups that it has joined (RFC 48). Messages have one frame. */
export class Dish extends Socket {
  constructor(options?: SocketOptions<Dish>) {
    super(15, options)
  }
}
export interface Dish extends Readable<[Message, DishGroupOptions]> {
  /**
   * Asks for messages of these groups.
   *
   * @throws an error with code `EINVAL` if one was joined already or has more than 255 octets; the others are joined
   */
  join(...values: Array<Bytes | string>): void
  /**
   * Asks for them no more.
   *
   * @throws an error with code `EINVAL` if one was not joined; the others are left
   */
  leave(...values: Array<Bytes | string>): void
}

/** Receives from all its peers (RFC 49). Messages have one frame. */
export class Gather extends Socket {
  constructor(options?: SocketOptions<Gather>) {
    super(16, options)
  }
}
export interface Gather extends Readable<[Message]> {
  /** Keeps only the newest message of each peer. Default false. */
  conflate: boolean
}

/** Sends each message to one of its peers (RFC 49). Messages have one frame. */
export class Scatter extends Socket {
  constructor(options?: SocketOptions<Scatter>) {
    super(17, options)
  }
}
export interface Scatter extends Writable<MessageLike> {
  /** Keeps only the newest message for each peer. Default false. */
  conflate: boolean
}

/** Sends datagrams to anybody, and receives them from anybody: `[address, octets]`. */
export class Datagram extends Socket {
  constructor(options?: SocketOptions<Datagram>) {
    super(18, options)
  }
}
export interface Datagram extends Readable<[Message, Message]>, Writable<[MessageLike, MessageLike]> {}

for (const each of [Server, Client, Radio, Scatter, Datagram]) {
  defineOption(each, "sendBufferSize", 11, "Int32", "both")
  defineOption(each, "sendHighWaterMark", 23, "Int32", "both")
  defineOption(each, "sendTimeout", 28, "Int32", "both")
  defineOption(each, "multicastHops", 25, "Int32", "both")
}
for (const each of [Server, Client, Dish, Gather, Datagram]) {
  defineOption(each, "receiveBufferSize", 12, "Int32", "both")
  defineOption(each, "receiveHighWaterMark", 24, "Int32", "both")
  defineOption(each, "receiveTimeout", 27, "Int32", "both")
}
for (const each of [Gather, Scatter]) defineOption(each, "conflate", 54, "Bool", "set")
