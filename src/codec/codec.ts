// What a codec is: one value against one frame. Nothing here knows a format, a socket or a message of several frames.

import type { Frame, FrameLike } from "../message.ts"

/**
 * Turns values of the application into frames and back.
 *
 * Both methods are synchronous, keep nothing between calls, and may serve several sockets at once.
 *
 * @typeParam S - what is sent
 * @typeParam R - what is received; where it differs from `S`, the two ends need not use the same codec
 */
export interface Codec<S, R = S> {
  /**
   * The one frame that stands for `value`. The octets belong to the socket afterwards: a codec must not write to them
   * again. Throwing means that the value cannot be encoded: the send fails with `CodecError` and nothing is sent.
   */
  encode(value: S): FrameLike
  /**
   * The value that `frame` stands for. The frame comes from a peer, so expect anything in it. Throwing means that it
   * cannot be decoded: the message is not delivered, but counted and announced as `message:invalid`.
   */
  decode(frame: Frame): R
}
