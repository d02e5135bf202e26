// The classes of sockets, one for each type of the RFCs. Each says what it has; what it does is the handle's affair.

import type { Bytes } from "../bytes.ts"
import { defineOption } from "./context.ts"
import type { Message, MessageLike, Readable, SocketOptions, Writable } from "./messages.ts"
import { Socket } from "./socket.ts"

/** The options of one `connect` of a {@link Router}. */
export interface RouterConnectOptions {
  /** The name by which the peer is known, whatever it says itself. */
  routingId?: string
}

/** Talks with exactly one peer, another `Pair` (RFC 31). */
export class Pair extends Socket {
  constructor(options?: SocketOptions<Pair>) {
    super(0, options)
  }
}
export interface Pair extends Writable, Readable {}

/** Sends each message to all who have subscribed to its beginning (RFC 29). */
export class Publisher extends Socket {
  constructor(options?: SocketOptions<Publisher>) {
    super(1, options)
  }
}
export interface Publisher extends Writable {
  /** Refuses a message that a subscriber has no room for, instead of dropping it for that one. Default false. */
  noDrop: boolean
  /** Keeps only the newest message for each peer. Default false. */
  conflate: boolean
  /** Sends what matches no subscription. Default false. */
  invertMatching: boolean
}

/** Receives what begins with one of its prefixes (RFC 29). */
export class Subscriber extends Socket {
  constructor(options?: SocketOptions<Subscriber>) {
    super(2, options)
  }

  /** Asks for messages that begin with one of the prefixes; without any, for all messages. */
  subscribe(...prefixes: Array<Bytes | string>): void {
    if (prefixes.length === 0) this.setStringOption(6, null)
    else for (const prefix of prefixes) this.setStringOption(6, prefix)
  }

  /** Takes subscriptions back; without a prefix, that to all messages. */
  unsubscribe(...prefixes: Array<Bytes | string>): void {
    if (prefixes.length === 0) this.setStringOption(7, null)
    else for (const prefix of prefixes) this.setStringOption(7, prefix)
  }
}
export interface Subscriber extends Readable {
  /** Keeps only the newest message of each peer. Default false. */
  conflate: boolean
  /** Takes what matches no subscription. Default false. */
  invertMatching: boolean
}

/** Asks, and waits for the answer, in turn (RFC 28). */
export class Request extends Socket {
  constructor(options?: SocketOptions<Request>) {
    super(3, options)
  }
}
export interface Request extends Readable, Writable {
  /** The name by which a Router knows this socket. Default null. */
  routingId: string | null
  /** Sends an empty message to every new peer. Default false. */
  probeRouter: boolean
  /** Takes only the answer that brings back the id of the request. Default false. */
  correlate: boolean
  /** Lets a request be sent before the last was answered. Default false. */
  relaxed: boolean
}

/** Receives a request and answers it, in turn (RFC 28). */
export class Reply extends Socket {
  constructor(options?: SocketOptions<Reply>) {
    super(4, options)
  }
}
export interface Reply extends Readable, Writable {
  /** The name by which a Router knows this socket. Default null. */
  routingId: string | null
}

/** Spreads what it sends over its peers, and receives from all of them (RFC 28). */
export class Dealer extends Socket {
  constructor(options?: SocketOptions<Dealer>) {
    super(5, options)
  }
}
export interface Dealer extends Readable, Writable {
  /** The name by which a Router knows this socket. Default null. */
  routingId: string | null
  /** Sends an empty message to every new peer. Default false. */
  probeRouter: boolean
  /** Keeps only the newest message for each peer. Default false. */
  conflate: boolean
}

/** Receives from all its peers, and sends to the one that the first frame names (RFC 28). */
export class Router extends Socket {
  constructor(options?: SocketOptions<Router>) {
    super(6, options)
  }

  /** As `Socket.connect`; with `routingId` the peer is known by that name. */
  override connect(address: string, options: RouterConnectOptions = {}): void {
    if (options.routingId) this.setStringOption(61, options.routingId)
    super.connect(address)
  }
}
export interface Router extends Readable, Writable {
  /** Its own name. Default null. */
  routingId: string | null
  /** Refuses messages for peers that do not exist, instead of dropping them. Default false. */
  mandatory: boolean
  /** Sends an empty message to every new peer. Default false. */
  probeRouter: boolean
  /** Lets a peer take the name of another. Default false. */
  handover: boolean
}

/** Receives from all its peers (RFC 30). */
export class Pull extends Socket {
  constructor(options?: SocketOptions<Pull>) {
    super(7, options)
  }
}
export interface Pull extends Readable {
  /** Keeps only the newest message of each peer. Default false. */
  conflate: boolean
}

/** Sends each message to one of its peers (RFC 30). */
export class Push extends Socket {
  constructor(options?: SocketOptions<Push>) {
    super(8, options)
  }
}
export interface Push extends Writable {
  /** Keeps only the newest message for each peer. Default false. */
  conflate: boolean
}

/** Sends like a {@link Publisher}, and receives the subscriptions (RFC 29). */
export class XPublisher extends Socket {
  constructor(options?: SocketOptions<XPublisher>) {
    super(9, options)
  }

  /** Which subscriptions are received: the first and last of each (`null`), all, or all and all their ends. */
  set verbosity(value: null | "allSubs" | "allSubsUnsubs") {
    if (value === null) this.setBoolOption(40, false)
    else if (value === "allSubs") this.setBoolOption(40, true)
    else if (value === "allSubsUnsubs") this.setBoolOption(78, true)
  }
}
export interface XPublisher extends Readable, Writable {
  /** Refuses a message that a subscriber has no room for, instead of dropping it for that one. Default false. */
  noDrop: boolean
  /** Leaves it to the application to subscribe peers. Default false. */
  manual: boolean
  /** Sent to every new peer. Default null. */
  welcomeMessage: string | null
  /** Sends what matches no subscription. Default false. */
  invertMatching: boolean
}

/** Receives like a {@link Subscriber}, and subscribes by sending an octet 1 or 0 and a prefix (RFC 29). */
export class XSubscriber extends Socket {
  constructor(options?: SocketOptions<XSubscriber>) {
    super(10, options)
  }
}
export interface XSubscriber extends Readable, Writable {}

/** The options of one `connect` of a {@link Stream}. */
export interface StreamConnectOptions {
  /** The name by which the peer is known. */
  routingId?: string
}

/** Sends octets to peers of tcp that speak no ZMTP, and receives theirs: `[id, octets]`. */
export class Stream extends Socket {
  constructor(options?: SocketOptions<Stream>) {
    super(11, options)
  }

  /** As `Socket.connect`; with `routingId` the peer is known by that name. */
  override connect(address: string, options: StreamConnectOptions = {}): void {
    if (options.routingId) this.setStringOption(61, options.routingId)
    super.connect(address)
  }
}
export interface Stream extends Readable<[Message, Message]>, Writable<[MessageLike, MessageLike]> {
  /** Whether an empty message tells that a peer came or left. Default true. */
  notify: boolean
}

const SENDING = [Pair, Publisher, Request, Reply, Dealer, Router, Push, XPublisher, XSubscriber, Stream]
const RECEIVING = [Pair, Subscriber, Request, Reply, Dealer, Router, Pull, XPublisher, XSubscriber, Stream]
const NAMED = [Request, Reply, Router, Dealer]

type Row = readonly [
  classes: readonly { readonly prototype: Socket }[],
  name: string,
  option: number,
  layout: string,
  access: "both" | "set",
]

const ACCESSORS: readonly Row[] = [
  [SENDING, "sendBufferSize", 11, "Int32", "both"],
  [SENDING, "sendHighWaterMark", 23, "Int32", "both"],
  [SENDING, "sendTimeout", 28, "Int32", "both"],
  [SENDING, "multicastHops", 25, "Int32", "both"],
  [RECEIVING, "receiveBufferSize", 12, "Int32", "both"],
  [RECEIVING, "receiveHighWaterMark", 24, "Int32", "both"],
  [RECEIVING, "receiveTimeout", 27, "Int32", "both"],
  [NAMED, "routingId", 5, "String", "both"],
  [[Router], "mandatory", 33, "Bool", "both"],
  [[Router, Dealer, Request], "probeRouter", 51, "Bool", "set"],
  [[Request], "correlate", 52, "Bool", "set"],
  [[Request], "relaxed", 53, "Bool", "set"],
  [[Pull, Push, Subscriber, Publisher, Dealer], "conflate", 54, "Bool", "set"],
  [[Router], "handover", 56, "Bool", "set"],
  [[XPublisher, Publisher], "noDrop", 69, "Bool", "set"],
  [[XPublisher], "manual", 71, "Bool", "set"],
  [[XPublisher], "welcomeMessage", 72, "String", "set"],
  [[Stream], "notify", 73, "Bool", "set"],
  [[Publisher, Subscriber, XPublisher], "invertMatching", 74, "Bool", "both"],
]
for (const [classes, name, option, layout, access] of ACCESSORS) {
  for (const each of classes) defineOption(each, name, option, layout, access)
}
