// Every option once. The interfaces say what an application may give, one group each; the table says, one row each,
// what is accepted, in what unit, by default, and by which sockets. Checks, defaults and printed docs derive from it.
// Nothing here acts on an option, and nothing outside looks one up per message.

import { type Bytes, clone } from "./bytes.ts"
import { OptionError } from "./errors.ts"
import { describe, type Frame, type FrameLike, type Message, toFrame } from "./message.ts"
import type { Peer } from "./peer.ts"
import type { Security } from "./security/security.ts"

/** The names of the socket classes. */
export type SocketClass = keyof OptionsByClass

/** Octets given as text (UTF-8) or as memory, which is copied. */
export type OctetsLike = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer

/** How busy a peer is, for a balancing strategy to choose by. */
export interface PeerLoad {
  /** Whom it is about. */
  readonly peer: Peer
  /** Messages queued for it here. */
  readonly queued: number
  /** Messages sent to it that it has not proven to have read. */
  readonly unproven: number
  /** Requests it has not answered yet. */
  readonly outstanding: number
}

/**
 * A balancing strategy of one's own: chooses one of the peers that can take a message now, or none, in which case the
 * message waits.
 */
export type BalanceStrategy<M> = (peers: readonly PeerLoad[], message: M) => PeerLoad | undefined

/** Messages of one key go to one peer, for as long as it is there. */
export interface ByKey<M> {
  readonly kind: "byKey"
  key(message: M): string | Bytes
}

/** How a socket chooses among peers that can take a message. */
export type Balance<M> = "round-robin" | "least-loaded" | ByKey<M> | BalanceStrategy<M>

/**
 * What a Publisher does with a message for a subscriber whose queue is full: drops it; drops the oldest in the queue;
 * keeps the newest of each topic, which is the whole first frame; waits; ends the connection.
 */
export type Overflow = "drop" | "drop-oldest" | "conflate" | "wait" | "disconnect"

/** What a Fanout does with a message for a peer whose queue is full. */
export type FanoutOverflow = "wait" | "drop" | "disconnect"

/** Options that every socket takes. All times are in milliseconds, all sizes in octets. */
export interface CommonOptions {
  /**
   * Octets that may wait in the queues of all peers together, both directions. 0 = no limit.
   * Beyond it only an empty queue takes one more message.
   * @defaultValue 1 GiB
   */
  maxBufferedBytes?: number | undefined
  /**
   * How long `close()` goes on sending what was accepted. -1 = until all is sent.
   * @defaultValue 10000 ms; 0 on Pull and Subscriber
   */
  linger?: number | undefined
  /**
   * Queues messages only for peers that are there, not for endpoints that are still being connected.
   * @defaultValue false
   */
  immediate?: boolean | undefined
  /**
   * How long messages may be held back to share a write. 0 = only until the end of the tick.
   * @defaultValue 0 ms
   */
  batchDelay?: number | undefined
  /**
   * How much one write may gather.
   * @defaultValue 256 KiB
   */
  batchBytes?: number | undefined
  /**
   * The first wait before connecting again; it doubles with each failure, with full jitter. -1 = never again.
   * @defaultValue 100 ms
   */
  reconnectInterval?: number | undefined
  /**
   * What the wait before connecting again grows to at most. 0 = it does not grow.
   * @defaultValue 10000 ms
   */
  reconnectMaxInterval?: number | undefined
  /**
   * How long one attempt to connect may take. 0 = as long as the system lets it.
   * @defaultValue 10000 ms
   */
  connectTimeout?: number | undefined
  /**
   * How long a handshake may take, counted from the accepted or made connection. 0 = no limit.
   * @defaultValue 10000 ms
   */
  handshakeInterval?: number | undefined
  /**
   * After how much silence a peer is sent a PING (RFC 37). 0 = never.
   * @defaultValue 10000 ms
   */
  heartbeatInterval?: number | undefined
  /**
   * How long a peer may stay silent after a PING before the connection is given up.
   * @defaultValue 30000 ms
   */
  heartbeatTimeout?: number | undefined
  /**
   * After how much silence of ours the peer is asked to give up, in steps of 100 ms. 0 = it is not asked.
   * At most 65500, because libzmq misreads what is above.
   * @defaultValue 0 ms
   */
  heartbeatTimeToLive?: number | undefined
  /**
   * How long a peer may read nothing while messages wait for it, before its connection is ended. 0 = for ever.
   * @defaultValue 0 ms
   */
  stallTimeout?: number | undefined
  /**
   * The size of the largest message accepted from a peer, all frames together. -1 = no limit.
   * @defaultValue 64 MiB
   */
  maxMessageSize?: number | undefined
  /**
   * The frames of the longest message accepted from a peer.
   * @defaultValue 1024 frames
   */
  maxMessageFrames?: number | undefined
  /**
   * How many peers may be connected to the endpoints that are bound. 0 = no limit.
   * @defaultValue 0 connections
   */
  maxConnections?: number | undefined
  /**
   * How many files, connections included, this process may have open before newcomers are turned away. 0 = as many as
   * the system allows, less 16, which are left to the application.
   * @defaultValue 0 files
   */
  maxOpenFiles?: number | undefined
  /**
   * How many accepted connections of one endpoint may be in their handshake; beyond, the oldest is ended.
   * @defaultValue 1024 connections
   */
  maxPendingHandshakes?: number | undefined
  /**
   * How many connections of one address may be in their handshake; loopback and ipc are exempt.
   * For these `maxPendingHandshakes` alone counts.
   * @defaultValue 64 connections
   */
  maxPendingHandshakesPerAddress?: number | undefined
  /**
   * How many octets of a peer a handshake may take.
   * @defaultValue 16 KiB
   */
  maxHandshakeBytes?: number | undefined
  /**
   * How large one command of a handshake may be.
   * @defaultValue 8 KiB
   */
  maxHandshakeFrameSize?: number | undefined
  /**
   * How many properties the metadata of a peer may have.
   * @defaultValue 64 properties
   */
  maxMetadataProperties?: number | undefined
  /**
   * How large the metadata of a peer may be.
   * @defaultValue 8 KiB
   */
  maxMetadataBytes?: number | undefined
  /**
   * How many connections the system may keep before they are accepted.
   * @defaultValue 511 connections
   */
  backlog?: number | undefined
  /**
   * Sends small packets at once (TCP_NODELAY).
   * @defaultValue true
   */
  noDelay?: boolean | undefined
  /**
   * Lets the system probe idle connections (SO_KEEPALIVE).
   * @defaultValue true
   */
  tcpKeepalive?: boolean | undefined
  /**
   * After how much idleness the system begins to probe.
   * @defaultValue 60000 ms
   */
  tcpKeepaliveIdle?: number | undefined
  /**
   * Uses IPv6 beside IPv4.
   * @defaultValue true
   */
  ipv6?: boolean | undefined
  /**
   * The permissions of the file of a bound ipc endpoint.
   * @defaultValue 0o600
   */
  ipcMode?: number | undefined
  /**
   * Properties told to every peer in the handshake (RFC 37): names begin with `X-`. They are compared
   * without case. At most 62 of 7168 octets together, which leaves room for what the protocol itself tells.
   * @defaultValue none
   */
  metadata?: Readonly<Record<`X-${string}`, OctetsLike>> | undefined
  /**
   * How peers prove who they are, and whether the traffic is encrypted. Without it: the NULL mechanism.
   * @defaultValue none
   */
  security?: Security | undefined
}

/** Options of sockets that send. */
export interface SendOptions {
  /**
   * How many messages may wait for one peer. 0 = no limit in messages; their octets still count.
   * @defaultValue 1000 messages
   */
  sendHighWaterMark?: number | undefined
  /**
   * How many octets may wait for one peer; a queue below its marks takes one more message of any size. 0 = no limit.
   * @defaultValue 64 MiB
   */
  sendHighWaterMarkBytes?: number | undefined
  /**
   * How long a send may wait. -1 = for ever.
   * @defaultValue -1 ms
   */
  sendTimeout?: number | undefined
}

/** Options of sockets that receive. */
export interface ReceiveOptions {
  /**
   * How many messages of one peer may wait to be read. 0 = no limit in messages; their octets still count.
   * @defaultValue 1000 messages
   */
  receiveHighWaterMark?: number | undefined
  /**
   * How many octets of one peer may wait to be read. 0 = no limit.
   * A queue below its marks takes one more message of any size.
   * @defaultValue 64 MiB
   */
  receiveHighWaterMarkBytes?: number | undefined
  /**
   * How long a receive may wait. -1 = for ever.
   * @defaultValue -1 ms
   */
  receiveTimeout?: number | undefined
}

/**
 * Options of sockets that choose a peer for each message.
 *
 * @typeParam M - what is sent
 */
export interface BalanceOptions<M = Message> {
  /**
   * How a peer is chosen: in turn, by load, by a key of the message, or by a function.
   * @defaultValue "round-robin"
   */
  balance?: Balance<M> | undefined
  /**
   * How many messages may be on their way to one peer without proof that it has read them. Of no
   * consequence to `"round-robin"`.
   * @defaultValue 256 messages
   */
  window?: number | undefined
}

/** Options of sockets that may keep the newest message only. */
export interface ConflateOptions {
  /**
   * Keeps only the newest message of each queue. For messages of one frame.
   * @defaultValue false
   */
  conflate?: boolean | undefined
}

/** Options of sockets that have a name. */
export interface RoutingIdOptions {
  /**
   * The name by which Routers know this socket: 1 to 255 octets, the first of them not zero.
   * @defaultValue none
   */
  routingId?: OctetsLike | undefined
}

/** Options of sockets that others subscribe to. */
export interface SubscriptionOptions {
  /**
   * How many subscriptions one peer may have.
   * @defaultValue 100000 subscriptions
   */
  maxSubscriptionsPerPeer?: number | undefined
  /**
   * How many subscriptions all peers may have together.
   * @defaultValue 1000000 subscriptions
   */
  maxSubscriptions?: number | undefined
  /**
   * How long a subscribed prefix may be.
   * @defaultValue 4 KiB
   */
  maxTopicSize?: number | undefined
}

/**
 * Options of sockets that send one message to many.
 *
 * @typeParam O - the choices there are
 */
export interface OverflowOptions<O extends Overflow = Overflow> {
  /**
   * What becomes of a message for a peer whose queue is full.
   * @defaultValue "drop"; "wait" on Fanout
   */
  overflow?: O | undefined
}

/** Options of sockets that match topics with subscriptions. */
export interface MatchingOptions {
  /**
   * Sends, or takes, what matches no subscription. Both sides of a connection must agree.
   * @defaultValue false
   */
  invertMatching?: boolean | undefined
}

/** Options of sockets that may talk to a Router. */
export interface ProbeOptions {
  /**
   * Sends an empty message to every peer as it joins, so that a Router there learns of this socket.
   * @defaultValue false
   */
  probeRouter?: boolean | undefined
}

/** Options of a `Pair`. */
export interface PairOptions extends CommonOptions, SendOptions, ReceiveOptions {}

/** Options of a `Push`. */
export interface PushOptions<M = Message> extends CommonOptions, SendOptions, BalanceOptions<M>, ConflateOptions {}

/** Options of a `Pull`. */
export interface PullOptions extends CommonOptions, ReceiveOptions, ConflateOptions {}

/** Options of a `Publisher`. */
export interface PublisherOptions
  extends CommonOptions,
    SendOptions,
    ConflateOptions,
    OverflowOptions,
    SubscriptionOptions,
    MatchingOptions {}

/** Options of a `Subscriber`. */
export interface SubscriberOptions extends CommonOptions, ReceiveOptions, ConflateOptions, MatchingOptions {}

/** Options of an `XPublisher`. */
export interface XPublisherOptions
  extends CommonOptions,
    SendOptions,
    ReceiveOptions,
    OverflowOptions,
    SubscriptionOptions,
    MatchingOptions {
  /**
   * Which subscriptions are received. `null`: the first to each prefix, and the end of the last; `"allSubs"`: every
   * one, and the end of the last; `"allSubsUnsubs"`: every one, and every end.
   * @defaultValue null
   */
  verbosity?: "allSubs" | "allSubsUnsubs" | null | undefined
  /**
   * Leaves it to the application to subscribe peers to what they asked for.
   * @defaultValue false
   */
  manual?: boolean | undefined
  /**
   * Sent to every peer as it joins; a Subscriber receives it if it has subscribed to it. `null` = none.
   * @defaultValue none
   */
  welcomeMessage?: OctetsLike | null | undefined
}

/** Options of an `XSubscriber`. */
export interface XSubscriberOptions extends CommonOptions, SendOptions, ReceiveOptions {}

/** Options of a `Request`. */
export interface RequestOptions<M = Message>
  extends CommonOptions,
    SendOptions,
    ReceiveOptions,
    BalanceOptions<M>,
    RoutingIdOptions,
    ProbeOptions {
  /**
   * Lets a request be sent while the one before is unanswered, which is then given up (RFC 28). Without `correlate` a
   * peer that was asked is asked again only once it has answered or left, so that no answer is taken for that of
   * another request; `"forgetful"` asks it at once, and takes a late answer for that of the request that came after.
   * @defaultValue false
   */
  relaxed?: boolean | "forgetful" | undefined
  /**
   * Sends an id with each request, and takes only the answer that brings it back. Without it, one request at a time
   * is in flight per peer.
   * @defaultValue true
   */
  correlate?: boolean | undefined
}

/** Options of a `Reply`. */
export interface ReplyOptions extends CommonOptions, SendOptions, ReceiveOptions, RoutingIdOptions {}

/** Options of a `Dealer`. */
export interface DealerOptions<M = Message>
  extends CommonOptions,
    SendOptions,
    ReceiveOptions,
    BalanceOptions<M>,
    ConflateOptions,
    RoutingIdOptions,
    ProbeOptions {}

/** Options of a `Router`. */
export interface RouterOptions extends CommonOptions, SendOptions, ReceiveOptions, RoutingIdOptions, ProbeOptions {
  /**
   * Refuses a message for a peer that is not there, instead of dropping it.
   * @defaultValue false
   */
  mandatory?: boolean | undefined
  /**
   * Lets a peer that comes with the routing id of another take its place.
   * @defaultValue false
   */
  handover?: boolean | undefined
}

/** Options of a `Fanout`. */
export interface FanoutOptions extends CommonOptions, SendOptions, OverflowOptions<FanoutOverflow> {}

/** The options of each class, but for `codec`, which every class but XPublisher and XSubscriber takes besides. */
export interface OptionsByClass {
  Pair: PairOptions
  Push: PushOptions
  Pull: PullOptions
  Publisher: PublisherOptions
  Subscriber: SubscriberOptions
  XPublisher: XPublisherOptions
  XSubscriber: XSubscriberOptions
  Request: RequestOptions
  Reply: ReplyOptions
  Dealer: DealerOptions
  Router: RouterOptions
  Fanout: FanoutOptions
}

interface AllOptions
  extends PublisherOptions,
    XPublisherOptions,
    RequestOptions<unknown>,
    DealerOptions<unknown>,
    RouterOptions {}

type Plain = Omit<AllOptions, "routingId" | "metadata" | "welcomeMessage" | "security">

/** All options with their values, the same shape for every class; what a class does not take has its default. */
export interface ResolvedOptions extends Readonly<{ [K in keyof Plain]-?: Exclude<Plain[K], undefined> }> {
  /** Turns values into frames and back; a socket without one carries frames. */
  readonly codec: { encode(value: unknown): FrameLike; decode(frame: Frame): unknown } | undefined
  /** The name by which Routers know this socket. */
  readonly routingId: Bytes | undefined
  /** Properties told to every peer in the handshake, names as they were given. */
  readonly metadata: ReadonlyMap<string, Bytes>
  /** Sent to every peer as it joins. */
  readonly welcomeMessage: Bytes | undefined
  /** How peers prove who they are; without it, the NULL mechanism. */
  readonly security: Security | undefined
}

/** The name of an option. */
export type OptionName = keyof ResolvedOptions

/** What numbers are counted in. */
export type OptionUnit =
  | "ms"
  | "bytes"
  | "messages"
  | "frames"
  | "connections"
  | "properties"
  | "subscriptions"
  | "files"

/** What values an option takes. */
export interface OptionKind<V> {
  /** What is accepted, as it follows the words "must be". */
  readonly accepts: string
  /** The value as it is kept. Calls `refuse` for what is not accepted, saying what it got unless the value says it. */
  read(value: unknown, refuse: (got?: string) => never): V
}

/** One row of the table of options. */
export interface OptionRow<V> {
  /** What it is about, in a sentence. */
  readonly doc: string
  readonly kind: OptionKind<V>
  readonly unit?: OptionUnit
  readonly default: V
  /** The classes that take it. */
  readonly on: readonly SocketClass[]
  /** Where a class differs in what it takes. */
  readonly kindOn?: Readonly<Partial<Record<SocketClass, OptionKind<V>>>>
  /** Where a class differs in its default. */
  readonly defaultOn?: Readonly<Partial<Record<SocketClass, V>>>
  /** Of a limit: what becomes of whoever meets it, and in backquotes the events that tell of it. */
  readonly bites?: string
}

const KIB = 1024
const MIB = 1024 * KIB

// What a timer of the runtime can wait for at most.
const MAX_MS = 0x7fffffff

// READY fits into one frame of 8 KiB, and so does an INITIATE of CURVE, and both are read by peers with our own limits:
// what is left for the application beside the two properties of the protocol, the longest routing id included.
const MAX_OWN_PROPERTIES = 62
const MAX_OWN_METADATA = 7168

/** Whole numbers of a range, or one value with a meaning of its own that stands outside it. */
function whole(from: number, to: number = Number.MAX_SAFE_INTEGER, or?: number): OptionKind<number> {
  const range = to === Number.MAX_SAFE_INTEGER ? `of at least ${from}` : `from ${from} to ${to}`
  return {
    accepts: or === undefined ? `a whole number ${range}` : `${or} or a whole number ${range}`,
    read: (value, refuse) => {
      if (typeof value !== "number" || !Number.isInteger(value)) return refuse()
      return (value >= from && value <= to) || value === or ? value : refuse()
    },
  }
}

function oneOf<const V extends readonly (string | boolean | null)[]>(...values: V): OptionKind<V[number]> {
  return {
    accepts: values.map((value) => JSON.stringify(value)).join(" or "),
    read: (value, refuse) => (values.includes(value as V[number]) ? (value as V[number]) : refuse()),
  }
}

const yesOrNo: OptionKind<boolean> = {
  accepts: "true or false",
  read: (value, refuse) => (typeof value === "boolean" ? value : refuse()),
}

// -1 is kept as a number that nothing exceeds, so that whoever enforces the limit only has to compare.
const sizeOrNone: OptionKind<number> = {
  accepts: "-1 or a whole number of at least 0",
  read: (value, refuse) => (value === -1 ? Number.MAX_SAFE_INTEGER : whole(0).read(value, refuse)),
}

const fileMode: OptionKind<number> = {
  accepts: "a file mode from 0 to 0o777",
  read: (value, refuse) => whole(0, 0o777).read(value, refuse),
}

const name: OptionKind<Bytes | undefined> = {
  accepts: "a string, a Buffer or other view, or an ArrayBuffer, of 1 to 255 octets that do not begin with a zero",
  read: (value, refuse) => {
    const octets = copyOf(value) ?? refuse()
    if (octets.length === 0 || octets.length > 255) return refuse(`${octets.length} octets`)
    return octets[0] === 0 ? refuse("a leading zero") : octets
  },
}

const octetsOrNone: OptionKind<Bytes | undefined> = {
  accepts: "a string, a Buffer or other view, an ArrayBuffer, or null",
  read: (value, refuse) => (value === null ? undefined : (copyOf(value) ?? refuse())),
}

const properties: OptionKind<ReadonlyMap<string, Bytes>> = {
  accepts:
    `an object of at most ${MAX_OWN_PROPERTIES} properties of ${MAX_OWN_METADATA} octets together, whose names are ` +
    '"X-" and letters, digits and "-_.+", and whose values are strings, Buffers or other views, or ArrayBuffers',
  read: (value, refuse) => {
    // Anything but a plain object, a Map say, would look like no properties at all.
    if (typeof value !== "object" || value === null) return refuse()
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype) return refuse()
    const found = new Map<string, Bytes>()
    const names = new Set<string>()
    let size = 0
    for (const [property, given] of Object.entries(value)) {
      // RFC 37: names are compared without case, and are of these characters.
      if (!/^X-[A-Za-z0-9._+-]{1,253}$/i.test(property)) return refuse(`a property ${describe(property)}`)
      if (names.has(property.toLowerCase())) return refuse(`the property ${describe(property)} twice`)
      const octets = copyOf(given) ?? refuse(`a property ${describe(property)} that is neither text nor memory`)
      names.add(property.toLowerCase())
      found.set(property, octets)
      size += 1 + property.length + 4 + octets.length
    }
    if (found.size > MAX_OWN_PROPERTIES) return refuse(`${found.size} properties`)
    return size > MAX_OWN_METADATA ? refuse(`${size} octets`) : found
  },
}

const mechanism: OptionKind<Security | undefined> = {
  accepts: "what plain(), plainServer() and their like return",
  read: (value, refuse) => {
    // What was given here by mistake may be a secret: it is not repeated.
    if (typeof value !== "object" || value === null) return refuse(`a value of type ${typeof value}`)
    const { mechanism, create } = value as Partial<Security>
    return typeof mechanism === "string" && typeof create === "function"
      ? (value as Security)
      : refuse("another object")
  },
}

const codec: OptionKind<ResolvedOptions["codec"]> = {
  accepts: "an object with the methods encode and decode",
  read: (value, refuse) => {
    if (typeof value !== "object" || value === null) return refuse()
    const { encode, decode } = value as Partial<NonNullable<ResolvedOptions["codec"]>>
    return typeof encode === "function" && typeof decode === "function"
      ? (value as NonNullable<ResolvedOptions["codec"]>)
      : refuse()
  },
}

const strategy: OptionKind<Balance<unknown>> = {
  accepts: '"round-robin", "least-loaded", what byKey() returns, or a function',
  read: (value, refuse) => {
    if (value === "round-robin" || value === "least-loaded") return value
    if (typeof value === "function") return value as BalanceStrategy<unknown>
    if (typeof value !== "object" || value === null) return refuse()
    const { kind, key } = value as Partial<ByKey<unknown>>
    return kind === "byKey" && typeof key === "function" ? (value as ByKey<unknown>) : refuse()
  },
}

// Octets of our own, whatever the application does with its memory afterwards; undefined if there are none in it.
function copyOf(value: unknown): Bytes | undefined {
  if (value === null) return undefined
  try {
    return clone(toFrame(value as FrameLike))
  } catch {
    return undefined
  }
}

const ALL: readonly SocketClass[] = [
  "Pair",
  "Push",
  "Pull",
  "Publisher",
  "Subscriber",
  "XPublisher",
  "XSubscriber",
  "Request",
  "Reply",
  "Dealer",
  "Router",
  "Fanout",
]

const SENDING = ALL.filter((cls) => cls !== "Pull" && cls !== "Subscriber")
const RECEIVING = ALL.filter((cls) => cls !== "Push" && cls !== "Publisher" && cls !== "Fanout")
const TYPED = ALL.filter((cls) => cls !== "XPublisher" && cls !== "XSubscriber")
const BALANCING: readonly SocketClass[] = ["Push", "Dealer", "Request"]
const CONFLATING: readonly SocketClass[] = ["Push", "Pull", "Publisher", "Subscriber", "Dealer"]
const NAMED: readonly SocketClass[] = ["Request", "Reply", "Dealer", "Router"]
const PUBLISHING: readonly SocketClass[] = ["Publisher", "XPublisher"]

const time = whole(0, MAX_MS)
const patience = whole(0, MAX_MS, -1)
const mark = whole(0)
const limit = whole(1)

/** The table of options. */
export const OPTIONS: { readonly [K in OptionName]: OptionRow<ResolvedOptions[K]> } = {
  codec: {
    doc: "Turns values into frames and back; a socket without one carries frames.",
    kind: codec,
    default: undefined,
    on: TYPED,
  },
  sendHighWaterMark: {
    doc: "How many messages may wait for one peer.",
    kind: mark,
    unit: "messages",
    default: 1000,
    on: SENDING,
    bites: "The queue is full: its socket waits or drops, as its class says. `peer:slow`, `message:dropped`",
  },
  sendHighWaterMarkBytes: {
    doc: "How many octets may wait for one peer; a queue below its marks takes one more message of any size.",
    kind: mark,
    unit: "bytes",
    default: 64 * MIB,
    on: SENDING,
    bites: "The same, however few the messages are. `peer:slow`, `message:dropped`",
  },
  sendTimeout: {
    doc: "How long a send may wait.",
    kind: patience,
    unit: "ms",
    default: -1,
    on: SENDING,
  },
  receiveHighWaterMark: {
    doc: "How many messages of one peer may wait to be read.",
    kind: mark,
    unit: "messages",
    default: 1000,
    on: RECEIVING,
    bites: "Nothing more is read from this peer until there is room. `limit`",
  },
  receiveHighWaterMarkBytes: {
    doc: "How many octets of one peer may wait to be read.",
    kind: mark,
    unit: "bytes",
    default: 64 * MIB,
    on: RECEIVING,
    bites: "The same, however few the messages are. `limit`",
  },
  receiveTimeout: {
    doc: "How long a receive may wait.",
    kind: patience,
    unit: "ms",
    default: -1,
    on: RECEIVING,
  },
  maxBufferedBytes: {
    doc: "Octets that may wait in the queues of all peers together, both directions.",
    kind: mark,
    unit: "bytes",
    default: 1024 * MIB,
    on: ALL,
    bites: "All queues are full until there is room. `limit`",
  },
  linger: {
    doc: "How long `close()` goes on sending what was accepted.",
    kind: patience,
    unit: "ms",
    default: 10_000,
    on: ALL,
    defaultOn: { Pull: 0, Subscriber: 0 },
  },
  immediate: {
    doc: "Queues messages only for peers that are there, not for endpoints that are still being connected.",
    kind: yesOrNo,
    default: false,
    on: ALL,
  },
  conflate: {
    doc: "Keeps only the newest message of each queue.",
    kind: yesOrNo,
    default: false,
    on: CONFLATING,
  },
  balance: {
    doc: "How a peer is chosen: in turn, by load, by a key of the message, or by a function.",
    kind: strategy,
    default: "round-robin",
    on: BALANCING,
  },
  window: {
    doc: "How many messages may be on their way to one peer without proof that it has read them.",
    kind: limit,
    unit: "messages",
    default: 256,
    on: BALANCING,
  },
  overflow: {
    doc: "What becomes of a message for a peer whose queue is full.",
    kind: oneOf("drop", "drop-oldest", "conflate", "wait", "disconnect"),
    default: "drop",
    on: [...PUBLISHING, "Fanout"],
    kindOn: { Fanout: oneOf("wait", "drop", "disconnect") },
    defaultOn: { Fanout: "wait" },
  },
  batchDelay: {
    doc: "How long messages may be held back to share a write.",
    kind: time,
    unit: "ms",
    default: 0,
    on: ALL,
  },
  batchBytes: {
    doc: "How much one write may gather.",
    kind: limit,
    unit: "bytes",
    default: 256 * KIB,
    on: ALL,
  },
  reconnectInterval: {
    doc: "The first wait before connecting again; it doubles with each failure, with full jitter.",
    kind: whole(1, MAX_MS, -1),
    unit: "ms",
    default: 100,
    on: ALL,
  },
  reconnectMaxInterval: {
    doc: "What the wait before connecting again grows to at most.",
    kind: time,
    unit: "ms",
    default: 10_000,
    on: ALL,
  },
  connectTimeout: {
    doc: "How long one attempt to connect may take.",
    kind: time,
    unit: "ms",
    default: 10_000,
    on: ALL,
  },
  handshakeInterval: {
    doc: "How long a handshake may take, counted from the accepted or made connection.",
    kind: time,
    unit: "ms",
    default: 10_000,
    on: ALL,
    bites: "The connection ends. `limit`, `handshake:error`",
  },
  heartbeatInterval: {
    doc: "After how much silence a peer is sent a PING (RFC 37).",
    kind: time,
    unit: "ms",
    default: 10_000,
    on: ALL,
  },
  heartbeatTimeout: {
    doc: "How long a peer may stay silent after a PING before the connection is given up.",
    kind: whole(1, MAX_MS),
    unit: "ms",
    default: 30_000,
    on: ALL,
    bites: "The connection ends. `disconnect`",
  },
  heartbeatTimeToLive: {
    doc: "After how much silence of ours the peer is asked to give up, in steps of 100 ms.",
    kind: whole(100, 65_500, 0),
    unit: "ms",
    default: 0,
    on: ALL,
  },
  stallTimeout: {
    doc: "How long a peer may read nothing while messages wait for it, before its connection is ended.",
    kind: time,
    unit: "ms",
    default: 0,
    on: ALL,
    bites: "The connection ends. `disconnect`",
  },
  maxMessageSize: {
    doc: "The size of the largest message accepted from a peer, all frames together.",
    kind: sizeOrNone,
    unit: "bytes",
    default: 64 * MIB,
    on: ALL,
    bites: "The connection ends before one octet of the body is stored. `limit`, `disconnect`",
  },
  maxMessageFrames: {
    doc: "The frames of the longest message accepted from a peer.",
    kind: limit,
    unit: "frames",
    default: 1024,
    on: ALL,
    bites: "The connection ends. `limit`, `disconnect`",
  },
  maxConnections: {
    doc: "How many peers may be connected to the endpoints that are bound.",
    kind: mark,
    unit: "connections",
    default: 0,
    on: ALL,
    bites: "Newcomers are turned away. `limit`, `accept:error`",
  },
  maxOpenFiles: {
    doc: "How many files, connections included, this process may have open before newcomers are turned away.",
    kind: mark,
    unit: "files",
    default: 0,
    on: ALL,
    bites: "Newcomers are turned away. `limit`, `accept:error`",
  },
  maxPendingHandshakes: {
    doc: "How many accepted connections of one endpoint may be in their handshake; beyond, the oldest is ended.",
    kind: limit,
    unit: "connections",
    default: 1024,
    on: ALL,
    bites: "The oldest makes room for the newcomer. `limit`, `handshake:error`",
  },
  maxPendingHandshakesPerAddress: {
    doc: "How many connections of one address may be in their handshake; loopback and ipc are exempt.",
    kind: limit,
    unit: "connections",
    default: 64,
    on: ALL,
    bites: "The oldest of that address makes room. `limit`, `handshake:error`",
  },
  maxHandshakeBytes: {
    doc: "How many octets of a peer a handshake may take.",
    kind: whole(64),
    unit: "bytes",
    default: 16 * KIB,
    on: ALL,
    bites: "The connection ends. `limit`, `handshake:error`",
  },
  maxHandshakeFrameSize: {
    doc: "How large one command of a handshake may be.",
    kind: whole(64),
    unit: "bytes",
    default: 8 * KIB,
    on: ALL,
    bites: "The connection ends before one octet of it is stored. `limit`, `handshake:error`",
  },
  maxMetadataProperties: {
    doc: "How many properties the metadata of a peer may have.",
    kind: limit,
    unit: "properties",
    default: 64,
    on: ALL,
    bites: "The connection ends. `limit`, `handshake:error`",
  },
  maxMetadataBytes: {
    doc: "How large the metadata of a peer may be.",
    kind: limit,
    unit: "bytes",
    default: 8 * KIB,
    on: ALL,
    bites: "The connection ends. `limit`, `handshake:error`",
  },
  maxSubscriptionsPerPeer: {
    doc: "How many subscriptions one peer may have.",
    kind: limit,
    unit: "subscriptions",
    default: 100_000,
    on: PUBLISHING,
    bites: "The peer is disconnected. `limit`, `disconnect`",
  },
  maxSubscriptions: {
    doc: "How many subscriptions all peers may have together.",
    kind: limit,
    unit: "subscriptions",
    default: 1_000_000,
    on: PUBLISHING,
    bites: "The peer whose subscription is one too many is disconnected. `limit`, `disconnect`",
  },
  maxTopicSize: {
    doc: "How long a subscribed prefix may be.",
    kind: limit,
    unit: "bytes",
    default: 4 * KIB,
    on: PUBLISHING,
    bites: "The peer is disconnected. `limit`, `disconnect`",
  },
  backlog: {
    doc: "How many connections the system may keep before they are accepted.",
    kind: whole(1, 0x7fffffff),
    unit: "connections",
    default: 511,
    on: ALL,
  },
  noDelay: {
    doc: "Sends small packets at once (TCP_NODELAY).",
    kind: yesOrNo,
    default: true,
    on: ALL,
  },
  tcpKeepalive: {
    doc: "Lets the system probe idle connections (SO_KEEPALIVE).",
    kind: yesOrNo,
    default: true,
    on: ALL,
  },
  tcpKeepaliveIdle: {
    doc: "After how much idleness the system begins to probe.",
    kind: whole(1000, MAX_MS),
    unit: "ms",
    default: 60_000,
    on: ALL,
  },
  ipv6: {
    doc: "Uses IPv6 beside IPv4.",
    kind: yesOrNo,
    default: true,
    on: ALL,
  },
  ipcMode: {
    doc: "The permissions of the file of a bound ipc endpoint.",
    kind: fileMode,
    default: 0o600,
    on: ALL,
    bites: "The system keeps out whoever it does not name; a live or foreign path is left alone. `bind:error`",
  },
  routingId: {
    doc: "The name by which Routers know this socket: 1 to 255 octets, the first of them not zero.",
    kind: name,
    default: undefined,
    on: NAMED,
  },
  metadata: {
    doc: "Properties told to every peer in the handshake (RFC 37): names begin with `X-`.",
    kind: properties,
    default: new Map(),
    on: ALL,
  },
  security: {
    doc: "How peers prove who they are, and whether the traffic is encrypted.",
    kind: mechanism,
    default: undefined,
    on: ALL,
  },
  invertMatching: {
    doc: "Sends, or takes, what matches no subscription.",
    kind: yesOrNo,
    default: false,
    on: ["Publisher", "Subscriber", "XPublisher"],
  },
  verbosity: {
    doc: "Which subscriptions are received.",
    kind: oneOf(null, "allSubs", "allSubsUnsubs"),
    default: null,
    on: ["XPublisher"],
  },
  manual: {
    doc: "Leaves it to the application to subscribe peers to what they asked for.",
    kind: yesOrNo,
    default: false,
    on: ["XPublisher"],
  },
  welcomeMessage: {
    doc: "Sent to every peer as it joins; a Subscriber receives it if it has subscribed to it.",
    kind: octetsOrNone,
    default: undefined,
    on: ["XPublisher"],
  },
  relaxed: {
    doc:
      "Lets a request be sent while the one before is unanswered, which is then given up (RFC 28). Without " +
      "`correlate` a peer that was asked is asked again only once it has answered or left, so that no answer is " +
      'taken for that of another request; `"forgetful"` asks it at once, and takes a late answer for that of the ' +
      "request that came after.",
    kind: oneOf(false, true, "forgetful"),
    default: false,
    on: ["Request"],
  },
  correlate: {
    doc: "Sends an id with each request, and takes only the answer that brings it back.",
    kind: yesOrNo,
    default: true,
    on: ["Request"],
  },
  mandatory: {
    doc: "Refuses a message for a peer that is not there, instead of dropping it.",
    kind: yesOrNo,
    default: false,
    on: ["Router"],
  },
  handover: {
    doc: "Lets a peer that comes with the routing id of another take its place.",
    kind: yesOrNo,
    default: false,
    on: ["Router"],
    bites: "Routing ids have 1 to 255 octets, no leading zero; another of the same is refused. `handshake:error`",
  },
  probeRouter: {
    doc: "Sends an empty message to every peer as it joins, so that a Router there learns of this socket.",
    kind: yesOrNo,
    default: false,
    on: ["Request", "Dealer", "Router"],
  },
}

const NAMES: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[]

/** The options that a class takes, in the order of the table. */
export function applicableOptions(cls: SocketClass): readonly OptionName[] {
  return NAMES.filter((option) => OPTIONS[option].on.includes(cls))
}

/**
 * Checks what an application gave to the constructor of a class, and fills in the defaults. `undefined` stands for
 * the default everywhere.
 *
 * @throws {@link OptionError} for the first option that does not exist, that this class does not take, or whose value
 * is not accepted
 */
export function resolveOptions(cls: SocketClass, given: object | undefined): Readonly<ResolvedOptions> {
  const chosen: Record<string, unknown> = { ...checkShape(cls, given) }
  for (const [option, value] of Object.entries(chosen)) checkName(cls, option, value)
  const resolved: Partial<Record<OptionName, unknown>> = {}
  for (const option of NAMES) resolved[option] = resolve(cls, option, OPTIONS[option], chosen[option])
  return Object.freeze(resolved as unknown as ResolvedOptions)
}

function resolve(cls: SocketClass, option: OptionName, row: OptionRow<unknown>, value: unknown): unknown {
  if (value === undefined) return row.defaultOn?.[cls] ?? row.default
  const kind = row.kindOn?.[cls] ?? row.kind
  const refuse = (got: string = describe(value)): never => {
    const unit = row.unit === undefined ? "" : ` ${row.unit}`
    throw new OptionError(option, `Option "${option}" of ${cls} must be ${kind.accepts}${unit}, got ${got}`)
  }
  try {
    return kind.read(value, refuse)
  } catch (error) {
    // A getter that throws, or a proxy that was revoked.
    if (error instanceof OptionError) throw error
    return refuse("what cannot be read")
  }
}

function checkShape(cls: SocketClass, given: unknown): object | undefined {
  if (given === undefined || (typeof given === "object" && given !== null && !Array.isArray(given))) return given
  throw new OptionError("options", `The options of ${cls} must be an object, got ${describe(given)}`)
}

function checkName(cls: SocketClass, option: string, value: unknown): void {
  if (!Object.hasOwn(OPTIONS, option)) {
    const accepted = applicableOptions(cls)
    const meant = nearest(option, accepted)
    const hint = meant === undefined ? "" : `: did you mean "${meant}"?`
    const list = `${cls} takes ${accepted.join(", ")}`
    throw new OptionError(option, `There is no option ${describe(option)}${hint || ";"} ${list}`)
  }
  const { on } = OPTIONS[option as OptionName]
  if (value === undefined || on.includes(cls)) return
  throw new OptionError(option, `${cls} does not take the option "${option}": it is for ${on.join(", ")}`)
}

// The name with the fewest letters to insert, delete or replace, if these are few enough to be a slip.
function nearest(option: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let fewest = Math.max(2, Math.ceil(option.length / 4)) + 1
  for (const candidate of names) {
    const edits = editsBetween(option.toLowerCase(), candidate.toLowerCase())
    if (edits < fewest) {
      fewest = edits
      best = candidate
    }
  }
  return best
}

function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
