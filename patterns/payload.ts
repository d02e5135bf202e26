// How the values of a pattern travel: one value in one frame by its codec, or without one the frames as they are, as
// with sockets. Nothing here knows a socket.

import {
  type Codec,
  CodecError,
  type Frame,
  type FrameLike,
  type Message,
  MessageError,
  type MessageLike,
} from "brokerless"
import type { Setting } from "./settings.ts"

/** Both directions of one pattern. */
export interface Payload<S, R> {
  /** The frames that stand for a value. Throws {@link CodecError} or {@link MessageError}. */
  encode(value: S): Frame[]
  /** The value that frames of a peer stand for. Throws {@link CodecError}. */
  decode(frames: Message): R
}

/** The codec that a pattern was given, checked. */
export const codecSetting: Setting<Codec<never, unknown> | undefined> = {
  accepts: "an object with the functions encode and decode",
  test: (value) => {
    const codec = value as Partial<Codec<unknown>> | null
    return typeof codec === "object" && typeof codec?.encode === "function" && typeof codec.decode === "function"
  },
  default: undefined,
}

/** What travels for the values of this codec. Without one values are messages. */
export function payloadOf<S, R>(codec: Codec<never, unknown> | undefined): Payload<S, R> {
  const payload = codec === undefined ? FRAMES : ofCodec(codec as Codec<unknown>)
  return payload as Payload<S, R>
}

const FRAMES: Payload<MessageLike, Message> = {
  encode(value) {
    if (!Array.isArray(value)) return [toFrame(value as FrameLike)]
    if (value.length === 0) throw new MessageError("EINVAL", "A message needs at least one frame, got an empty list")
    return value.map(toFrame)
  },
  decode: (frames) => frames,
}

function ofCodec(codec: Codec<unknown>): Payload<unknown, unknown> {
  return {
    encode(value) {
      try {
        return [toFrame(codec.encode(value))]
      } catch (error) {
        throw new CodecError(`The codec could not encode a value: ${reasonOf(error)}`, { cause: error })
      }
    },
    decode(frames) {
      if (frames.length !== 1) {
        throw new CodecError(`A value takes one frame, but the message has ${frames.length}`)
      }
      try {
        return codec.decode(frames[0] as Frame)
      } catch (error) {
        throw new CodecError(`The codec could not decode a message: ${reasonOf(error)}`, { cause: error })
      }
    },
  }
}

/** One frame as octets, without copying memory that is given. */
export function toFrame(value: FrameLike | undefined): Frame {
  if (Buffer.isBuffer(value)) return value as Frame
  if (typeof value === "string") return Buffer.from(value) as Frame
  if (value === null) return Buffer.alloc(0) as Frame
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength) as Frame
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value) as Frame
  throw new MessageError("EINVAL", `A frame must be a string, a Buffer or other view, an ArrayBuffer or null`)
}

/** What was thrown, in words. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : "something that is no error was thrown"
}
