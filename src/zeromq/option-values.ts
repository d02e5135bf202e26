// The options of a socket by the numbers of libzmq: what each is at first, what it takes, and on which types of
// sockets. One row each. What becomes of a value is not decided here.

import type { Bytes } from "../bytes.ts"
import { decodeZ85, encodeZ85 } from "../curve/z85.ts"
import type { ContextState } from "./context.ts"
import { errnoError } from "./errno.ts"

/** The numbers of the options that the library itself asks for. */
export const ROUTING_ID = 5
export const SUBSCRIBE = 6
export const UNSUBSCRIBE = 7
export const EVENTS = 15
export const LINGER = 17
export const RECONNECT_INTERVAL = 18
export const BACKLOG = 19
export const RECONNECT_MAX_INTERVAL = 21
export const MAX_MESSAGE_SIZE = 22
export const SEND_HIGH_WATER_MARK = 23
export const RECEIVE_HIGH_WATER_MARK = 24
export const RECEIVE_TIMEOUT = 27
export const SEND_TIMEOUT = 28
export const MULTICAST_HOPS = 25
export const LAST_ENDPOINT = 32
export const MANDATORY = 33
export const TCP_KEEPALIVE = 34
export const TCP_KEEPALIVE_IDLE = 36
export const IMMEDIATE = 39
export const VERBOSE = 40
export const IPV6 = 42
export const MECHANISM = 43
export const PLAIN_SERVER = 44
export const PLAIN_USERNAME = 45
export const PLAIN_PASSWORD = 46
export const CURVE_SERVER = 47
export const CURVE_PUBLIC_KEY = 48
export const CURVE_SECRET_KEY = 49
export const CURVE_SERVER_KEY = 50
export const PROBE_ROUTER = 51
export const CORRELATE = 52
export const RELAXED = 53
export const CONFLATE = 54
export const ZAP_DOMAIN = 55
export const HANDOVER = 56
export const CONNECT_ROUTING_ID = 61
export const HANDSHAKE_INTERVAL = 66
export const SOCKS_PROXY = 68
export const NO_DROP = 69
export const MANUAL = 71
export const WELCOME_MESSAGE = 72
export const NOTIFY = 73
export const INVERT_MATCHING = 74
export const HEARTBEAT_INTERVAL = 75
export const HEARTBEAT_TIME_TO_LIVE = 76
export const HEARTBEAT_TIMEOUT = 77
export const VERBOSER = 78
export const CONNECT_TIMEOUT = 79
export const INTERFACE = 92
export const ZAP_ENFORCE_DOMAIN = 93

const TYPE = 16
const THREAD_SAFE = 81

/** What the option `securityMechanism` can be, by its number. */
export const NULL_MECHANISM = 0
export const PLAIN_MECHANISM = 1
export const CURVE_MECHANISM = 2

export type OptionValue = number | Bytes | null

/** How a value is laid out: methods for one layout refuse options of another. */
export type Layout = 4 | 8 | "octets"

interface Row {
  readonly layout: Layout
  readonly initial: OptionValue
  accepts(value: OptionValue): boolean
  /** The types that have it; all of them, if nothing is said. */
  readonly on?: readonly number[]
  readonly access?: "get" | "set"
}

const MAX_INT = 0x7fffffff

function whole(initial: number, from: number, to: number = MAX_INT, more: Partial<Row> = {}): Row {
  return { layout: 4, initial, accepts: (value) => (value as number) >= from && (value as number) <= to, ...more }
}

function flag(initial: 0 | 1, more: Partial<Row> = {}): Row {
  return whole(initial, 0, 1, more)
}

/** @param from 0 for an option that can be unset by null, and by nothing at all */
function octets(from: number, to: number, more: Partial<Row> = {}): Row {
  const fits = (length: number): boolean => length >= from && length <= to
  return { layout: "octets", initial: null, accepts: (value) => fits((value as Bytes | null)?.length ?? 0), ...more }
}

/** As {@link octets}, of an option that is unset by null, and not by nothing at all. */
function octetsOrNull(from: number, to: number): Row {
  const row = octets(from, to)
  return { ...row, accepts: (value) => value === null || row.accepts(value) }
}

const KEY: Row = {
  layout: "octets",
  initial: null,
  accepts: (value) => value !== null && keyOf(value as Bytes) !== undefined,
  access: "set",
}

const PUB = 1
const SUB = 2
const REQ = 3
const DEALER = 5
const ROUTER = 6
const PULL = 7
const PUSH = 8
const XPUB = 9
const STREAM = 11
const RADIO = 14
const GATHER = 16
const SCATTER = 17

const ROWS: ReadonlyMap<number, Row> = new Map([
  [4, { layout: 8, initial: 0, accepts: () => true }],
  [ROUTING_ID, octets(1, 255)],
  [SUBSCRIBE, octets(0, MAX_INT, { on: [SUB, XPUB], access: "set" })],
  [UNSUBSCRIBE, octets(0, MAX_INT, { on: [SUB, XPUB], access: "set" })],
  [8, whole(100, 1)],
  [9, whole(10_000, 0)],
  [11, whole(-1, -1)],
  [12, whole(-1, -1)],
  [13, whole(0, 0, 0, { access: "get" })],
  [TYPE, whole(0, 0, MAX_INT, { access: "get" })],
  [LINGER, whole(-1, -1)],
  [RECONNECT_INTERVAL, whole(100, -1)],
  [BACKLOG, whole(100, 0)],
  [RECONNECT_MAX_INTERVAL, whole(0, 0)],
  [MAX_MESSAGE_SIZE, { layout: 8, initial: -1, accepts: () => true }],
  [SEND_HIGH_WATER_MARK, whole(1000, 0)],
  [RECEIVE_HIGH_WATER_MARK, whole(1000, 0)],
  [MULTICAST_HOPS, whole(1, 1)],
  [RECEIVE_TIMEOUT, whole(-1, -1)],
  [SEND_TIMEOUT, whole(-1, -1)],
  [LAST_ENDPOINT, octets(0, 0, { access: "get" })],
  [MANDATORY, flag(0, { on: [ROUTER], access: "set" })],
  [TCP_KEEPALIVE, whole(-1, -1, 1)],
  [35, whole(-1, -1)],
  [TCP_KEEPALIVE_IDLE, whole(-1, -1)],
  [37, whole(-1, -1)],
  // Refused, so that nobody believes that somebody is kept out.
  [38, octets(0, 0, { access: "set", accepts: () => false })],
  [IMMEDIATE, flag(0)],
  [VERBOSE, flag(0, { on: [PUB, XPUB], access: "set" })],
  [IPV6, flag(0)],
  [MECHANISM, whole(NULL_MECHANISM, 0, 3, { access: "get" })],
  [PLAIN_SERVER, flag(0)],
  [PLAIN_USERNAME, octetsOrNull(1, 255)],
  [PLAIN_PASSWORD, octetsOrNull(1, 255)],
  [CURVE_SERVER, flag(0)],
  [CURVE_PUBLIC_KEY, KEY],
  [CURVE_SECRET_KEY, KEY],
  [CURVE_SERVER_KEY, KEY],
  [PROBE_ROUTER, flag(0, { on: [REQ, DEALER, ROUTER], access: "set" })],
  [CORRELATE, flag(0, { on: [REQ], access: "set" })],
  [RELAXED, flag(0, { on: [REQ], access: "set" })],
  [CONFLATE, flag(0, { on: [PULL, PUSH, SUB, PUB, DEALER, GATHER, SCATTER] })],
  [ZAP_DOMAIN, octets(1, 255)],
  [HANDOVER, flag(0, { on: [ROUTER], access: "set" })],
  [57, whole(0, 0)],
  [CONNECT_ROUTING_ID, octets(1, 255, { on: [ROUTER, STREAM], access: "set" })],
  [HANDSHAKE_INTERVAL, whole(30_000, 0)],
  [SOCKS_PROXY, octetsOrNull(1, MAX_INT)],
  [NO_DROP, flag(0, { on: [PUB, XPUB, RADIO], access: "set" })],
  [MANUAL, flag(0, { on: [PUB, XPUB], access: "set" })],
  [WELCOME_MESSAGE, octets(0, MAX_INT, { on: [PUB, XPUB], access: "set" })],
  [NOTIFY, flag(1, { on: [STREAM], access: "set" })],
  [INVERT_MATCHING, flag(0)],
  [HEARTBEAT_INTERVAL, whole(0, 0)],
  [HEARTBEAT_TIME_TO_LIVE, whole(0, -99, 6_553_599)],
  [HEARTBEAT_TIMEOUT, whole(-1, 0)],
  [VERBOSER, flag(0, { on: [PUB, XPUB], access: "set" })],
  [CONNECT_TIMEOUT, whole(0, 0)],
  [80, whole(0, 0)],
  [THREAD_SAFE, whole(0, 0, 1, { access: "get" })],
  [84, whole(1500, 1)],
  [INTERFACE, octetsOrNull(1, 15)],
  [ZAP_ENFORCE_DOMAIN, flag(0)],
  [94, flag(0)],
])

/** The option can be set at any time without a word; of the others a program is warned once there is an endpoint. */
export const AT_ANY_TIME: ReadonlySet<number> = new Set([
  SUBSCRIBE,
  UNSUBSCRIBE,
  LINGER,
  MANDATORY,
  PROBE_ROUTER,
  VERBOSE,
  VERBOSER,
  CORRELATE,
  RELAXED,
  HANDOVER,
  SEND_HIGH_WATER_MARK,
  RECEIVE_HIGH_WATER_MARK,
  SEND_TIMEOUT,
  RECEIVE_TIMEOUT,
])

/** What the library is told of at once; of the others at the next bind or connect. */
export const AT_ONCE: ReadonlySet<number> = new Set([...AT_ANY_TIME, WELCOME_MESSAGE])

/** Options that say who is the server, and of what. */
const MECHANISM_OF: ReadonlyMap<number, number> = new Map([
  [PLAIN_SERVER, PLAIN_MECHANISM],
  [CURVE_SERVER, CURVE_MECHANISM],
])

/** Draft types, which libzmq lets several threads use. */
const FIRST_THREAD_SAFE = 12
const DATAGRAM = 18

/** The options of one socket. */
export class OptionValues {
  readonly type: number
  readonly #values = new Map<number, OptionValue>()

  constructor(type: number, context: ContextState, linger: number | undefined) {
    this.type = type
    this.#values.set(TYPE, type)
    this.#values.set(THREAD_SAFE, type >= FIRST_THREAD_SAFE && type < DATAGRAM ? 1 : 0)
    this.#values.set(LINGER, linger ?? context.linger)
    this.#values.set(IPV6, context.ipv6 ? 1 : 0)
  }

  /** The value as it is in force, whoever may read it. */
  number(option: number): number {
    return this.#value(option) as number
  }

  /** As {@link OptionValues.number}, of an option that is octets. */
  octets(option: number): Bytes | null {
    return this.#value(option) as Bytes | null
  }

  flag(option: number): boolean {
    return this.#value(option) === 1
  }

  /** Keeps what is not set by applications. */
  keep(option: number, value: OptionValue): void {
    this.#values.set(option, value)
  }

  /** For applications. Throws `EINVAL`. */
  get(option: number, layout: Layout): OptionValue {
    const row = ROWS.get(option)
    if (row === undefined || row.layout !== layout || row.access === "set" || !this.#has(row))
      throw errnoError("EINVAL")
    // Nobody is the server of a mechanism that is not in force.
    const mechanism = MECHANISM_OF.get(option)
    return mechanism === undefined || mechanism === this.#value(MECHANISM) ? this.#value(option) : 0
  }

  /** For applications. Throws `EINVAL`. */
  set(option: number, value: OptionValue, layout: Layout): void {
    const row = ROWS.get(option)
    if (row === undefined || row.layout !== layout || row.access === "get" || !this.#has(row))
      throw errnoError("EINVAL")
    if (!row.accepts(value)) throw errnoError("EINVAL")
    this.#values.set(option, kept(option, value))
    this.#follow(option, value)
  }

  #has({ on }: Row): boolean {
    return on === undefined || on.includes(this.type)
  }

  #value(option: number): OptionValue {
    return this.#values.get(option) ?? ROWS.get(option)?.initial ?? null
  }

  /** Options that set others. */
  #follow(option: number, value: OptionValue): void {
    switch (option) {
      case PLAIN_SERVER:
        this.#values.set(MECHANISM, value === 1 ? PLAIN_MECHANISM : NULL_MECHANISM)
        break
      case PLAIN_USERNAME:
      case PLAIN_PASSWORD:
        if (value !== null) this.#values.set(PLAIN_SERVER, 0)
        this.#values.set(MECHANISM, value === null ? NULL_MECHANISM : PLAIN_MECHANISM)
        break
      case CURVE_SERVER:
        this.#values.set(MECHANISM, value === 1 ? CURVE_MECHANISM : NULL_MECHANISM)
        break
      case CURVE_SERVER_KEY:
        if (value !== null) this.#values.set(CURVE_SERVER, 0)
        this.#values.set(MECHANISM, value === null ? NULL_MECHANISM : CURVE_MECHANISM)
        break
      case CURVE_PUBLIC_KEY:
      case CURVE_SECRET_KEY:
        this.#values.set(MECHANISM, value === null ? NULL_MECHANISM : CURVE_MECHANISM)
        break
      case VERBOSE:
        this.#values.set(VERBOSER, 0)
        break
      case VERBOSER:
        this.#values.set(VERBOSE, value)
        break
    }
  }
}

function kept(option: number, value: OptionValue): OptionValue {
  // It travels in tenths of a second.
  return option === HEARTBEAT_TIME_TO_LIVE ? Math.trunc((value as number) / 100) * 100 : value
}

const KEY_OCTETS = 32
const KEY_CHARACTERS = 40

/** A key of CURVE in Z85, from the same or from its 32 octets; undefined if it is none. */
export function keyOf(value: Bytes): string | undefined {
  if (value.length === KEY_OCTETS) return encodeZ85(value)
  // Programs in C give the zero behind the text, too.
  if (value.length !== KEY_CHARACTERS && value.length !== KEY_CHARACTERS + 1) return undefined
  const text = value.toString("latin1", 0, KEY_CHARACTERS)
  return decodeZ85(text) === undefined ? undefined : text
}
