/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/reliable-request`. Re-exports only.

/**
 * Requests that survive their servers.
 *
 * @module brokerless/patterns/reliable-request
 */

export type { ClosingOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export { Participant, type ParticipantSocketOptions } from "../participant.ts"
export {
  FreelanceClient,
  type FreelanceClientEvents,
  type FreelanceClientOptions,
  type FreelanceClientStats,
} from "./freelance-client.ts"
export {
  type FreelanceContext,
  type FreelanceHandler,
  FreelanceServer,
  type FreelanceServerEvents,
  type FreelanceServerOptions,
  type FreelanceServerStats,
} from "./freelance-server.ts"
export {
  ReliableRequest,
  type ReliableRequestEvents,
  type ReliableRequestOptions,
  type ReliableRequestStats,
} from "./reliable-request.ts"
export type { Attempts } from "./requests.ts"
