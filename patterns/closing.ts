// How patterns end: what is under way may go on for a while, and no longer. Nothing here knows what is under way.

import { OptionError } from "brokerless"

/** How a pattern is closed. */
export interface ClosingOptions {
  /** Milliseconds for which what is under way may go on; 0 = not at all, -1 = until it is done. Default 10 000. */
  readonly timeout?: number | undefined
}

/** How a pattern is closed whose protocol knows answers that may still come. */
export interface LingerOptions {
  /** Milliseconds for which what was accepted may still be done. Default: 5000. */
  readonly linger?: number | undefined
}

/** The longest time a timer can hold; longer ones would be over at once. */
export const LONGEST: number = 2 ** 31 - 1

/** Checks what was given to a `close`; throws {@link OptionError}. */
export function closingTime(options: ClosingOptions): number {
  const { timeout = 10_000 } = options ?? {}
  if (typeof timeout === "number" && (timeout >= 0 || timeout === -1)) return timeout
  throw new OptionError("timeout", `timeout must be -1 or a number of ms of at least 0, got ${String(timeout)}`)
}

/** Checks what was given to a `close` that lingers; throws {@link OptionError}. */
export function lingerOf({ linger = 5000 }: LingerOptions = {}): number {
  if (typeof linger === "number" && linger >= 0) return linger
  throw new OptionError("linger", `linger must be a number of ms of at least 0, got ${String(linger)}`)
}

/** Resolves when `work` has settled, or `timeout` ms are over (-1: never); true if it has settled. */
export function within(timeout: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = timeout < 0 ? undefined : setTimeout(() => resolve(false), Math.min(timeout, LONGEST))
    const settled = (): void => {
      clearTimeout(timer)
      resolve(true)
    }
    work.then(settled, settled)
  })
}
