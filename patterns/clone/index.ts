/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/clone`. Re-exports only.

/**
 * A table of keys and values that is the same everywhere.
 *
 * @module brokerless/patterns/clone
 */

export type { LingerOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export type { CloneChange } from "./changes.ts"
export {
  type CloneCallOptions,
  CloneClient,
  type CloneClientEvents,
  type CloneClientOptions,
  type CloneClientStats,
  type CloneSetOptions,
} from "./client.ts"
export type { CloneServerRole, CloneServerState } from "./commands.ts"
export { CloneServer, type CloneServerEvents, type CloneServerOptions, type CloneServerStats } from "./server.ts"
export type { CloneLossReason } from "./session.ts"
export type { CloneRefusal } from "./table.ts"
