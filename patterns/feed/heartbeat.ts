// A publisher's heartbeat for one interest: what a subscriber must have received when it arrives.

import { HEARTBEAT_PREFIX, INTEREST_ID_SIZE } from "./interest.ts"
import { EPOCH_SIZE, readUint64, writeUint64 } from "./octets.ts"

export interface Heartbeat {
  readonly epoch: Buffer
  /** The last feed sequence. */
  readonly sequence: number
  /** Updates of this interest since the publisher registered it. */
  readonly count: number
  /** Tells this registration from another of the same interest. */
  readonly registration: number
  /** ms to the next one. */
  readonly interval: number
  /** The publisher closes; nothing comes after this. */
  readonly leaving: boolean
}

const PREFIX_OCTET = HEARTBEAT_PREFIX.charCodeAt(0)
const KIND = 3
const LEAVING = 1
const SIZE = 1 + EPOCH_SIZE + 24 + 4 + 1

/** Every heartbeat has a first frame of its own, so that conflation never puts it before what came earlier. */
export function encodeHeartbeat(interest: Buffer, beat: Heartbeat): [Buffer, Buffer] {
  const first = Buffer.alloc(1 + INTEREST_ID_SIZE + 8)
  first[0] = PREFIX_OCTET
  interest.copy(first, 1)
  writeUint64(first, beat.sequence, 1 + INTEREST_ID_SIZE)
  const body = Buffer.alloc(SIZE)
  body[0] = KIND
  beat.epoch.copy(body, 1)
  writeUint64(body, beat.sequence, 17)
  writeUint64(body, beat.count, 25)
  writeUint64(body, beat.registration, 33)
  body.writeUInt32BE(beat.interval, 41)
  body[45] = beat.leaving ? LEAVING : 0
  return [first, body]
}

/** Whether a message is a heartbeat, right or wrong, for another interest than this one. */
export function isForAnother([first]: readonly Buffer[], interest: Buffer): boolean {
  return first?.[0] === PREFIX_OCTET && !first.subarray(1, 1 + INTEREST_ID_SIZE).equals(interest)
}

/** The heartbeat that a message is, or nothing if it is malformed. */
export function decodeHeartbeat(message: readonly Buffer[]): Heartbeat | undefined {
  const [first, body] = message
  if (message.length !== 2 || first === undefined || body === undefined) return undefined
  if (first.length !== 1 + INTEREST_ID_SIZE + 8 || first[0] !== PREFIX_OCTET) return undefined
  if (body.length !== SIZE || body[0] !== KIND) return undefined
  const sequence = readUint64(body, 17)
  const count = readUint64(body, 25)
  const registration = readUint64(body, 33)
  if (sequence < 0 || count < 0 || registration < 0) return undefined
  return {
    epoch: Buffer.from(body.subarray(1, 1 + EPOCH_SIZE)),
    sequence,
    count,
    registration,
    interval: body.readUInt32BE(41),
    leaving: (body.readUInt8(45) & LEAVING) !== 0,
  }
}
