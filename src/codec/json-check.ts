// How deep and how full a JSON text is, counted in its octets before anything is made of it. Whether it is JSON at all
// is for the parser to say.

import type { Frame } from "../message.ts"
import { type SettledLimits, tooDeep, tooLarge, tooMany } from "./limits.ts"

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const ARRAY = 0x5b
const BACKSLASH = 0x5c
const ARRAY_END = 0x5d
const OBJECT = 0x7b
const OBJECT_END = 0x7d

/** Makes a function that throws {@link CodecError} for what is over the limits. Linear in the octets, no allocation. */
export function jsonCheck(limits: SettledLimits): (frame: Frame) => void {
  const { maxSize, maxDepth, maxValues } = limits
  // Each level takes two octets, each value one.
  const harmless = Math.min(2 * maxDepth, maxValues, maxSize)
  return (frame) => {
    const size = frame.length
    if (size <= harmless) return
    if (size > maxSize) throw tooLarge(size, limits)
    let depth = 0
    // The outermost value, and one more wherever something opens, or parts two values: never less than there are.
    let values = 1
    for (let at = 0; at < size; at++) {
      switch (frame[at]) {
        case QUOTE:
          at = endOfString(frame, at + 1)
          break
        case ARRAY:
        case OBJECT:
          if (++depth > maxDepth) throw tooDeep(limits)
          if (holdsSomething(frame, at + 1)) values++
          break
        case ARRAY_END:
        case OBJECT_END:
          depth--
          break
        case COMMA:
        case COLON:
          values++
          break
      }
    }
    if (values > maxValues) throw tooMany(limits)
  }
}

/** Where the closing quote is. */
function endOfString(frame: Frame, from: number): number {
  let at = from
  for (; at < frame.length; at++) {
    const octet = frame[at]
    if (octet === BACKSLASH) at++
    else if (octet === QUOTE) break
  }
  return at
}

/** Whether what opened does not close at once. */
function holdsSomething(frame: Frame, from: number): boolean {
  let at = from
  while (at < frame.length && (frame[at] as number) <= 0x20) at++
  return frame[at] !== ARRAY_END && frame[at] !== OBJECT_END
}
