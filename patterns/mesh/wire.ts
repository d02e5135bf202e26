// The octets of the mesh: the header that every message begins with, and what the numbers in it mean. README.md
// describes them for programs in other languages.
//
//   0        1        2        3        4             8             12
//   version  type     flags    0        call id       number        …

import type { Frame } from "brokerless"

export const VERSION = 1

/** The second octet of each message. */
export const TYPE = {
  // From who connected to who is bound.
  hello: 1,
  ping: 2,
  seen: 3,
  call: 16,
  cancel: 17,
  credit: 18,
  // From who is bound to who connected.
  state: 33,
  known: 34,
  pong: 35,
  answer: 48,
  item: 49,
  end: 50,
  error: 51,
  refused: 52,
} as const

/** Why a call was not begun: the number of a `refused`. */
export const REFUSAL = { draining: 1, overloaded: 2, notOffered: 3 } as const

/** In the flags of a `call`: the deadline holds only until a stream begins. */
export const UNTIL_STREAM = 1

const HEADER = 12
const CALL_HEADER = 16

/** The length of the longest name of a service or method, in octets. */
export const MAX_NAME = 255
const MAX_TARGET = 2 * MAX_NAME + 1

export interface Header {
  readonly type: number
  readonly id: number
  readonly number: number
}

/** The first frame of all messages but calls. */
export function header(type: number, id = 0, number = 0): Frame {
  const frame = Buffer.allocUnsafe(HEADER)
  frame[0] = VERSION
  frame[1] = type
  frame[2] = 0
  frame[3] = 0
  frame.writeUInt32BE(id, 4)
  frame.writeUInt32BE(number, 8)
  return frame
}

/** The first frame of a call. `remaining` in ms; `window` is how many items may come before credit is given. */
export function callHeader(target: Frame, id: number, remaining: number, window: number, flags: number): Frame {
  const frame = Buffer.allocUnsafe(CALL_HEADER + target.length)
  frame[0] = VERSION
  frame[1] = TYPE.call
  frame[2] = flags
  frame[3] = 0
  frame.writeUInt32BE(id, 4)
  frame.writeUInt32BE(remaining, 8)
  frame.writeUInt32BE(window, 12)
  frame.set(target, CALL_HEADER)
  return frame
}

/** The type of a message that begins with this frame; 0 if it is none of this version. */
export function typeOf(frame: Frame | undefined): number {
  return frame === undefined || frame.length < HEADER || frame[0] !== VERSION ? 0 : (frame[1] as number)
}

export function idOf(frame: Frame): number {
  return frame.readUInt32BE(4)
}

export function numberOf(frame: Frame): number {
  return frame.readUInt32BE(8)
}

/** What a call asks for, or undefined if the frame is not that of a call. */
export function readCall(
  frame: Frame,
): { readonly target: string; readonly window: number; readonly untilStream: boolean } | undefined {
  if (frame.length <= CALL_HEADER || frame.length > CALL_HEADER + MAX_TARGET) return undefined
  return {
    target: frame.toString("utf8", CALL_HEADER),
    window: frame.readUInt32BE(12),
    untilStream: ((frame[2] as number) & UNTIL_STREAM) !== 0,
  }
}

/** `service/method` as octets. */
export function targetOf(service: string, method: string): Frame {
  return Buffer.from(`${service}/${method}`)
}

/** Whether this may be the name of a service or of a method: text without `/`, blanks and control characters. */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !/[/\s\p{C}]/u.test(value) && Buffer.byteLength(value) <= MAX_NAME
}

/** Whether this may be the name of a node, which is for people to read: text without control characters. */
export function isLabel(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !/\p{C}/u.test(value) && Buffer.byteLength(value) <= MAX_NAME
}
