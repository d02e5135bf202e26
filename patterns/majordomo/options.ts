// Rows that the options of broker, worker and client share, and what a call may be given.

import { AbortError, type Codec, OptionError, type Security } from "brokerless"
import { type Setting, whole } from "../settings.ts"
import { isServiceName, MAX_SERVICE_OCTETS, RESERVED } from "./commands.ts"

export const codec: Setting<Codec<never, unknown> | undefined> = {
  accepts: "a codec: an object with encode and decode",
  test: (value) =>
    typeof (value as Codec<never> | null)?.encode === "function" &&
    typeof (value as Codec<never> | null)?.decode === "function",
  default: undefined,
}

export const security: Setting<Security | undefined> = {
  accepts: "what plain(), curve() and their like make",
  test: (value) => typeof (value as Security | null)?.create === "function",
  default: undefined,
}

export const heartbeatInterval: Setting<number | undefined> = whole("ms", 2500, 10, 3_600_000)
export const liveness: Setting<number | undefined> = whole("heartbeat intervals", 4, 2, 100)

/** How a broker, worker or client is closed. */
export interface MajordomoCloseOptions {
  /** Milliseconds for which what was accepted may still be done. Default: 5000. */
  readonly linger?: number | undefined
}

/** Checks what `close` was given. */
export function lingerOf({ linger = 5000 }: MajordomoCloseOptions = {}): number {
  if (typeof linger === "number" && linger >= 0) return linger
  throw new OptionError("linger", `linger must be a number of ms of at least 0, got ${String(linger)}`)
}

/** Checks the name of a service. */
export function checkService(service: string, own: boolean): void {
  if (isServiceName(service) && !(own && service.startsWith(RESERVED))) return
  const reserved = own ? `, not beginning with "${RESERVED}"` : ""
  const accepted = `printable text of 1 to ${MAX_SERVICE_OCTETS} octets${reserved}`
  throw new OptionError("service", `A service must be called by ${accepted}, got ${JSON.stringify(service)}`)
}

/** Checks a signal, and that it is not aborted. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  if (!(signal instanceof AbortSignal)) throw new OptionError("signal", "signal must be an AbortSignal")
  if (signal.aborted) throw new AbortError(signal.reason)
}

/** Checks a whole number that a call was given. */
export function checkNumber(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  throw new OptionError(name, `${name} must be a whole number of at least ${least}, got ${String(value)}`)
}

/** Waits for `promise`, at most so many ms; whether it was settled by then. Never rejects. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, 2_147_483_647), false)
  })
  const settled = promise.then(
    () => true,
    () => true,
  )
  const done = await Promise.race([settled, late])
  clearTimeout(timer)
  return done
}
