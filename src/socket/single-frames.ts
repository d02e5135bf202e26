// What types of the draft RFCs have in common (RFC 41, 48, 49): a message is one frame, sent and received.

import { MessageError } from "../errors.ts"
import { type Frame, type Message, type MessageLike, toMessage } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import type { Coding } from "./coding.ts"
import type { Hub, Pattern } from "./hub.ts"

/** The frame of a message. Throws {@link MessageError} if it has none or several. */
export function singleFrame(value: MessageLike): Frame {
  const message = toMessage(value)
  if (message.length > 1) {
    throw new MessageError("EINVAL", `Messages of this socket have one frame, got ${message.length}`)
  }
  return message[0] as Frame
}

/** One frame there, one frame here. */
export const SINGLE_FRAMES: Coding = {
  encode: (value) => [singleFrame(value as MessageLike)],
  decode: (message) => message,
  typed: false,
}

/** Messages of several frames are not for the application, whoever sends them. */
export function receivingSingleFrames(hub: Hub): Required<Pick<Pattern, "intake">> {
  return {
    intake(pipe: Pipe, message: Message): boolean {
      if (message.length === 1) return true
      hub.dropped("unexpected", 1, pipe)
      return false
    },
  }
}
