/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/majordomo`. Re-exports only.

export {
  type MajordomoAnswerDropReason,
  MajordomoBroker,
  type MajordomoBrokerEvents,
  type MajordomoBrokerOptions,
  type MajordomoBrokerStats,
  type MajordomoRequestDropReason,
  type MajordomoRole,
  type MajordomoServiceState,
  type MajordomoWorkerLeaveReason,
} from "./broker.ts"
export {
  type MajordomoCallOptions,
  MajordomoClient,
  type MajordomoClientEvents,
  type MajordomoClientOptions,
  type MajordomoClientStats,
} from "./client.ts"
export type { MajordomoEndReason } from "./conversation.ts"
export type { MajordomoCloseOptions } from "./options.ts"
export {
  type MajordomoResults,
  type MajordomoTaskContext,
  type MajordomoTaskHandler,
  MajordomoWorker,
  type MajordomoWorkerEvents,
  type MajordomoWorkerOptions,
  type MajordomoWorkerStats,
} from "./worker.ts"
