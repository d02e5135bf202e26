// Values as JSON.

import { fromString } from "../bytes.ts"
import { CodecError } from "../errors.ts"
import { describe, type Frame } from "../message.ts"
import { reasonOf } from "../thrown.ts"
import type { Codec } from "./codec.ts"
import { jsonCheck } from "./json-check.ts"
import { type CodecLimits, LIMITS, type SettledLimits, settle, unsafeKey } from "./limits.ts"
import { decodeUtf8 } from "./utf8.ts"

/**
 * Values as JSON (RFC 8259), each in a frame of its own.
 *
 * What JSON makes of a value is what arrives: a `Date` is a string, `undefined` in an object is left out, `NaN` is
 * `null`. What it has no word for at all, such as a function or a `bigint`, rejects its `send` with
 * {@link CodecError}, and so does what is over a limit. What arrives and is not JSON in UTF-8, is over a limit, or has
 * the key `__proto__`, is announced as `message:invalid`.
 *
 * What is received is believed to be an `R`; {@link validated} looks whether it is.
 *
 * @typeParam S - what is sent
 * @typeParam R - what is received
 * @throws OptionError for an option that does not exist or is not accepted
 */
export function json<S = unknown, R = S>(options?: CodecLimits): Codec<NoInfer<S>, NoInfer<R>> {
  // NoInfer: what a peer sends is never guessed from where the codec goes; it is what one says, or unknown.
  const check = jsonCheck(settle<SettledLimits>("json", LIMITS, options))
  return {
    encode(value) {
      const said = stringify(value)
      // Within a string the quotes would be escaped, so this is a key.
      if (said.includes('"__proto__":')) throw unsafeKey()
      const frame = fromString(said)
      check(frame)
      return frame
    },
    decode(frame) {
      check(frame)
      return parse(frame) as R
    },
  }
}

function stringify(value: unknown): string {
  let said: string | undefined
  try {
    said = JSON.stringify(value)
  } catch (error) {
    throw new CodecError(reasonOf(error), { cause: error })
  }
  if (said === undefined) throw new CodecError(`JSON has no word for ${describe(value)}`)
  return said
}

function parse(frame: Frame): unknown {
  const said = decodeUtf8(frame)
  let value: unknown
  try {
    value = JSON.parse(said)
  } catch (error) {
    // What the parser says quotes what it was given, which may be of any length and belongs to a stranger.
    throw new CodecError("A frame is not JSON", { cause: error })
  }
  // Any character of a key may also be written as \u0000: where none is, the key would have to stand there as it is.
  if (said.includes('"__proto__"') || said.includes("\\u")) refuseUnsafeKeys(value)
  return value
}

function refuseUnsafeKeys(value: unknown): void {
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== "object" || next === null) continue
    if (Object.hasOwn(next, "__proto__")) throw unsafeKey()
    for (const inner of Object.values(next)) open.push(inner)
  }
}
