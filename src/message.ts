// Frames and messages (RFC 37): what an application may send, what it receives, and the one place where strings
// become octets. A message is a whole list of frames at every step of its way.

import { type Bytes, EMPTY, fromString, isBytes, ofMemory, ofView } from "./bytes.ts"
import { MessageError } from "./errors.ts"

/** One frame of a message: its octets. */
export type Frame = Bytes

/** A message: its frames, at least one. */
export type Message = Frame[]

/** What can be sent as one frame. `null` is an empty frame; a string is sent as UTF-8. */
export type FrameLike = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer | null

/** What can be sent as a message: one frame, or a list of frames, which travel together or not at all. */
export type MessageLike = FrameLike | readonly FrameLike[]

/** What a frame is charged in a queue on top of its octets, so that empty frames are not free. */
export const FRAME_CHARGE = 64

/** Turns what the application gave into frames. Throws {@link MessageError}; never copies octets. */
export function toMessage(value: MessageLike): Message {
  if (isBytes(value)) return [value]
  if (Array.isArray(value)) {
    const list = value as readonly FrameLike[]
    if (list.length === 0) throw new MessageError("EINVAL", "A message needs at least one frame, got an empty list")
    const message: Message = new Array(list.length)
    for (let i = 0; i < list.length; i++) message[i] = toFrame(list[i])
    return message
  }
  return [toFrame(value as FrameLike)]
}

/** Turns what the application gave as one frame into octets. Throws {@link MessageError}. */
export function toFrame(value: FrameLike | undefined): Frame {
  if (typeof value === "string") return fromString(value)
  if (isBytes(value)) return value
  if (value === null) return EMPTY
  if (ArrayBuffer.isView(value)) return ofView(value)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return ofMemory(value)
  throw new MessageError(
    "EINVAL",
    `A frame must be a string, a Buffer or other view, an ArrayBuffer or null, got ${describe(value)}`,
  )
}

/** What a message costs in a queue: its octets, and {@link FRAME_CHARGE} for each frame. */
export function chargeOf(message: Message): number {
  if (message.length === 1) return (message[0] as Frame).length + FRAME_CHARGE
  let charge = 0
  for (let i = 0; i < message.length; i++) charge += (message[i] as Frame).length + FRAME_CHARGE
  return charge
}

/** Octets in all frames of a message. */
export function sizeOf(message: Message): number {
  if (message.length === 1) return (message[0] as Frame).length
  let size = 0
  for (let i = 0; i < message.length; i++) size += (message[i] as Frame).length
  return size
}

/** A short, safe name of a value for an error message. */
export function describe(value: unknown): string {
  if (value === null) return "null"
  if (typeof value === "object") return describeObject(value)
  if (typeof value === "string") return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
  if (typeof value === "function") return "a function"
  return `${typeof value === "bigint" ? `${value}n` : String(value)}`
}

// Looking at an object may run code of its owner, and a proxy that was revoked cannot be looked at at all.
function describeObject(value: object): string {
  try {
    if (Array.isArray(value)) return "an array"
    const name: unknown = value.constructor?.name ?? "no prototype"
    return `an object (${typeof name === "string" ? name.slice(0, 64) : "no name"})`
  } catch {
    return "an object"
  }
}
