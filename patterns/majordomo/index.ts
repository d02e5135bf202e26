/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/majordomo`. Re-exports only.

export {
  type AnswerDropReason,
  type BrokerEvents,
  MajordomoBroker,
  type MajordomoBrokerOptions,
  type MajordomoBrokerStats,
  type RequestDropReason,
  type Role,
  type ServiceState,
  type WorkerLeaveReason,
} from "./broker.ts"
export {
  type ClientEvents,
  type MajordomoCallOptions,
  MajordomoClient,
  type MajordomoClientOptions,
  type MajordomoClientStats,
} from "./client.ts"
export type { EndReason } from "./conversation.ts"
export type { CloseOptions } from "./options.ts"
export {
  MajordomoWorker,
  type MajordomoWorkerOptions,
  type MajordomoWorkerStats,
  type Results,
  type TaskContext,
  type TaskHandler,
  type WorkerEvents,
} from "./worker.ts"
