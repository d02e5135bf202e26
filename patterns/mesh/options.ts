// The options of a mesh node: what each means, what is accepted, and the default.

import { randomBytes } from "node:crypto"
import type { Codec, Security } from "brokerless"
import { oneOf, type Settings, whole } from "../settings.ts"
import type { DnsSource, MeshResolver } from "./dns.ts"
import type { RemoteError } from "./errors.ts"
import { json } from "./json.ts"
import { isLabel } from "./wire.ts"

/** Options of a {@link MeshNode}. Times are in milliseconds. */
export interface MeshNodeOptions {
  /** What others see in events and errors; need not be unique. Default: `node-` and six digits. */
  readonly name?: string | undefined
  /** Encodes arguments and answers. Default: JSON. All nodes of a mesh need the same. */
  readonly codec?: Codec<unknown> | undefined
  /** Endpoints where a node may be. One that answers introduces all the others. Default: none. */
  readonly seeds?: readonly string[] | undefined
  /** Names under which nodes are found. Default: none. */
  readonly dns?: readonly DnsSource[] | undefined
  /** Looks names up. Default: that of `node:dns/promises`. */
  readonly resolver?: MeshResolver | undefined
  /** What others are told about where this node is, instead of the endpoints it is bound to. */
  readonly advertise?: readonly string[] | undefined
  /** Whether an endpoint that another node told us of is to be connected to. Default: all of tcp and ipc. */
  readonly accepts?: ((endpoint: string) => boolean) | undefined
  /** How connections are secured, where this node is connected to and where it connects. Default: not at all. */
  readonly security?: { readonly server?: Security; readonly client?: Security } | undefined
  /** By when a call ends that has no deadline of its own. Default 10000. */
  readonly deadline?: number | undefined
  /**
   * How many other nodes an idempotent call is put to because one that is there takes long; 0: it is put to one node in
   * all. After the loss of a node only the deadline bounds further attempts. Default 5.
   */
  readonly retries?: number | undefined
  /**
   * Which node is asked: the one with the fewest calls of ours under way, or the one whose latency times these is
   * least. Equals take random turns. Default `"least-outstanding"`.
   */
  readonly balance?: "least-outstanding" | "latency" | undefined
  /** Items of a stream that may be on their way, or wait to be read, without the reader's credit. Default 64. */
  readonly window?: number | undefined
  /** Failures in a row, of one method of one node, that open its circuit. Default 5. */
  readonly circuitFailures?: number | undefined
  /** How long a circuit stays open before one call tries. Default 5000. */
  readonly circuitOpenFor?: number | undefined
  /** Whether an error that a handler threw counts as a failure of its node. Default: none does. */
  readonly circuitCounts?: ((error: RemoteError) => boolean) | undefined
  /** How often a node is asked for a sign of life. Default 1000. */
  readonly heartbeatInterval?: number | undefined
  /** After how much silence a node is not chosen any more. Default 3000. */
  readonly staleAfter?: number | undefined
  /** After how much silence the connection to a node is ended, and what it owed is lost. Default 10000. */
  readonly lostAfter?: number | undefined
  /** How long a place that was named is waited for before nobody is said to be there. Default 1000. */
  readonly settleTimeout?: number | undefined
  /** How long a place that others told us of is tried in vain before it is forgotten. Default 60000. */
  readonly forgetAfter?: number | undefined
  /** The first wait before connecting again; doubles with each failure, with jitter. Default 100. */
  readonly reconnectInterval?: number | undefined
  /** The longest wait before connecting again. Default 2000. */
  readonly reconnectMaxInterval?: number | undefined
  /** How long `close()` lets what runs go on. Default 1000. */
  readonly linger?: number | undefined
  /** Places that are known at a time. Default 1024. */
  readonly maxNodes?: number | undefined
  /** Peers that may be connected to this node. Default 4096. */
  readonly maxPeers?: number | undefined
  /** Handlers that may be at work at a time; further calls are passed on to other nodes. Default 1000. */
  readonly maxConcurrency?: number | undefined
  /** Calls and streams of ours under way. Default 10000. */
  readonly maxCalls?: number | undefined
  /** Calls of ours under way at one node. Default 1000. */
  readonly maxOutstanding?: number | undefined
  /** The largest message taken from a peer, in octets. Default 16 MiB. */
  readonly maxMessageSize?: number | undefined
}

const TIMER = 2 ** 31 - 1

const fn = (value: unknown): boolean => value === undefined || typeof value === "function"

function has(value: unknown, ...methods: string[]): boolean {
  if (typeof value !== "object" || value === null) return false
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === "function")
}

function texts(fallback: readonly string[] | undefined): {
  readonly accepts: string
  readonly test: (value: unknown) => boolean
  readonly default: readonly string[] | undefined
} {
  return {
    accepts: "a list of endpoints",
    test: (value) => Array.isArray(value) && value.every((each) => typeof each === "string" && each !== ""),
    default: fallback,
  }
}

export const SETTINGS: Settings<MeshNodeOptions> = {
  name: { accepts: "text without control characters, of 1 to 255 octets", test: isLabel, default: undefined },
  codec: {
    accepts: "an object with encode and decode",
    test: (value) => has(value, "encode", "decode"),
    default: json,
  },
  seeds: texts([]),
  dns: {
    accepts: 'a list of { name, type: "A" | "AAAA" | "SRV", port?, interval? }, with a port unless the type is SRV',
    test: (value) => Array.isArray(value) && value.every(isSource),
    default: [],
  },
  resolver: {
    accepts: "an object with resolve4, resolve6 and resolveSrv",
    test: (value) => has(value, "resolve4", "resolve6", "resolveSrv"),
    default: undefined,
  },
  advertise: texts(undefined),
  accepts: { accepts: "a function", test: fn, default: (endpoint: string) => /^(tcp|ipc):/.test(endpoint) },
  security: {
    accepts: "{ server?, client? }",
    test: (value) => typeof value === "object" && value !== null,
    default: {},
  },
  deadline: whole("ms", 10_000, 1, TIMER),
  retries: whole("attempts", 5, 0, 1000),
  balance: oneOf<"least-outstanding" | "latency">(["least-outstanding", "latency"], "least-outstanding"),
  window: whole("items", 64, 1, 1_000_000),
  circuitFailures: whole("failures", 5, 1),
  circuitOpenFor: whole("ms", 5000, 1, TIMER),
  circuitCounts: { accepts: "a function", test: fn, default: () => false },
  heartbeatInterval: whole("ms", 1000, 10, TIMER),
  staleAfter: whole("ms", 3000, 10, TIMER),
  lostAfter: whole("ms", 10_000, 10, TIMER),
  settleTimeout: whole("ms", 1000, 0, TIMER),
  forgetAfter: whole("ms", 60_000, 0, TIMER),
  reconnectInterval: whole("ms", 100, 1, TIMER),
  reconnectMaxInterval: whole("ms", 2000, 1, TIMER),
  linger: whole("ms", 1000, 0, TIMER),
  maxNodes: whole("places", 1024, 1, 65_536),
  maxPeers: whole("peers", 4096, 1, 1_000_000),
  maxConcurrency: whole("calls", 1000, 1, 1_000_000),
  maxCalls: whole("calls", 10_000, 1, 1_000_000),
  maxOutstanding: whole("calls", 1000, 1, 1_000_000),
  maxMessageSize: whole("octets", 16 * 1024 * 1024, 1024),
}

function isSource(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  const { name, type, port, interval } = value as Record<string, unknown>
  if (typeof name !== "string" || name === "") return false
  const upTo = (most: number, number: unknown): boolean =>
    Number.isInteger(number) && (number as number) >= 1 && (number as number) <= most
  if (interval !== undefined && !upTo(TIMER, interval)) return false
  return type === "SRV" ? port === undefined : (type === "A" || type === "AAAA") && upTo(65_535, port)
}

/** A name for a node that was given none. */
export function anyName(): string {
  return `node-${randomBytes(3).toString("hex")}`
}
