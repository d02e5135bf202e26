// Rows that the options of server and client share, and what a call may be given.

import type { Codec } from "brokerless"
import { codecSetting } from "../payload.ts"
import { type Setting, whole } from "../settings.ts"

/** A client without a codec could show nothing. */
export const codec: Setting<Codec<never, unknown>> = { accepts: codecSetting.accepts, test: codecSetting.test }

export const maxKeys: Setting<number> = whole("keys", 100_000, 1)
export const maxBytes: Setting<number> = whole("bytes", 256 * 1024 * 1024, 1)
export const maxValueBytes: Setting<number> = whole("bytes", 1024 * 1024, 1)

/** What a key costs besides its octets. */
export const ENTRY_CHARGE = 128
