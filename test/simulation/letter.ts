// Messages of the simulation: each has a number that is told by its last frame, and is kept as it was sent, so that what
// arrives can be compared octet by octet. The library owns the frames that it is given, and we keep copies.

import type { Random } from "../support/random.ts"
import { MARK } from "./mark.ts"

/** One message, and what is known of its way. */
export interface Letter {
  readonly id: number
  /** Who sends it. */
  readonly origin: string
  /** Which of the origin's letters it is. */
  readonly number: number
  /** ms at which sending it began. */
  readonly begun: number
  /** Copies of its frames, without an address in front. */
  readonly frames: readonly Buffer[]
  /** The letter that this one answers. */
  readonly answers: Letter | undefined
  /** How often it may come: more than once if its sender is to try again. */
  tries: number
  /** What became of sending it: `offered` until that is known. */
  state: "offered" | "accepted" | "refused"
  /** Who received it, and how often. */
  readonly receivers: Map<string, number>
}

const TAIL = 4 + MARK.length

/** Frames that say which letter they are; `topic` is the first of them, if there is one. */
export function compose(random: Random, id: number, single: boolean, topic: string | undefined): Buffer[] {
  const frames: Buffer[] = []
  if (topic !== undefined && !single) frames.push(Buffer.from(topic))
  if (!single) for (let n = random.pick([0, 0, 0, 1, 3]); n > 0; n--) frames.push(body(id + n, sizeOf(random)))
  const head = topic !== undefined && single ? Buffer.from(topic) : Buffer.alloc(0)
  const last = Buffer.concat([head, body(id, sizeOf(random)), Buffer.alloc(4), MARK])
  last.writeUInt32BE(id, last.length - TAIL)
  frames.push(last)
  return frames
}

/** Which letter this is, as far as can be seen. */
export function idOf(message: readonly Uint8Array[]): number | undefined {
  const given = message.at(-1)
  if (given === undefined || given.length < TAIL) return undefined
  const last = Buffer.from(given.buffer, given.byteOffset, given.length)
  if (!last.subarray(-MARK.length).equals(MARK)) return undefined
  return last.readUInt32BE(last.length - TAIL)
}

/** Why this is not that letter, whole and untouched. */
export function difference(letter: Letter, message: readonly Uint8Array[]): string | undefined {
  if (message.length !== letter.frames.length) {
    return `it has ${message.length} frames and was sent with ${letter.frames.length}`
  }
  for (const [at, frame] of letter.frames.entries()) {
    if (!frame.equals(message[at] as Uint8Array)) return `frame ${at} is not what was sent`
  }
  return undefined
}

function sizeOf(random: Random): number {
  return random.choose(
    [12, () => random.below(40)],
    [4, () => random.within(200, 300)],
    [1, () => random.within(8000, 9000)],
    [1, () => random.pick([0, 30_000])],
  )
}

/** Octets below 0x80, so that no mark is among them. */
function body(id: number, size: number): Buffer {
  const octets = Buffer.alloc(size)
  for (let at = 0; at < size; at++) octets[at] = (id * 31 + at * 7 + (at >> 8)) & 0x7f
  return octets
}
