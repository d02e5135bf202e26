// What surveyor and respondent say to each other, frame by frame, as README.md has it. Nothing here knows a socket.

import type { Frame, Message } from "brokerless"

/** The first frame of everything. */
const SIGNATURE = Buffer.from("SURVEY1")

const CODES = { question: 1, answer: 2, decline: 3, cancel: 4 } as const

/** What can be said. */
export type Kind = keyof typeof CODES

/** Octets of the id of a survey. */
export const ID_SIZE = 8

/** What was said, taken apart. */
export interface Said {
  readonly kind: Kind
  readonly id: Frame
  /** ms that are left, of a question. */
  readonly time: number
  readonly body: Message
}

/** The frames of what is said. */
export function compose(kind: Kind, id: Frame, ...rest: readonly Frame[]): Frame[] {
  return [SIGNATURE as Frame, Buffer.from([CODES[kind]]) as Frame, id, ...rest]
}

/** The frame that says how many ms are left. */
export function timeFrame(ms: number): Frame {
  const frame = Buffer.alloc(4)
  frame.writeUInt32BE(Math.max(0, Math.min(0xffff_ffff, Math.ceil(ms))))
  return frame as Frame
}

/** What a message says; undefined when it is none of this protocol. */
export function parse(message: Message): Said | undefined {
  const [signature, code, id] = message
  if (signature === undefined || code?.length !== 1 || id?.length !== ID_SIZE) return undefined
  if (!SIGNATURE.equals(signature)) return undefined
  switch (code[0]) {
    case CODES.question: {
      const time = message[3]
      if (time?.length !== 4 || message.length < 5) return undefined
      return { kind: "question", id, time: time.readUInt32BE(0), body: message.slice(4) }
    }
    case CODES.answer:
      return message.length < 4 ? undefined : { kind: "answer", id, time: 0, body: message.slice(3) }
    case CODES.decline:
      return message.length === 3 ? { kind: "decline", id, time: 0, body: [] } : undefined
    case CODES.cancel:
      return message.length === 3 ? { kind: "cancel", id, time: 0, body: [] } : undefined
    default:
      return undefined
  }
}
