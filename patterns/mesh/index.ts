/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/mesh`. Re-exports only.

/**
 * Services without a broker, found by seeds, DNS and introduction, and called by name.
 *
 * @module brokerless/patterns/mesh
 */

export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export type { CircuitState } from "./circuit.ts"
export type {
  CallContext,
  CallOptions,
  MeshAnswer,
  MeshClient,
  MeshHandled,
  MeshHandler,
  MeshHandlers,
  MeshMethods,
  MeshStream,
  Offering,
  OfferOptions,
} from "./contract.ts"
export type { DnsSource, MeshResolver } from "./dns.ts"
export { DeadlineError, LostError, MeshError, NotOfferedError, RemoteError, UnavailableError } from "./errors.ts"
export type { MeshEvents, NodeEvent } from "./events.ts"
export { type KnownNode, MeshNode, type NodeHealth } from "./mesh-node.ts"
export type { MeshNodeOptions } from "./options.ts"
export { type CallFailure, MeshStats } from "./stats.ts"
