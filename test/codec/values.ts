// What the tests of codecs share: values of every kind, and short ways to encode and decode.

import type { Codec } from "brokerless"
import fc from "fast-check"

/** The one frame that stands for a value, in the memory in which it comes. */
export function there<S>(codec: Codec<S, unknown>, value: S): Buffer {
  const frame = codec.encode(value)
  if (Buffer.isBuffer(frame)) return frame
  throw new TypeError("This codec encodes to something else than a Buffer")
}

export function thereAndBack<S, R>(codec: Codec<S, R>, value: S): R {
  return codec.decode(there(codec, value))
}

/** Octets as somebody writes them down: `"82 a1 61"`. */
export function octetsOf(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex")
}

/** Values that arrive as what they are: those of JSON, or with octets, bigints and numbers that JSON has no word for. */
export function values({ binary }: { readonly binary: boolean }): fc.Arbitrary<unknown> {
  const number = fc.double({ noNaN: !binary, noDefaultInfinity: !binary }).map((value) => (value === 0 ? 0 : value))
  const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ minLength: 20, maxLength: 300 }))
  const key = text.filter((name) => name !== "__proto__" && name !== "toJSON")
  const plain = fc.oneof(fc.constant(null), fc.boolean(), fc.integer(), number, text)
  const more = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
  )
  return fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      binary ? fc.oneof(plain, more) : plain,
      fc.array(tie("value"), { maxLength: 20 }),
      fc.dictionary(key, tie("value"), { maxKeys: 20, noNullPrototype: true }),
    ),
  })).value
}
