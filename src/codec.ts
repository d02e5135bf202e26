/// <reference types="node" preserve="true" />
// The door `brokerless/codec`: values instead of frames. Who does not open it loads no format. Re-exports only.

/**
 * Codecs: values in place of frames.
 *
 * @module brokerless/codec
 */

export type { Codec } from "./codec/codec.ts"
export { json } from "./codec/json.ts"
export type { CodecLimits } from "./codec/limits.ts"
export { type MsgpackOptions, msgpack } from "./codec/msgpack.ts"
export type {
  StandardInput,
  StandardIssue,
  StandardOutput,
  StandardResult,
  StandardSchema,
} from "./codec/standard-schema.ts"
export { text } from "./codec/text.ts"
export { validated } from "./codec/validated.ts"
