// The codec `text()`: strings as they are, or an error.

import { CodecError } from "brokerless"
import { text } from "brokerless/codec"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { octetsOf, there, thereAndBack } from "./values.ts"

const codec = text()

describe("text()", () => {
  it("gives back any string, as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 500 }), (said) => {
        expect(there(codec, said).equals(Buffer.from(said))).toBe(true)
        expect(thereAndBack(codec, said)).toBe(said)
      }),
    )
    for (const said of ["", "\ufffd", "\ufeffmarked", "\u0000"]) expect(thereAndBack(codec, said)).toBe(said)
  })

  it("replaces nothing: neither half a surrogate pair nor octets that are not UTF-8", () => {
    for (const said of ["\ud800", "a\udc00b"]) expect(() => codec.encode(said)).toThrow(/half of a surrogate pair/)
    for (const octets of ["ff", "c3", "61 c0 80", "ed a0 80", "f5 80 80 80"]) {
      expect(() => codec.decode(octetsOf(octets))).toThrow(CodecError)
      expect(() => codec.decode(octetsOf(octets))).toThrow(/not UTF-8/)
    }
  })

  it("encodes nothing but strings", () => {
    for (const value of [5, null, undefined, Buffer.from("octets"), new String("object")]) {
      expect(() => codec.encode(value as string)).toThrow(CodecError)
      expect(() => codec.encode(value as string)).toThrow(/must be a string, got/)
    }
  })
})
