// Strings as UTF-8.

import { CodecError } from "../errors.ts"
import { describe } from "../message.ts"
import type { Codec } from "./codec.ts"
import { decodeUtf8, encodeUtf8 } from "./utf8.ts"

/**
 * Strings, each as UTF-8 in a frame of its own (RFC 3629).
 *
 * Nothing is replaced: a text with half of a surrogate pair rejects its `send`, and octets that are not UTF-8 are
 * announced as `message:invalid`, both with {@link CodecError}.
 */
export function text(): Codec<string> {
  return {
    encode(value) {
      if (typeof value !== "string") throw new CodecError(`A text must be a string, got ${describe(value)}`)
      return encodeUtf8(value)
    },
    decode: decodeUtf8,
  }
}
