// What a ventilator counts. Plain numbers, cheap to read at any time.

/** Counters of a ventilator. What was accepted is `done`, `failed`, `cancelled`, or not yet any of them. */
export class VentilatorStats {
  /** Tasks that were taken in. */
  accepted = 0
  /** Tasks that were done. */
  done = 0
  /** Tasks that were given up. */
  failed = 0
  /** Tasks that were cancelled, those that were never accepted included. */
  cancelled = 0
  /** Tasks handed to workers, each time they were. */
  deliveries = 0
  /** Deliveries that were lost with their worker. */
  redelivered = 0
  /** Deliveries that exceeded their time. */
  timeouts = 0
  /** Times that a task went back to be tried again, for whatever reason. */
  retries = 0
  /** Answers to tasks that had been done already: so many were done twice, as far as anybody can know. */
  duplicates = 0
  /** Answers to tasks that had been cancelled or given up. */
  late = 0
  /** Answers to what was never asked, or too long ago to be remembered. */
  unexpected = 0
  /** Messages that are none of this protocol. */
  invalid = 0
}
