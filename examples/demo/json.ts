// The whole of a codec: how a value becomes octets, and octets a value.

import type { Codec } from "brokerless"

/** Values as JSON text. What arrives is believed to be an `R`; between strangers one would check it. */
export function json<S, R = S>(): Codec<S, R> {
  return {
    encode: (value) => JSON.stringify(value),
    decode: (octets) => JSON.parse(octets.toString()) as R,
  }
}
