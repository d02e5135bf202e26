// Rows that the options of server and client share, and what a call may be given.

import { type Codec, OptionError, type Security } from "brokerless"
import { type Setting, whole } from "../settings.ts"

export const codec: Setting<Codec<never, unknown>> = {
  accepts: "a codec: an object with encode and decode",
  test: (value) =>
    typeof (value as Codec<never> | null)?.encode === "function" &&
    typeof (value as Codec<never> | null)?.decode === "function",
}

export const security: Setting<Security | undefined> = {
  accepts: "what plain(), curve() and their like make",
  test: (value) => typeof (value as Security | null)?.create === "function",
  default: undefined,
}

export const maxKeys: Setting<number> = whole("keys", 100_000, 1)
export const maxBytes: Setting<number> = whole("bytes", 256 * 1024 * 1024, 1)
export const maxValueBytes: Setting<number> = whole("bytes", 1024 * 1024, 1)

/** What a key costs besides its octets. */
export const ENTRY_CHARGE = 128

/** How a server or client is closed. */
export interface CloneCloseOptions {
  /** Milliseconds for which what was accepted may still be done. Default: 5000. */
  readonly linger?: number | undefined
}

/** Checks what `close` was given. */
export function lingerOf({ linger = 5000 }: CloneCloseOptions = {}): number {
  if (typeof linger === "number" && linger >= 0) return linger
  throw new OptionError("linger", `linger must be a number of ms of at least 0, got ${String(linger)}`)
}
