// The codec of the tests' own: JSON in one frame.

import type { Codec } from "brokerless"

/** Values as JSON. Whatever JSON cannot say throws. */
export function json<T>(): Codec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(value)
      if (text === undefined) throw new TypeError(`JSON has no word for ${typeof value}`)
      return text
    },
    decode: (frame) => JSON.parse(frame.toString()) as T,
  }
}
