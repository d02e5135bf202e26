// What the `zeromq` package makes of what is sent: memory is sent as it is, `null` as an empty frame, and anything
// else as its text.

import { type Bytes, cloneSmall, EMPTY, fromString, isBytes, ofMemory, ofView } from "../bytes.ts"
import type { Message } from "../message.ts"

/** What is not longer is copied at once, so that the sender may go on writing to it. */
const COPIED = 128

/** The frames of a message; none, if it is an empty list. */
export function framesOf(value: unknown): Message {
  if (isBytes(value)) return [value.length <= COPIED ? cloneSmall(value) : value]
  if (typeof value === "string") return [fromString(value)]
  if (!Array.isArray(value)) return [frameOf(value)]
  const message: Message = new Array(value.length)
  for (let i = 0; i < value.length; i++) message[i] = frameOf(value[i])
  return message
}

/** One frame. */
export function frameOf(value: unknown): Bytes {
  if (typeof value === "string") return fromString(value)
  if (value === null) return EMPTY
  const memory = memoryOf(value)
  if (memory === undefined) return fromString(`${value}`)
  return memory.length <= COPIED ? cloneSmall(memory) : memory
}

function memoryOf(value: unknown): Bytes | undefined {
  if (isBytes(value)) return value
  // What was transferred to somebody else is empty, and cannot be looked at.
  if (ArrayBuffer.isView(value)) return value.byteLength === 0 ? EMPTY : ofView(value)
  if (!(value instanceof ArrayBuffer || value instanceof SharedArrayBuffer)) return undefined
  return value.byteLength === 0 ? EMPTY : ofMemory(value)
}
