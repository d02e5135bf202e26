// What ventilator, workers and sink say to each other.

import type { Flight } from "../flights.ts"
import type { Assessment } from "./assessment.ts"

/** From the ventilator to a worker. */
export interface Task {
  /** The flight's number in the table. */
  readonly id: number
  readonly flight: Flight
  /** By the clock that all processes share. */
  readonly sentAt: number
}

/** From a worker to the sink: the result of one task, or its last word, after which nothing comes from it. */
export type Result =
  | { readonly worker: string; readonly id: number; readonly assessment: Assessment; readonly sentAt: number }
  | { readonly worker: string; readonly done: true }
