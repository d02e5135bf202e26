// Between what the application says and what travels: frames as they are, or values through its codec.

import type { Codec } from "../codec/codec.ts"
import { CodecError, MessageError } from "../errors.ts"
import { describe, type Frame, type FrameLike, type Message, type MessageLike, toFrame, toMessage } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { reasonOf } from "../thrown.ts"
import type { Hub } from "./hub.ts"
import { SKIP } from "./inbox.ts"

/** Both directions of one socket. */
export interface Coding {
  encode(value: unknown): Message
  decode(message: Message, pipe: Pipe): unknown
  /** Whether the application sends values rather than frames. */
  readonly typed: boolean
}

const FRAMES: Coding = {
  encode: (value) => toMessage(value as MessageLike),
  decode: (message) => message,
  typed: false,
}

/** Frames, or one value in one frame. */
export function valueCoding(hub: Hub): Coding {
  const { codec } = hub.options
  if (codec === undefined) return FRAMES
  return {
    encode: (value) => [encodeValue(codec, value)],
    decode: (message, pipe) => decodeOrSkip(hub, codec, pipe, message, message[0], 1),
    typed: true,
  }
}

/** Frames, or a topic and a value. */
export function topicCoding(hub: Hub): Coding {
  const { codec } = hub.options
  if (codec === undefined) return FRAMES
  return {
    encode(value) {
      const [topic, content] = pairOf(value, "[topic, value]")
      if (typeof topic !== "string") {
        throw new MessageError("EINVAL", `A topic must be a string, got ${describe(topic)}`)
      }
      return [toFrame(topic), encodeValue(codec, content)]
    },
    decode(message, pipe) {
      const content = decodeOrSkip(hub, codec, pipe, message, message[1], 2)
      if (content === SKIP) return SKIP
      const topic = utf8(message[0] as Frame)
      if (topic !== undefined) return [topic, content]
      invalid(hub, pipe, new CodecError("The topic of a message is not UTF-8"))
      return SKIP
    },
    typed: true,
  }
}

/** Frames, or a routing id and a value. Incoming messages have their routing id in front already. */
export function addressedCoding(hub: Hub): Coding {
  const { codec } = hub.options
  if (codec === undefined) return FRAMES
  return {
    encode(value) {
      const [address, content] = pairOf(value, "[routingId, value]")
      return [toFrame(address as FrameLike), encodeValue(codec, content)]
    },
    decode(message, pipe) {
      const content = decodeOrSkip(hub, codec, pipe, message, message[1], 2)
      return content === SKIP ? SKIP : [message[0], content]
    },
    typed: true,
  }
}

/** A message arrived that is not delivered because it does not decode. */
export function invalid(hub: Hub, pipe: Pipe, error: Error): void {
  hub.stats.invalid++
  if (pipe.peer !== undefined) pipe.peer.stats.invalid++
  hub.monitor.count("message:invalid", pipe.endpoint, pipe.peer, error, 1)
}

/** One value to one frame. Throws {@link CodecError}. */
function encodeValue(codec: Codec<unknown>, value: unknown): Frame {
  try {
    return toFrame(codec.encode(value))
  } catch (error) {
    throw new CodecError(`The codec could not encode ${describe(value)}: ${reasonOf(error)}`, { cause: error })
  }
}

/** The frames after the envelope to one value. Throws {@link CodecError}. */
export function decodeValue(codec: Codec<unknown>, frames: readonly Frame[]): unknown {
  if (frames.length !== 1) {
    throw new CodecError(`A value takes one frame, but the message has ${frames.length}`)
  }
  try {
    return codec.decode(frames[0] as Frame)
  } catch (error) {
    throw new CodecError(`The codec could not decode a message: ${reasonOf(error)}`, { cause: error })
  }
}

function decodeOrSkip(
  hub: Hub,
  codec: Codec<unknown>,
  pipe: Pipe,
  message: Message,
  frame: Frame | undefined,
  frames: number,
): unknown {
  try {
    return decodeValue(codec, message.length === frames && frame !== undefined ? [frame] : message)
  } catch (error) {
    invalid(hub, pipe, error as CodecError)
    return SKIP
  }
}

function pairOf(value: unknown, shape: string): readonly [unknown, unknown] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new MessageError("EINVAL", `With a codec a message must be ${shape}, got ${describe(value)}`)
  }
  return value as unknown as readonly [unknown, unknown]
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

function utf8(frame: Frame): string | undefined {
  try {
    return strict.decode(frame)
  } catch {
    return undefined
  }
}
