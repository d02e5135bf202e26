/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/tasks`. Re-exports only.

/**
 * Work for threads, processes and machines, done although workers die.
 *
 * @module brokerless/patterns/tasks
 */

export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export type { CodecArguments } from "./codecs.ts"
export { DeadLetterError, type ErrorFacts, TaskError, WorkerLostError } from "./errors.ts"
export type { TaskContext, TaskHandler } from "./job.ts"
export type { MapOptions } from "./map.ts"
export type { Progress } from "./progress.ts"
export type { RunOptions } from "./run-options.ts"
export {
  type ResultDecoder,
  Sink,
  type SinkArguments,
  type SinkEvents,
  type SinkOptions,
  SinkStats,
  type SunkResult,
} from "./sink.ts"
export {
  type CloseWorkerOptions,
  type ServeTasksOptions,
  TaskWorker,
  type TaskWorkerEvents,
  type TaskWorkerOptions,
  TaskWorkerStats,
} from "./task-worker.ts"
export { serveThread } from "./thread.ts"
export { startWorkers, WorkerThreads, type WorkerThreadsEvents, type WorkerThreadsOptions } from "./threads.ts"
export { Ventilator, type VentilatorOptions, type WorkerView } from "./ventilator.ts"
export type { DeadLetter, VentilatorEvents } from "./ventilator-events.ts"
export { VentilatorStats } from "./ventilator-stats.ts"
