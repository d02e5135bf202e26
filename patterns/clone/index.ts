/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/clone`. Re-exports only.

export type { Change } from "./changes.ts"
export {
  type CloneCallOptions,
  CloneClient,
  type CloneClientEvents,
  type CloneClientOptions,
  type CloneClientStats,
  type CloneSetOptions,
} from "./client.ts"
export type { ServerRole, ServerState } from "./commands.ts"
export type { CloseOptions } from "./options.ts"
export { CloneServer, type CloneServerEvents, type CloneServerOptions, type CloneServerStats } from "./server.ts"
export type { LossReason } from "./session.ts"
export type { Refusal } from "./table.ts"
