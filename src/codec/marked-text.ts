// Texts that begin with U+FEFF, as files with a byte order mark do. msgpackr reads those of more than 64 octets with a
// decoder that takes the mark for itself, once; so it is given two.

import { allocate, type Bytes, concat, fromString } from "../bytes.ts"

/** Where in MessagePack such a text is: its first octet, that of the text itself, and how many octets the text has. */
export interface MarkedText {
  readonly start: number
  readonly text: number
  readonly length: number
}

const MARK = fromString("\ufeff")

/** A frame with nothing but such a text. */
export const LONG_MARKED_TEXT: Bytes = concat([header(MARK.length + 100), MARK, fromString("x".repeat(100))])

export function isMarked(octets: Uint8Array, at: number): boolean {
  return octets[at] === MARK[0] && octets[at + 1] === MARK[1] && octets[at + 2] === MARK[2]
}

/** The first `size` octets, with one mark more in each of the texts. */
export function markedTwice(octets: Bytes, size: number, texts: readonly MarkedText[]): Bytes {
  const pieces: Bytes[] = []
  let at = 0
  for (const { start, text, length } of texts) {
    pieces.push(octets.subarray(at, start), header(MARK.length + length), MARK)
    at = text
  }
  pieces.push(octets.subarray(at, size))
  return concat(pieces)
}

/** What stands before a text of so many octets (str 32). */
function header(length: number): Bytes {
  const octets = allocate(5)
  octets[0] = 0xdb
  octets.writeUInt32BE(length, 1)
  return octets
}
