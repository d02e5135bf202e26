// ZMTP 3.1 as a machine (RFC 37): octets in, meanings out. No I/O, no timer, no promise.
//
//   greeting ──64 octets, same mechanism──▶ handshake ──all said, and admitted──▶ traffic
//       └──────────────────────────────┴── anything else throws, and the engine is of no further use ──┘
//
// `push` takes octets; `next` says what they mean, one thing at a time, and NOTHING when it needs more. Back-pressure
// is not calling `next`. What must be sent in return (greeting, handshake) is collected for `output`.

import { type Bytes, EMPTY } from "../bytes.ts"
import { HandshakeError, ProtocolError } from "../errors.ts"
import type { Message } from "../message.ts"
import { announcesRoutingId, compatible, legalPeers, type WireType } from "../socket-type.ts"
import { encodeSubscription, type SubscriptionKind } from "../subscription.ts"
import {
  cancel,
  error as errorCommand,
  joinGroup,
  leaveGroup,
  parseCommand,
  parseError,
  parsePing,
  pingName,
  subscribe,
} from "./command.ts"
import {
  COMMAND_FRAME,
  Decoder,
  type DecoderLimits,
  type Found,
  LimitError,
  MESSAGE as WHOLE_MESSAGE,
} from "./decoder.ts"
import type { Encoder } from "./encoder.ts"
import { MORE, SEALED_COMMAND } from "./frame.ts"
import { checkMechanism, encodeGreeting, GreetingReader } from "./greeting.ts"
import type { Credentials, Mechanism, Protection } from "./mechanism.ts"

/** What `next` found; the fields of the engine hold the details. */
export const NOTHING = 0
/** The handshake is complete: see `peer`. */
export const READY = 1
/** See `message`. */
export const MESSAGE = 2
/** See `topic`; of a Dish, which joins and leaves, the topic is a group. */
export const SUBSCRIBE = 3
export const CANCEL = 4
/** To be answered with `context`; see also `timeToLive`. */
export const PING = 5
/** See `context`. */
export const PONG = 6
/** Somebody has to say whether the peer may come in: see `credentials`, and `admit`. Said once. */
export const ASK = 7
export type Meaning =
  | typeof NOTHING
  | typeof READY
  | typeof MESSAGE
  | typeof SUBSCRIBE
  | typeof CANCEL
  | typeof PING
  | typeof PONG
  | typeof ASK

/** What the engine accepts. */
export interface EngineLimits extends DecoderLimits {
  readonly maxHandshakeBytes: number
  readonly maxHandshakeFrameSize: number
  readonly maxTopicSize: number
}

/** Commands of the handshake have no business in traffic. */
const HANDSHAKE_COMMANDS: ReadonlySet<string> = new Set(["READY", "HELLO", "WELCOME", "INITIATE"])

/** What the handshake told about the peer. */
export interface EnginePeer {
  /** In capitals; empty when it did not say. */
  readonly socketType: string
  readonly routingId: Bytes
  readonly metadata: ReadonlyMap<string, Bytes>
}

export class Engine {
  phase: "greeting" | "handshake" | "traffic" = "greeting"
  message: Message = []
  topic: Bytes = EMPTY
  context: Bytes = EMPTY
  /** Milliseconds within which the peer wants to hear of us, 0 for never. */
  timeToLive = 0
  /** Minor version of the peer's ZMTP 3: from 1 on it knows subscriptions as commands, and PING. */
  minor = 0
  peer: EnginePeer | undefined
  readonly #type: WireType
  readonly #mechanism: Mechanism
  readonly #limits: EngineLimits
  readonly #decoderLimits: DecoderLimits
  readonly #greeting = new GreetingReader()
  readonly #decoder: Decoder
  #protection: Protection | undefined
  #handshakeOctets = 0
  #greeted = false
  #begun = false
  #asked = false
  #outgoing: Bytes[] = []
  // A message of sealed frames of which not all are here.
  #opened: Message = []
  #openedSize = 0

  constructor(type: WireType, mechanism: Mechanism, limits: EngineLimits) {
    this.#type = type
    this.#mechanism = mechanism
    this.#limits = limits
    this.#decoderLimits = {
      maxMessageSize: Math.min(limits.maxHandshakeFrameSize, limits.maxHandshakeBytes),
      maxMessageFrames: 1,
    }
    this.#decoder = new Decoder(this.#decoderLimits)
  }

  /** Takes octets of the peer. Their memory is lent until {@link Engine.keep}. */
  push(chunk: Bytes): void {
    let offset = 0
    if (this.phase !== "traffic") {
      this.#handshakeOctets += chunk.length
      if (this.phase === "greeting") {
        offset = this.#greeting.push(chunk, 0)
        const greeting = this.#greeting.greeting
        if (greeting === undefined) return
        checkMechanism(greeting, this.#mechanism.name)
        this.minor = greeting.major > 3 ? 1 : greeting.minor
        this.phase = "handshake"
      }
    }
    this.#decoder.push(offset === 0 ? chunk : chunk.subarray(offset))
  }

  /** The memory of what was taken is wanted back. */
  keep(): void {
    this.#decoder.keep()
  }

  /** Memory for the octets that come next, if they are the rest of a large body. */
  destination(): Bytes | undefined {
    return this.phase === "traffic" ? this.#decoder.destination() : undefined
  }

  /** So many octets were put where {@link Engine.destination} said. */
  filled(length: number): void {
    this.#decoder.filled(length)
  }

  /** Whether all octets taken so far have been given out as meanings. */
  get idle(): boolean {
    return this.#decoder.idle
  }

  /** Whether the octets so far end in the middle of something. */
  get midway(): boolean {
    return this.phase !== "traffic" || this.#decoder.midway || this.#opened.length > 0
  }

  /** Gathers what the handshake has to send now. */
  output(encoder: Encoder): void {
    if (!this.#greeted) {
      encoder.raw(encodeGreeting(this.#mechanism.name, this.#mechanism.asServer))
      this.#greeted = true
    }
    if (this.phase === "handshake") this.#begin()
    if (this.#outgoing.length > 0) {
      for (const body of this.#outgoing) encoder.handshake(body)
      this.#outgoing = []
    }
    if (this.#protection !== undefined && !encoder.secured) encoder.secure(this.#protection)
  }

  /** What the peer brought, when {@link ASK} was said. */
  get credentials(): Credentials {
    return this.#mechanism.credentials ?? {}
  }

  /** The answer to {@link ASK}; the opposite is to end the connection. */
  admit(): void {
    this.#mechanism.admit?.()
    this.#converse()
  }

  /** The connection is over. */
  dispose(): void {
    this.#mechanism.dispose?.()
  }

  /** Whether the peer has said more than its handshake may take, while it waits for our answer. */
  get impatient(): boolean {
    return this.#handshakeOctets > this.#limits.maxHandshakeBytes
  }

  /** The next meaning. Throws {@link ProtocolError} or {@link HandshakeError}; the connection then has to end. */
  next(): Meaning {
    for (;;) {
      if (this.phase === "greeting") return NOTHING
      if (this.phase === "handshake") {
        const meaning = this.#handshake()
        if (meaning !== undefined) return meaning
        continue
      }
      const found = this.#decoder.next()
      if (found === WHOLE_MESSAGE) {
        if (this.#protection === undefined) {
          this.message = this.#decoder.message
          return MESSAGE
        }
        if (this.#decoder.message.length > 1) throw new ProtocolError("A sealed frame has the MORE flag")
        const meaning = this.#open(this.#protection, this.#decoder.message[0] as Bytes)
        if (meaning !== NOTHING) return meaning
      } else if (found === COMMAND_FRAME) {
        const meaning =
          this.#protection === undefined
            ? this.#command(this.#decoder.command)
            : this.#open(this.#protection, this.#decoder.command)
        if (meaning !== NOTHING) return meaning
      } else {
        // As the decoder, keeps nothing that was given out already.
        this.message = this.#decoder.message
        this.topic = this.context = EMPTY
        return NOTHING
      }
    }
  }

  /** A subscription in the form that this peer understands (RFC 37; the message form for minor version 0). */
  subscription(encoder: Encoder, kind: SubscriptionKind, topic: Bytes): void {
    if (this.#type === "DISH") encoder.command(kind === "subscribe" ? joinGroup(topic) : leaveGroup(topic))
    else if (this.minor >= 1) encoder.command(kind === "subscribe" ? subscribe(topic) : cancel(topic))
    else encoder.add([encodeSubscription(kind, topic)])
  }

  /** Whether the peer knows PING and PONG. */
  get heartbeats(): boolean {
    return this.minor >= 1
  }

  #handshake(): Meaning | undefined {
    const mechanism = this.#mechanism
    this.#begin()
    if (mechanism.status === "ready") {
      this.#judgePeer(mechanism.metadata ?? new Map())
      this.phase = "traffic"
      this.#protection = mechanism.protection
      // What is inside a sealed frame is measured once it is open.
      this.#decoderLimits.maxMessageSize = this.#limits.maxMessageSize + (this.#protection?.overhead ?? 0)
      this.#decoderLimits.maxMessageFrames = this.#limits.maxMessageFrames
      return READY
    }
    if (mechanism.status === "asking") {
      if (this.#asked) return NOTHING
      this.#asked = true
      return ASK
    }
    const found = this.#handshakeFrame()
    // What the decoder has not looked at came along in the same chunk, and may be traffic.
    if (this.#handshakeOctets - this.#decoder.unread > this.#limits.maxHandshakeBytes) {
      throw new LimitError(
        "maxHandshakeBytes",
        `A handshake took more than the ${this.#limits.maxHandshakeBytes} octets allowed`,
      )
    }
    if (found === NOTHING) return NOTHING
    // Some peers forget the COMMAND flag on handshake commands; libzmq reads them all the same, and so do we.
    mechanism.consume(found === COMMAND_FRAME ? this.#decoder.command : (this.#decoder.message[0] as Bytes))
    this.#converse()
    return undefined
  }

  /** The next frame of a handshake, whose limits are not those of traffic and go by their own name. */
  #handshakeFrame(): Found {
    let found: Found
    try {
      found = this.#decoder.next()
    } catch (error) {
      if (!(error instanceof LimitError)) throw error
      if (error.limit === "maxMessageSize" && !this.#decoder.incomplete) {
        const { maxHandshakeBytes, maxHandshakeFrameSize } = this.#limits
        const limit = maxHandshakeFrameSize < maxHandshakeBytes ? "maxHandshakeFrameSize" : "maxHandshakeBytes"
        throw new LimitError(limit, error.message)
      }
      throw tooEarly()
    }
    if (this.#decoder.incomplete) throw tooEarly()
    return found
  }

  /** Not in `push`: who speaks first may have to compute, and it is for who asks to say when. */
  #begin(): void {
    if (this.#begun) return
    this.#begun = true
    this.#converse()
  }

  /** Lets the mechanism say what it can, before anything else of the peer is looked at. */
  #converse(): void {
    for (let body = this.#mechanism.produce(); body !== undefined; body = this.#mechanism.produce()) {
      this.#outgoing.push(body)
    }
  }

  #judgePeer(metadata: ReadonlyMap<string, Bytes>): void {
    const socketType = metadata.get("socket-type")?.toString("latin1") ?? ""
    if (socketType !== "" && !compatible(this.#type, socketType)) {
      // Clients of PLAIN and CURVE have no ERROR to send (RFC 24, RFC 26).
      const { name, asServer } = this.#mechanism
      throw new MismatchError(this.#type, socketType, asServer || name === "NULL")
    }
    const announced = metadata.get("identity") ?? EMPTY
    const named = this.#type === "ROUTER" || announcesRoutingId(socketType as WireType)
    if (named && (announced.length > 255 || announced[0] === 0)) {
      throw new ProtocolError(`A routing id is 1 to 255 octets, the first not zero; got ${announced.length} octets`)
    }
    this.peer = { socketType, routingId: named ? announced : EMPTY, metadata }
  }

  #command(body: Bytes): Meaning {
    const pinged = pingName(body)
    if (pinged > 0) {
      const { ttl, context } = parsePing(body, pinged)
      this.timeToLive = ttl
      this.context = context
      return PING
    }
    const { name, data } = parseCommand(body)
    switch (name) {
      case "SUBSCRIBE":
      case "CANCEL":
      case "JOIN":
      case "LEAVE":
        // Groups and topics are two things, and each means nothing to whoever knows the other.
        if ((this.#type === "RADIO") !== (name === "JOIN" || name === "LEAVE")) return NOTHING
        if (data.length > this.#limits.maxTopicSize) {
          throw new LimitError(
            "maxTopicSize",
            `A topic of ${data.length} octets is over the ${this.#limits.maxTopicSize} allowed`,
          )
        }
        this.topic = data
        return name === "SUBSCRIBE" || name === "JOIN" ? SUBSCRIBE : CANCEL
      case "PONG":
        this.context = data
        return PONG
      case "ERROR":
        throw new ProtocolError(`The peer reported an error: ${parseError(data)}`)
      default:
        if (HANDSHAKE_COMMANDS.has(name)) throw new ProtocolError(`${name} came after the handshake`)
        return NOTHING
    }
  }

  /** A frame of a secured connection: opens it, and gathers the frames inside to messages. */
  #open(protection: Protection, sealed: Bytes): Meaning {
    const body = protection.open(sealed)
    const flags = protection.openedFlags
    if ((flags & SEALED_COMMAND) !== 0) return this.#command(body)
    this.#openedSize += body.length
    const { maxMessageSize, maxMessageFrames } = this.#limits
    if (this.#openedSize > maxMessageSize) {
      throw new LimitError("maxMessageSize", `A message is over the ${maxMessageSize} octets allowed`)
    }
    if (this.#opened.length >= maxMessageFrames) {
      throw new LimitError("maxMessageFrames", `A message has more than the ${maxMessageFrames} frames allowed`)
    }
    this.#opened.push(body)
    if ((flags & MORE) !== 0) return NOTHING
    this.message = this.#opened
    this.#opened = []
    this.#openedSize = 0
    return MESSAGE
  }
}

function tooEarly(): ProtocolError {
  return new ProtocolError("A message came before the handshake was complete")
}

/** The peer is of a type that we cannot talk to. */
export class MismatchError extends HandshakeError {
  /** The body of the ERROR command for the peer, if it may be sent one. */
  readonly command: Bytes | undefined

  constructor(ours: WireType, theirs: string, tell: boolean) {
    super(
      `A ${ours} cannot talk to a peer of type ${JSON.stringify(theirs.slice(0, 32))}; ` +
        `it accepts ${legalPeers(ours).join(" and ")}`,
    )
    this.command = tell ? errorCommand("Invalid socket type") : undefined
  }
}

/** We do not let the peer in. */
export class DenialError extends HandshakeError {
  /** The body of the ERROR command for the peer; none when it may try again later. */
  readonly command: Bytes | undefined

  /** @param final whether trying again is pointless: the peer is told, by the code that RFC 27 has for it */
  constructor(message: string, final: boolean, options?: ErrorOptions) {
    super(message, options)
    this.command = final ? errorCommand("400") : undefined
  }
}

/** Whether trying again is pointless. Whom we did not let in today, we may be told to let in tomorrow. */
export function isFatal(error: unknown): boolean {
  return error instanceof HandshakeError && !(error instanceof DenialError)
}
