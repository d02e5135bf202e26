// What peers may send to the codecs on purpose (T18): each payload is refused at once, by an error of the library's own,
// without memory for what it announces, and the next one is read as if nothing had been.

import { CodecError } from "brokerless"
import { json, msgpack } from "brokerless/codec"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { allocated } from "../support/allocations.ts"
import { octetsOf, there, thereAndBack } from "./values.ts"

const codec = msgpack()
const PROTO = Buffer.from("__proto__").toString("hex")

/** How often `octets`, then `end`. */
function repeated(octets: string, times: number, end = ""): Buffer {
  return Buffer.concat([...Array.from({ length: times }, () => octetsOf(octets)), octetsOf(end)])
}

describe("T18: msgpack() refuses", () => {
  it.each([
    ["nothing at all", octetsOf(""), /ends in the middle/],
    ["an array of 2³² - 1 that are not there", octetsOf("dd ffffffff"), /more values in a frame than/],
    ["an array of a million that are not there", octetsOf("dd 000f0000"), /ends in the middle/],
    ["a map of 2³² - 1", octetsOf("df ffffffff 01 01"), /more values/],
    ["a map of 65 535 that are not there", octetsOf("de ffff a1 61"), /ends in the middle/],
    ["binary of 4 GiB", octetsOf("c6 ffffffff 00"), /ends in the middle/],
    ["text of 4 GiB", octetsOf("db ffffffff 61"), /ends in the middle/],
    ["an extension of 4 GiB", octetsOf("c9 ffffffff"), /ends in the middle/],
    ["a length that is cut off", octetsOf("db ffff"), /ends in the middle/],
    ["a number that is cut off", octetsOf("cb 3ff0"), /ends in the middle/],
    ["a short text that is cut off", octetsOf("a3 6161"), /ends in the middle/],
    ["an entry without its value", octetsOf("81 a161"), /ends in the middle/],
    ["two values", octetsOf("01 02"), /come 1 octets more/],
    ["octets behind the value", octetsOf("93 01 02 03 0000"), /come 2 octets more/],
    ["100 000 arrays in each other", repeated("91", 100_000, "c0"), /deeper than the limit of 100/],
    ["100 000 arrays in each other that end there", repeated("91", 100_000), /deeper than the limit of 100/],
    ["100 000 maps in each other", repeated("81 a0", 100_000, "c0"), /deeper than the limit of 100/],
    ["100 000 long arrays in each other", repeated("dc ffff", 100_000), /ends in the middle|more values|deeper/],
    ["three million empty maps", octetsOf(`dd 002dc6c0 ${"80".repeat(3_000_000)}`), /more values/],
    ["the octet that means nothing", octetsOf("92 01 c1"), /0xC1/],
    ["the key __proto__", octetsOf(`81 a9${PROTO} 80`), /"__proto__"/],
    ["the key __proto__ of a longer kind", octetsOf(`81 d909${PROTO} 80`), /"__proto__"/],
    ["the key __proto__ of a still longer kind", octetsOf(`81 da0009${PROTO} 80`), /"__proto__"/],
    ["the key __proto__ of the longest kind", octetsOf(`81 db00000009${PROTO} 80`), /"__proto__"/],
    ["the key __proto__, second and deep inside", octetsOf(`91 82 a161 90 a9${PROTO} 80`), /"__proto__"/],
    ["a map for a key", octetsOf("81 80 01"), /key|property/i],
    ["binary for a key", octetsOf("81 c40161 01"), /key|property/i],
    ["a definition of a record", octetsOf("d4 72 40 91 a161 01"), /extension type 114/],
    ["a definition of a record with two octets", octetsOf("d5 72 6000 91 a161 01"), /extension type 114/],
    ["a reference to a value", octetsOf("d6 69 00000001 91 d6 70 00000001"), /extension type 105/],
    ["a bundle of strings", octetsOf("d6 62 00000005 c1 01 a161 a162"), /extension type 98/],
    ["a date", octetsOf("d6 ff 00000000"), /extension type -1/],
    ["a date of 64 bits", octetsOf("d7 ff 0000000000000000"), /extension type -1/],
    ["a date of 96 bits", octetsOf(`c7 0c ff ${"00".repeat(12)}`), /extension type -1/],
    ["a regular expression", octetsOf("d4 78 00 92 a1 28 a0"), /extension type 120/],
    ["an error", octetsOf("d4 65 00 93 a9547970654572726f72 a0 c0"), /extension type 101/],
    ["a set", octetsOf("d4 73 00 91 01"), /extension type 115/],
    ["a typed array", octetsOf("c7 03 74 01 0000"), /extension type 116/],
    ["a huge bigint", octetsOf("c8 ffff 42 00"), /extension type 66/],
    ["undefined", octetsOf("d4 00 00"), /extension type 0/],
    ["an extension deep inside", octetsOf("81 a161 92 01 d4 05 00"), /extension type 5/],
  ])("%s", (_what, octets, message) => {
    let thrown: unknown
    const memory = allocated(() => {
      try {
        codec.decode(octets)
      } catch (error) {
        thrown = error
      }
    })
    expect(thrown).toBeInstanceOf(CodecError)
    expect((thrown as CodecError).message).toMatch(message)
    expect((thrown as CodecError).message.length).toBeLessThan(300)
    expect(memory).toBeLessThan(64 * 1024)
    expect(thereAndBack(codec, { after: [1] })).toEqual({ after: [1] })
  })

  it("whatever is cut off, and whatever has more behind it, of any value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.nat(), (value, where) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__":'))
        const whole = there(codec, [value])
        expect(() => codec.decode(whole.subarray(0, where % whole.length))).toThrow(CodecError)
        expect(() => codec.decode(Buffer.concat([whole, whole]))).toThrow(/octets more/)
      }),
    )
  })

  it("or decodes whatever octets there are, and throws nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        let outcome: unknown
        try {
          outcome = there(codec, codec.decode(Buffer.from(octets)))
        } catch (error) {
          outcome = error
        }
        expect(outcome instanceof CodecError || Buffer.isBuffer(outcome)).toBe(true)
      }),
      { numRuns: 2000 },
    )
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain("polluted")
  })

  it("nothing that has other names of Object.prototype: these are keys like others", () => {
    const names = ["constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "__defineGetter__"]
    const value = Object.fromEntries(names.map((name) => [name, { polluted: true }]))
    const received = codec.decode(there(codec, value)) as Record<string, unknown>
    expect(Object.keys(received)).toEqual(names)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    expect(Object.getPrototypeOf(received)).toBe(Object.prototype)
  })

  it("nothing that stands within its limits, to the last one", () => {
    const deep = octetsOf(`${"91".repeat(99)}90`)
    expect(JSON.stringify(codec.decode(deep))).toBe("[".repeat(100) + "]".repeat(100))
    const many = Buffer.concat([octetsOf("dd 000f423f"), Buffer.alloc(999_999, 0xc0)])
    expect(codec.decode(many)).toHaveLength(999_999)
    expect(() => codec.decode(Buffer.concat([octetsOf("dd 000f4240"), Buffer.alloc(1_000_000, 0xc0)]))).toThrow(
      /maxValues/,
    )
    const deepest = msgpack({ maxDepth: 1000 })
    expect(deepest.decode(octetsOf(`${"91".repeat(999)}90`))).toHaveLength(1)
  })
})

describe("T18: json() refuses", () => {
  const text = json()

  it.each([
    ["nothing at all", "", /not JSON/],
    ["what is no JSON", "{a:1}", /not JSON/],
    ["JSON that is cut off", '{"a":[1,2', /not JSON/],
    ["two values", "1 2", /not JSON/],
    ["a mark of byte order", "\ufeff1", /not JSON/],
    ["100 000 arrays in each other", "[".repeat(100_000) + "]".repeat(100_000), /deeper than the limit of 100/],
    ["100 000 objects in each other", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`, /deeper than the limit/],
    ["arrays that never end", "[".repeat(100_000), /deeper than the limit of 100/],
    ["a million empty objects", `[${Array(1_000_000).fill("{}").join()}]`, /more values in a frame than/],
    ["the key __proto__", '{"__proto__":{"polluted":true}}', /"__proto__"/],
    ["the key __proto__ with space behind it", '[{"a":{"__proto__" : 1}}]', /"__proto__"/],
    ["the key __proto__ that is written differently", '{"a":[{"_\\u005fproto__":1}]}', /"__proto__"/],
    ["a string that never ends", `"${"a".repeat(1000)}\\"`, /not JSON/],
  ])("%s", (_what, said, message) => {
    expect(() => text.decode(Buffer.from(said))).toThrow(CodecError)
    expect(() => text.decode(Buffer.from(said))).toThrow(message)
  })

  it("what is not UTF-8", () => {
    expect(() => text.decode(octetsOf("22 ff 22"))).toThrow(/not UTF-8/)
    expect(text.decode(Buffer.from('"\ufffd"'))).toBe("\ufffd")
  })

  it("what is larger than its limit", () => {
    const small = json({ maxSize: 300 })
    expect(() => small.decode(Buffer.alloc(301, 0x31))).toThrow(/301 octets is over the limit of 300/)
    expect(() => small.encode("x".repeat(299))).toThrow(/301 octets/)
    expect(thereAndBack(small, "x".repeat(298))).toHaveLength(298)
  })

  it("nothing that is only text: brackets, commas, quotes and the name of a prototype in strings", () => {
    const value = ["[{".repeat(200), ",:".repeat(700_000), 'a"b\\', "__proto__", { a: "__proto__" }, "\u0000\ud800"]
    expect(thereAndBack(text, value)).toEqual(value)
    const tight = json({ maxDepth: 2, maxValues: 8 })
    expect(thereAndBack(tight, value.slice(0, 5))).toEqual(value.slice(0, 5))
    expect(() => tight.encode([...value, 1])).toThrow(/maxValues/)
  })

  it("as many values as msgpack() does: both count alike", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 1, max: 60 }), fc.boolean(), (value, most, wide) => {
        fc.pre(!JSON.stringify(value).includes('"__proto__":'))
        const said = Buffer.from(wide ? JSON.stringify(value, null, 2) : JSON.stringify(value))
        const limits = { maxValues: most, maxDepth: 3 }
        const verdict = (decode: () => unknown): string => {
          try {
            decode()
            return "accepted"
          } catch (error) {
            return (error as Error).message
          }
        }
        const one = verdict(() => json(limits).decode(said))
        const other = verdict(() => msgpack(limits).decode(there(codec, value)))
        // Where both limits are passed, either may be told of.
        expect([one === "accepted", one === other || /maxDepth/.test(one + other)]).toEqual([
          other === "accepted",
          true,
        ])
      }),
      { numRuns: 500 },
    )
  })
})
