// Numbers and names as octets: what all frames of a feed are made of. Whole numbers of 64 bits are big-endian on the
// wire and plain numbers here, so one beyond 2^53 - 1 is refused rather than rounded.

import type { FrameLike } from "brokerless"

/** Octets of an epoch's id. */
export const EPOCH_SIZE = 16

const WORD = 2 ** 32
/** The upper half of 2^53 - 1. */
const LARGEST_UPPER = 0x1f_ffff

export function writeUint64(octets: Buffer, value: number, at: number): void {
  octets.writeUInt32BE(Math.floor(value / WORD), at)
  octets.writeUInt32BE(value >>> 0, at + 4)
}

/** The number at that place, or -1 if it is beyond 2^53 - 1. */
export function readUint64(octets: Buffer, at: number): number {
  const upper = octets.readUInt32BE(at)
  return upper > LARGEST_UPPER ? -1 : upper * WORD + octets.readUInt32BE(at + 4)
}

/** Whether that epoch's id stands at that place. */
export function epochIs(epoch: Buffer, octets: Buffer, at: number): boolean {
  for (let i = 0; i < EPOCH_SIZE; i++) if (epoch[i] !== octets[at + i]) return false
  return true
}

/** What an application gave as a frame, or its codec, as octets. */
export function toOctets(value: FrameLike): Buffer {
  if (typeof value === "string") return Buffer.from(value)
  if (value === null) return Buffer.alloc(0)
  if (Buffer.isBuffer(value)) return value
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value)
  throw new TypeError(`A frame must be a string, a view, an ArrayBuffer or null, got ${typeof value}`)
}

/** Octets as text, unless they are not UTF-8. */
export function toText(octets: Buffer, from = 0, to: number = octets.length): string | undefined {
  const text = octets.toString("utf8", from, to)
  // Whatever is not UTF-8 becomes this character, which may also stand there by right.
  if (!text.includes("\ufffd")) return text
  return Buffer.from(text).equals(octets.subarray(from, to)) ? text : undefined
}
