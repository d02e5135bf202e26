// One change of a feed, and how it travels: as a message of its own to all subscribers, or packed with others in an
// answer to one that had missed it.

import { EPOCH_SIZE, epochIs, readUint64, toText, writeUint64 } from "./octets.ts"

/** Longest topic, in octets. */
export const MAX_TOPIC = 1024

/** What the first frame of an update begins with; the topic follows. */
export const UPDATE_PREFIX = "D"
const UPDATE_OCTET = 0x44

const VALUE = 1
const DELETED = 2

/** One change of one topic. */
export interface Update {
  readonly topic: string
  /** Its number among all updates of the epoch, from 1. */
  readonly feedSequence: number
  /** The feed sequence of the update of this topic before; 0 if there was none, or the publisher forgot it. */
  readonly previous: number
  /** Its number among the updates of its topic, from 1. */
  readonly sequence: number
  /** Absent: the topic was deleted. */
  readonly payload: Buffer | undefined
}

const HEADER_SIZE = 1 + EPOCH_SIZE + 24

/** The header of an update, which is its second frame. */
export function encodeHeader(epoch: Buffer, update: Update): Buffer {
  const header = Buffer.allocUnsafe(HEADER_SIZE)
  header[0] = update.payload === undefined ? DELETED : VALUE
  epoch.copy(header, 1)
  writeUint64(header, update.feedSequence, 17)
  writeUint64(header, update.previous, 25)
  writeUint64(header, update.sequence, 33)
  return header
}

/** The first frame of the updates of a topic. */
export function topicFrame(topic: string): Buffer {
  return Buffer.from(UPDATE_PREFIX + topic)
}

/** Whether a message is an update, right or wrong. */
export function isUpdate(message: readonly Buffer[]): boolean {
  return message[0]?.[0] === UPDATE_OCTET
}

/** Whether an update is of this epoch. Its header was checked by {@link decodeUpdate} before. */
export function isOfEpoch(message: readonly Buffer[], epoch: Buffer): boolean {
  return epochIs(epoch, message[1] as Buffer, 1)
}

/** The id of the epoch of an update, a copy. */
export function epochOf(message: readonly Buffer[]): Buffer {
  return Buffer.from((message[1] as Buffer).subarray(1, 1 + EPOCH_SIZE))
}

/** The update that a message is, or nothing if it is malformed. */
export function decodeUpdate(message: readonly Buffer[]): Update | undefined {
  const [first, header, payload] = message
  if (first === undefined || header === undefined || header.length !== HEADER_SIZE) return undefined
  const kind = header[0]
  if (message.length !== (kind === VALUE ? 3 : 2) || (kind !== VALUE && kind !== DELETED)) return undefined
  if (first.length < 2 || first.length > MAX_TOPIC + 1) return undefined
  const topic = toText(first, 1)
  const feedSequence = readUint64(header, 17)
  const previous = readUint64(header, 25)
  const sequence = readUint64(header, 33)
  if (topic === undefined || !isSound(feedSequence, previous, sequence)) return undefined
  return { topic, feedSequence, previous, sequence, payload }
}

const RECORD_SIZE = 1 + 2 + 4 + 24

/** Octets of an update in an answer. */
export function packedSize(topicSize: number, update: Update): number {
  return RECORD_SIZE + topicSize + (update.payload?.length ?? 0)
}

/** Updates in one frame, one behind the other. */
export function pack(updates: readonly Update[]): Buffer {
  const topics = updates.map(({ topic }) => Buffer.from(topic))
  let size = 0
  for (const [i, update] of updates.entries()) size += packedSize((topics[i] as Buffer).length, update)
  const body = Buffer.allocUnsafe(size)
  let at = 0
  for (const [i, { feedSequence, previous, sequence, payload }] of updates.entries()) {
    const topic = topics[i] as Buffer
    body[at] = payload === undefined ? DELETED : VALUE
    body.writeUInt16BE(topic.length, at + 1)
    body.writeUInt32BE(payload?.length ?? 0, at + 3)
    writeUint64(body, feedSequence, at + 7)
    writeUint64(body, previous, at + 15)
    writeUint64(body, sequence, at + 23)
    at += RECORD_SIZE
    at += topic.copy(body, at)
    if (payload !== undefined) at += payload.copy(body, at)
  }
  return body
}

/** The updates of one frame, or nothing if it is malformed. Payloads are copies, which pin nothing of the frame. */
export function unpack(body: Buffer): Update[] | undefined {
  const updates: Update[] = []
  let at = 0
  while (at < body.length) {
    if (at + RECORD_SIZE > body.length) return undefined
    const kind = body[at]
    const topicEnd = at + RECORD_SIZE + body.readUInt16BE(at + 1)
    const end = topicEnd + body.readUInt32BE(at + 3)
    if ((kind !== VALUE && kind !== DELETED) || end > body.length) return undefined
    if (kind === DELETED && end !== topicEnd) return undefined
    const topicSize = topicEnd - at - RECORD_SIZE
    const topic = toText(body, at + RECORD_SIZE, topicEnd)
    const feedSequence = readUint64(body, at + 7)
    const previous = readUint64(body, at + 15)
    const sequence = readUint64(body, at + 23)
    if (topic === undefined || topicSize === 0 || topicSize > MAX_TOPIC) return undefined
    if (!isSound(feedSequence, previous, sequence)) return undefined
    const payload = kind === VALUE ? Buffer.from(body.subarray(topicEnd, end)) : undefined
    updates.push({ topic, feedSequence, previous, sequence, payload })
    at = end
  }
  return updates
}

function isSound(feedSequence: number, previous: number, sequence: number): boolean {
  return feedSequence >= 1 && previous >= 0 && previous < feedSequence && sequence >= 1 && sequence <= feedSequence
}
