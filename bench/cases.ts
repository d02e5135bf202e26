// The table of everything that is measured: what against what, and the floor each ratio must reach.

import { curveKeyPair } from "brokerless/curve"
import type { ContenderName } from "./contender.ts"
import type { CurveKeys, ExchangeSetup, Setup, StreamSetup, TransportName } from "./setup.ts"

export interface Case {
  name: string
  /** What the figures are. Rates are better when higher, round trips when lower. */
  measure: "messages/s" | "deliveries/s" | "round trips/s" | "µs"
  subject: Setup
  opponent: Setup
  /** The ratio subject : opponent must be at least this (rates) or at most this (round trips). */
  floor?: number
}

const KEYS: CurveKeys = { server: curveKeyPair(), client: curveKeyPair() }

const SIZES = [16, 100, 1024, 4096, 65_536, 1_048_576]

/** The cases with a floor. */
export const FLOORS: readonly Case[] = [
  stream(12, { transport: "tcp", size: 16 }),
  stream(16, { transport: "tcp", size: 16, receive: "many" }),
  stream(8, { transport: "tcp", size: 100 }),
  stream(3, { transport: "tcp", size: 1024 }),
  stream(1.2, { transport: "tcp", size: 65_536 }),
  stream(1, { transport: "tcp", size: 1_048_576 }),
  dropIn(8, 16),
  stream(12, { transport: "ipc", size: 16 }),
  stream(18, { transport: "inproc", size: 16 }),
  stream(10, { pattern: "pubsub", transport: "tcp", size: 16, peers: 50 }),
  stream(15, { pattern: "pubsub", transport: "tcp", size: 16, peers: 50, receive: "many" }),
  stream(1.5, { transport: "tcp", size: 1024, curve: KEYS }),
  protection(0.25, 1024),
  stream(10, { transport: "threads", size: 16 }),
  against("postMessage", 6, { transport: "threads", size: 16 }),
  stream(3, { transport: "threads", size: 1024 }),
  against("postMessage", 1.2, { transport: "threads", size: 65_536 }),
  stream(undefined, { transport: "threads", size: 65_536 }),
  exchange(0.85, { pattern: "request", transport: "tcp" }),
  exchange(0.25, { pattern: "request", transport: "inproc" }),
  exchange(1.1, { pattern: "request", transport: "threads" }),
  exchange(6, { pattern: "dealer", transport: "tcp", window: 64 }),
  spread(0.6, 100),
]

/** The cases with a floor, and every size over every transport. */
export const FULL: readonly Case[] = [...FLOORS, ...sweep()]

function stream(floor: number | undefined, wanted: Partial<StreamSetup> & { transport: TransportName }): Case {
  const of = (contender: ContenderName): StreamSetup => ({
    kind: "stream",
    pattern: "pipeline",
    size: 16,
    peers: 1,
    receive: "each",
    ...wanted,
    contender,
  })
  const subject = of("brokerless")
  const sockets = subject.pattern === "pubsub" ? `PUB→${subject.peers} SUB` : "PUSH→PULL"
  const how = `${subject.curve === undefined ? "" : ", CURVE"}${subject.receive === "many" ? ", receiveMany" : ""}`
  return {
    name: `${sockets} ${subject.transport} ${sizeName(subject.size)}${how}`,
    measure: subject.pattern === "pubsub" ? "deliveries/s" : "messages/s",
    subject,
    // `zeromq` has no receiveMany: it answers with the best it has.
    opponent: { ...of("zeromq"), receive: "each" },
    ...(floor === undefined ? {} : { floor }),
  }
}

/** The same, against something else than `zeromq`. */
function against(opponent: ContenderName, floor: number, wanted: Parameters<typeof stream>[1]): Case {
  const work = stream(floor, wanted)
  return { ...work, name: `${work.name}, against ${opponent}`, opponent: { ...work.opponent, contender: opponent } }
}

/** A program for `zeromq`, with `await send` and `for await`, whose import was changed. */
function dropIn(floor: number, size: number): Case {
  const { name, subject, ...rest } = stream(floor, { transport: "tcp", size })
  return { ...rest, name: `${name}, drop-in`, subject: { ...subject, contender: "drop-in" } }
}

function exchange(floor: number, wanted: Pick<ExchangeSetup, "pattern" | "transport"> & Partial<ExchangeSetup>): Case {
  const of = (contender: ContenderName): ExchangeSetup => ({
    kind: "exchange",
    size: 16,
    window: 1,
    ...wanted,
    contender,
  })
  const { pattern, transport, window } = of("brokerless")
  return {
    name: pattern === "request" ? `REQ/REP ${transport} round trip` : `DEALER–ROUTER ${transport}, ${window} in flight`,
    measure: window === 1 ? "µs" : "round trips/s",
    subject: of("brokerless"),
    opponent: of("zeromq"),
    floor,
  }
}

/** Ours against ours: what it costs to encrypt. */
function protection(floor: number, size: number): Case {
  const { subject: open } = stream(undefined, { transport: "tcp", size })
  return {
    name: `PUSH→PULL tcp ${sizeName(size)} under CURVE, against NULL`,
    measure: "messages/s",
    subject: { ...(open as StreamSetup), curve: KEYS },
    opponent: open,
    floor,
  }
}

/** Ours against ours: what it costs to spread messages over many peers. */
function spread(floor: number, peers: number): Case {
  const { subject: one } = stream(undefined, { transport: "tcp", size: 16 })
  return {
    name: `PUSH→${peers} PULL tcp 16 B, against 1 PULL`,
    measure: "messages/s",
    subject: { ...(one as StreamSetup), peers },
    opponent: one,
    floor,
  }
}

function sweep(): Case[] {
  const taken = new Set(FLOORS.map(({ name }) => name))
  const transports: TransportName[] = ["tcp", "ipc", "inproc"]
  return transports
    .flatMap((transport) => SIZES.map((size) => stream(undefined, { transport, size })))
    .filter(({ name }) => !taken.has(name))
}

function sizeName(octets: number): string {
  if (octets >= 1_048_576) return `${octets / 1_048_576} MiB`
  if (octets >= 1024) return `${octets / 1024} KiB`
  return `${octets} B`
}
