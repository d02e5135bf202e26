// The commands of CHP (RFC 12) as frames, and back, and the two by which a pair of our servers watch each other.
// Nothing here knows a socket. What comes in comes from strangers: nothing here throws.

import type { Frame, FrameLike, Message } from "brokerless"

/** How long a key may be, in octets. */
export const MAX_KEY_OCTETS = 1024

export const EMPTY: Frame = Buffer.alloc(0)
const ZERO = Buffer.alloc(8)
const HUGZ = "HUGZ"
const ICANHAZ = Buffer.from("ICANHAZ?")
const KTHXBAI = "KTHXBAI"
const HOWRU = Buffer.from("HOWRU?")
const IAM = Buffer.from("IAM")
const MIRROR = Buffer.from("MIRROR?")

/** What clients subscribe to besides their subtree. */
export const HEARTBEAT_TOPIC: string = HUGZ
export const HEARTBEAT: readonly Frame[] = [Buffer.from(HUGZ), ZERO, EMPTY, EMPTY, EMPTY]

/** Part of a snapshot, or an update: what is known of one key. An empty value deletes it. */
export interface Item {
  readonly key: string
  readonly sequence: number
  /** 16 octets, or none. */
  readonly uuid: Frame
  /** Lines `name=value`. */
  readonly properties: Frame
  readonly value: Frame
}

/** What a server of a pair is: who serves, who copies, and who does not know yet. */
export type CloneServerState = "starting" | "passive" | "active"
/** Which of a pair it is. */
export type CloneServerRole = "primary" | "backup"

/** What comes to a snapshot port. */
export type Question = { readonly kind: "snapshot"; readonly subtree: string } | { readonly kind: "state" | "mirror" }

export function snapshotRequest(subtree: string): FrameLike[] {
  return [ICANHAZ, subtree]
}

export const MIRROR_REQUEST: readonly Frame[] = [MIRROR]
export const STATE_REQUEST: readonly Frame[] = [HOWRU]

export function stateAnswer(state: CloneServerState, role: CloneServerRole, sequence: number): FrameLike[] {
  return [IAM, state, role, octetsOf(sequence)]
}

export function itemFrames({ key, sequence, uuid, properties, value }: Item): FrameLike[] {
  return [key, octetsOf(sequence), uuid, properties, value]
}

export function endOfSnapshot(sequence: number, subtree: string): FrameLike[] {
  return [KTHXBAI, octetsOf(sequence), EMPTY, EMPTY, subtree]
}

export function readQuestion(frames: Message): Question | undefined {
  const [word, subtree] = frames
  if (frames.length === 2 && word?.equals(ICANHAZ)) {
    const text = textOf(subtree as Frame)
    return text === undefined ? undefined : { kind: "snapshot", subtree: text }
  }
  if (frames.length !== 1) return undefined
  if (word?.equals(HOWRU)) return { kind: "state" }
  return word?.equals(MIRROR) ? { kind: "mirror" } : undefined
}

export function readState(
  frames: Message,
): { state: CloneServerState; role: CloneServerRole; sequence: number } | undefined {
  const [word, state, role, octets] = frames.map((frame, i) => (i === 3 ? frame : String(frame)))
  const sequence = frames.length === 4 ? sequenceOf(octets as Frame) : undefined
  if (word !== "IAM" || sequence === undefined) return undefined
  if (state !== "starting" && state !== "passive" && state !== "active") return undefined
  return role === "primary" || role === "backup" ? { state, role, sequence } : undefined
}

/** What comes from an update port, or to a collector, where HUGZ means nothing. */
export function readUpdate(frames: Message): Item | "hugz" | undefined {
  const item = itemOf(frames)
  return item?.key === HUGZ ? "hugz" : item !== undefined && isKey(item.key) ? item : undefined
}

/** What comes from a snapshot port: an item, or the end with its sequence. */
export function readSnapshot(frames: Message): Item | { readonly end: number } | undefined {
  const item = itemOf(frames)
  if (item?.key === KTHXBAI) return { end: item.sequence }
  return item !== undefined && isKey(item.key) && item.value.length > 0 ? item : undefined
}

/** Whether something may be called so. */
export function isKey(key: unknown): key is string {
  if (typeof key !== "string" || key === "" || key === HUGZ || key === KTHXBAI) return false
  const octets = Buffer.from(key)
  // Text with half a character in it would arrive as something else.
  return octets.length <= MAX_KEY_OCTETS && octets.toString() === key
}

/** The property `ttl` in ms, or nothing where it is none. */
export function ttlOf(properties: Frame): number | undefined {
  if (properties.length === 0) return undefined
  const line = /^ttl=(\d+(?:\.\d+)?)$/m.exec(properties.toString("latin1"))
  const ms = line === null ? 0 : Number(line[1]) * 1000
  return ms > 0 && ms < MAX_TTL ? ms : undefined
}

/** A hundred years, in ms: what is to live longer lives for ever. */
export const MAX_TTL: number = 100 * 365 * 24 * 3600 * 1000

export function ttlProperty(ms: number): Frame {
  return Buffer.from(`ttl=${ms / 1000}\n`)
}

function itemOf(frames: Message): Item | undefined {
  if (frames.length !== 5) return undefined
  const [key, octets, uuid, properties, value] = frames as [Frame, Frame, Frame, Frame, Frame]
  const text = key.length > MAX_KEY_OCTETS ? undefined : textOf(key)
  const sequence = sequenceOf(octets)
  if (text === undefined || sequence === undefined) return undefined
  return { key: text, sequence, uuid, properties, value }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function textOf(frame: Frame): string | undefined {
  try {
    return UTF8.decode(frame)
  } catch {
    return undefined
  }
}

function octetsOf(sequence: number): Frame {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(BigInt(sequence))
  return octets
}

function sequenceOf(octets: Frame): number | undefined {
  if (octets.length !== 8) return undefined
  const sequence = Number(octets.readBigUInt64BE())
  return Number.isSafeInteger(sequence) ? sequence : undefined
}
