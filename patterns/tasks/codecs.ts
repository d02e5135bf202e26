// How values become frames: the one codec of a ventilator, worker or sink, or none for frames as they are.

import { type Codec, CodecError, type Frame, type FrameLike, OptionError } from "brokerless"

/**
 * The arguments of a constructor: without a codec, tasks and results are frames.
 *
 * @typeParam S - what this end sends
 * @typeParam R - what it receives
 * @typeParam Options - its options, all of them optional
 */
export type CodecArguments<S, R, Options> =
  | [options: Options & { readonly codec: Codec<S, R> }]
  | ([S, Frame] extends [FrameLike, R] ? [options?: Options & { readonly codec?: undefined }] : never)

/** One frame for one value. Throws CodecError. */
export function encodeWith(codec: Codec<unknown> | undefined, value: unknown): Frame {
  try {
    return asFrame(codec === undefined ? value : codec.encode(value))
  } catch (error) {
    throw new CodecError(`The value cannot be sent: ${error instanceof Error ? error.message : "the codec threw"}`, {
      cause: error,
    })
  }
}

/** Whether something is a codec, for the check of an option. */
export const CODEC: {
  readonly accepts: string
  readonly test: (value: unknown) => boolean
  readonly default: undefined
} = {
  accepts: "an object with encode() and decode()",
  test: (value) =>
    typeof value === "object" &&
    value !== null &&
    typeof (value as Codec<unknown>).encode === "function" &&
    typeof (value as Codec<unknown>).decode === "function",
  default: undefined,
}

/** An object of options for a socket, checked by the socket itself, without those that are not free here. */
export const SOCKET: {
  readonly accepts: string
  readonly test: (value: unknown) => boolean
  readonly default: undefined
} = {
  accepts: "an object of options for the socket",
  test: (value) => typeof value === "object" && value !== null,
  default: undefined,
}

/** Those options, less `codec`, which has a place of its own. */
export function socketOptions<Options extends object>(what: string, options: Options | undefined): Options {
  if (options !== undefined && "codec" in options) {
    throw new OptionError("codec", `The codec of ${what} is an option of its own, not one of its socket`)
  }
  return options ?? ({} as Options)
}

function asFrame(value: unknown): Frame {
  if (Buffer.isBuffer(value)) return value
  if (typeof value === "string") return Buffer.from(value)
  if (value === null) return Buffer.alloc(0)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value)
  throw new TypeError("a frame must be a string, a Buffer or other view, an ArrayBuffer or null")
}
