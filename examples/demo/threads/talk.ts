// What a process and its threads say to each other, and where.

import type { Flight } from "../flights.ts"
import type { Assessment } from "../work/assessment.ts"

export const jobs = "inproc://jobs"
export const findings = "inproc://findings"

export interface Job {
  readonly id: number
  readonly flight: Flight
}

export interface Finding {
  readonly id: number
  readonly assessment: Assessment
}
