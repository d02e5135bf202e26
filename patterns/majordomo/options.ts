// Rows that the options of broker, worker and client share, and what a call may be given.

import { AbortError, OptionError } from "brokerless"
import { type Setting, whole } from "../settings.ts"
import { isServiceName, MAX_SERVICE_OCTETS, RESERVED } from "./commands.ts"

export const heartbeatInterval: Setting<number | undefined> = whole("ms", 2500, 10, 3_600_000)
export const liveness: Setting<number | undefined> = whole("heartbeat intervals", 4, 2, 100)

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
