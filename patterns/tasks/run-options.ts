// What can be asked for one task.

import { OptionError } from "brokerless"
import type { TaskTerms } from "./task.ts"
import { LONGEST_KEY } from "./wire.ts"

/** Milliseconds that a timer can count. */
export const LONGEST_TIMEOUT = 0x7fff_ffff
/** So that the number of an attempt fits into the field that it has on the wire. */
export const MOST_RETRIES = 65_534

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

/** The terms of a task; `usual` where the options say nothing. Throws OptionError. */
export function termsOf(options: RunOptions, usual: TaskTerms): TaskTerms {
  const { priority, key, timeout, retries, signal } = options
  if (priority !== undefined) check("priority", priority, -128, 127)
  if (timeout !== undefined) check("timeout", timeout, 0, LONGEST_TIMEOUT)
  if (retries !== undefined) check("retries", retries, 0, MOST_RETRIES)
  if (key !== undefined && (typeof key !== "string" || Buffer.byteLength(key) > LONGEST_KEY)) {
    throw new OptionError("key", `key must be a string of at most ${LONGEST_KEY} octets`)
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new OptionError("signal", "signal must be an AbortSignal")
  }
  return {
    priority: priority ?? usual.priority,
    key: key ?? usual.key,
    timeout: timeout ?? usual.timeout,
    retries: retries ?? usual.retries,
  }
}

function check(option: string, value: unknown, least: number, most: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return
  throw new OptionError(option, `${option} must be a whole number from ${least} to ${most}, got ${String(value)}`)
}
