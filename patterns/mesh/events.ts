// What a mesh node tells, as it happens.

import type { CircuitState } from "./circuit.ts"

/** Events of a node by type. */
export type MeshEvents = {
  /** Another node can be called. */
  "node:join": NodeEvent
  /** A node is gone: lost, closed, or another incarnation stands in its place. */
  "node:leave": NodeEvent
  /** Nothing has been heard of a node for `staleAfter` ms; it is not chosen for calls. */
  "node:silent": NodeEvent
  /** A silent node was heard again. */
  "node:heard": NodeEvent
  /** A node says goodbye: it finishes what runs and takes nothing more. */
  "node:draining": NodeEvent
  /** What a node offers, or the health of it, has changed. */
  "node:services": NodeEvent & { readonly services: readonly string[] }
  /** The circuit between this node and a method of another changed. */
  circuit: NodeEvent & { readonly service: string; readonly method: string; readonly state: CircuitState }
  /** Every place where a node may be has been tried once: what nobody offers now is refused at once. */
  settled: object
  /** A name could not be looked up; what was found before stays. */
  "dns:error": { readonly name: string; readonly error: Error }
  /** A peer sent what is not of this protocol; told once for each connection. */
  invalid: { readonly from: string; readonly what: string }
  /** A limit kept something out. */
  limit: { readonly limit: string }
}

/** About which node: its id, which is new whenever it starts, its name, and where it was found. */
export interface NodeEvent {
  readonly id: string
  readonly name: string
  readonly endpoint: string
}

const TYPES: Readonly<Record<keyof MeshEvents, true>> = {
  "node:join": true,
  "node:leave": true,
  "node:silent": true,
  "node:heard": true,
  "node:draining": true,
  "node:services": true,
  circuit: true,
  settled: true,
  "dns:error": true,
  invalid: true,
  limit: true,
}

export const EVENT_TYPES: readonly (keyof MeshEvents)[] = Object.keys(TYPES) as (keyof MeshEvents)[]
