// What is measured, as data: it travels to the worker processes as it stands.

import type { CurveKeyPair } from "brokerless/curve"
import type { ContenderName } from "./contender.ts"

/** `threads` is inproc between two threads of one process. */
export type TransportName = "tcp" | "ipc" | "inproc" | "threads"

/** The keys of both sides, in Z85. */
export interface CurveKeys {
  server: CurveKeyPair
  client: CurveKeyPair
}

/** Messages in one direction: from one socket that binds to `peers` sockets that connect. */
export interface StreamSetup {
  kind: "stream"
  contender: ContenderName
  /** PUSH to PULL: each message goes to one peer. PUB to SUB: each message goes to every peer. */
  pattern: "pipeline" | "pubsub"
  transport: TransportName
  /** Octets in a message. */
  size: number
  peers: number
  /** How messages are taken: one promise each through `for await`, or all that wait with `receiveMany`. */
  receive: "each" | "many"
  /** Encrypts the traffic; the side that binds is the server. */
  curve?: CurveKeys
}

/** Questions and answers: one socket that asks, one that returns what it was asked. */
export interface ExchangeSetup {
  kind: "exchange"
  contender: ContenderName
  /** REQ to REP, or DEALER to ROUTER. */
  pattern: "request" | "dealer"
  transport: TransportName
  /** Octets in a message. */
  size: number
  /** Questions in flight at once. */
  window: number
}

export type Setup = StreamSetup | ExchangeSetup

/** A wildcard endpoint. One name serves for inproc, because no two runs share a process. */
export function wildcard(transport: TransportName): string {
  if (transport === "tcp") return "tcp://127.0.0.1:*"
  if (transport === "ipc") return "ipc://*"
  return "inproc://bench"
}
