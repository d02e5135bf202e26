// Bodies of requests and answers: values through a codec, in one frame; or without a codec any frames as they are.

import { type Codec, CodecError, type FrameLike, type Message, MessageError } from "brokerless"

/** Turns values into the frames of a body and back. */
export interface Body<S, R> {
  /** @throws CodecError, MessageError */
  encode(value: S): readonly FrameLike[]
  /** @throws CodecError */
  decode(frames: Message): R
}

export function bodyOf<S, R>(codec: Codec<S, R> | undefined): Body<S, R> {
  // Without a codec S is what can be sent and R what is received: the constructors' types allow nothing else.
  if (codec === undefined) return FRAMES as unknown as Body<S, R>
  return {
    encode(value) {
      try {
        return [codec.encode(value)]
      } catch (error) {
        throw new CodecError("The codec could not encode the value", { cause: error })
      }
    },
    decode(frames) {
      if (frames.length !== 1) throw new CodecError(`A value takes one frame, got a body of ${frames.length}`)
      try {
        return codec.decode(frames[0] as Message[number])
      } catch (error) {
        throw new CodecError("The codec could not decode the body", { cause: error })
      }
    },
  }
}

const FRAMES: Body<FrameLike | readonly FrameLike[], Message> = {
  encode(value) {
    if (!Array.isArray(value)) return [value as FrameLike]
    if (value.length === 0) throw new MessageError("EINVAL", "A body needs at least one frame, got an empty list")
    return value as readonly FrameLike[]
  },
  decode: (frames) => frames,
}
