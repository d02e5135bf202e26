// What can be asked for one task.

/** What can be asked for one task. */
export interface RunOptions {
  /** Those of a higher one go first. Whole numbers from -128 to 127. Default 0. */
  readonly priority?: number | undefined
  /** Tasks of one key go to one worker, for as long as it lives and is not stuck. At most 255 octets. Default: none. */
  readonly key?: string | undefined
  /**
   * Milliseconds for one attempt, from the moment at which a worker is given the task. Then it goes to another worker,
   * and the first is told to stop. 0 = no limit. Default: the ventilator's own.
   */
  readonly timeout?: number | undefined
  /** How often it is tried again after an attempt that failed. Default: the ventilator's own. */
  readonly retries?: number | undefined
  /** Cancels the task. */
  readonly signal?: AbortSignal | undefined
}
