// The codec of the examples: values as JSON, one frame each. Any object with these two methods is a codec.

import type { Codec } from "brokerless"

/** Values as JSON. What arrives is believed to be a `T`; between strangers one would check it here. */
export function json<T>(): Codec<T> {
  return {
    encode: (value) => JSON.stringify(value),
    decode: (frame) => JSON.parse(frame.toString()) as T,
  }
}
