// The codec `json()`: values there and back, and what JSON has no word for.

import { CodecError } from "brokerless"
import { json } from "brokerless/codec"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { there, thereAndBack, values } from "./values.ts"

const codec = json()

describe("json()", () => {
  it("gives back whatever was encoded", () => {
    fc.assert(
      fc.property(values({ binary: false }), (value) => {
        expect(thereAndBack(codec, value)).toEqual(value)
      }),
      { numRuns: 200 },
    )
  })

  it("says what JSON.stringify says, and believes what JSON.parse does", () => {
    const value = { at: new Date(0), none: undefined, list: [undefined, Number.NaN], name: "é" }
    expect(there(codec, value).toString()).toBe(JSON.stringify(value))
    expect(codec.decode(Buffer.from(' {"a": [1, 2.5e3] }\n'))).toEqual({ a: [1, 2500] })
  })

  it.each([
    ["undefined", undefined, /no word for undefined/],
    ["a function", () => 1, /no word for a function/],
    ["a bigint", { id: 1n }, /BigInt/],
    ["the key __proto__", JSON.parse('[{"__proto__":1}]'), /"__proto__"/],
  ])("has no word for %s, and says so", (_what, value, message) => {
    expect(() => codec.encode(value)).toThrow(CodecError)
    expect(() => codec.encode(value)).toThrow(message)
  })

  it("refuses what holds itself", () => {
    const cycle: unknown[] = []
    cycle.push(cycle)
    expect(() => codec.encode(cycle)).toThrow(CodecError)
  })
})
