// Strict UTF-8, both ways: nothing is replaced by U+FFFD, so what is received is what was sent, or an error.

import { fromString } from "../bytes.ts"
import { CodecError } from "../errors.ts"
import type { Frame } from "../message.ts"

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** Throws {@link CodecError} if the octets are not UTF-8. */
export function decodeUtf8(frame: Frame): string {
  // Much faster than the decoder that refuses. Where it replaced something, or seems to have, the other one decides.
  const text = frame.toString()
  if (!text.includes("\ufffd")) return text
  try {
    return strict.decode(frame)
  } catch (error) {
    throw new CodecError("The text of a frame is not UTF-8", { cause: error })
  }
}

/** Throws {@link CodecError} if the text has half of a surrogate pair, which UTF-8 cannot say. */
export function encodeUtf8(text: string): Frame {
  if (!(text as unknown as WellFormed).isWellFormed()) {
    throw new CodecError("A text with half of a surrogate pair cannot be sent as UTF-8")
  }
  return fromString(text)
}

/** Of ES2024; every Node.js that this library runs on has it. */
interface WellFormed {
  isWellFormed(): boolean
}
