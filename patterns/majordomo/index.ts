/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/majordomo`. Re-exports only.

/**
 * Services by name behind a broker (MDP 0.2).
 *
 * @module brokerless/patterns/majordomo
 */

export type { LingerOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export { MajordomoBroker, type MajordomoBrokerOptions, type MajordomoRole } from "./broker.ts"
export type {
  MajordomoAnswerDropReason,
  MajordomoBrokerEvents,
  MajordomoBrokerStats,
  MajordomoRequestDropReason,
  MajordomoServiceState,
  MajordomoWorkerLeaveReason,
} from "./broker-report.ts"
export {
  type MajordomoCallOptions,
  MajordomoClient,
  type MajordomoClientEvents,
  type MajordomoClientOptions,
  type MajordomoClientStats,
} from "./client.ts"
export type { MajordomoEndReason } from "./conversation.ts"
export {
  type MajordomoResults,
  type MajordomoTaskContext,
  type MajordomoTaskHandler,
  MajordomoWorker,
  type MajordomoWorkerEvents,
  type MajordomoWorkerOptions,
  type MajordomoWorkerStats,
} from "./worker.ts"
