// What passes between `startWorkers` and its threads, besides tasks.

import type { MessagePort } from "node:worker_threads"

/** Where, in `workerData`, a thread finds what it is told at its start. */
export const THREAD = "brokerless/patterns/tasks"

/** What a thread is told at its start. */
export interface ThreadStart {
  readonly endpoints: readonly string[]
}

/** The same as it arrives, with the port over which orders come. */
export interface ThreadArrival extends ThreadStart {
  readonly orders: MessagePort
}

/** To finish and end, or to say that it lives. */
export type ThreadOrder = "close" | "answer"
