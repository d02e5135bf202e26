// The codec `msgpack()`: values there and back, what MessagePack has no word for, and the memory of what is encoded.

import { type Codec, CodecError, OptionError } from "brokerless"
import { json, msgpack } from "brokerless/codec"
import fc from "fast-check"
import * as msgpackr from "msgpackr/pack"
import { describe, expect, it } from "vitest"
import { there, thereAndBack, values } from "./values.ts"

const { Packr } = msgpackr
const codec = msgpack()

describe("msgpack()", () => {
  it("gives back whatever was encoded", () => {
    fc.assert(
      fc.property(values({ binary: true }), (value) => {
        expect(thereAndBack(codec, value)).toEqual(value)
      }),
      { numRuns: 200 },
    )
  })

  it("is read by msgpackr as it comes, and reads what msgpackr packs without records", () => {
    const theirs = new Packr({ useRecords: false })
    fc.assert(
      fc.property(values({ binary: true }), (value) => {
        expect(theirs.unpack(there(codec, value))).toEqual(value)
        expect(codec.decode(Buffer.from(theirs.pack(value)))).toEqual(value)
      }),
    )
  })

  it("packs as the specification says", () => {
    const said: readonly (readonly [unknown, string])[] = [
      [null, "c0"],
      [false, "c2"],
      [127, "7f"],
      [-32, "e0"],
      [128, "cc80"],
      [1.5, "cb3ff8000000000000"],
      [5n, "d30000000000000005"],
      ["é", "a2c3a9"],
      [Buffer.from("x"), "c40178"],
      [[1, "a"], "9201a161"],
      [{ a: 1, b: null }, "82a16101a162c0"],
    ]
    for (const [value, octets] of said) expect(there(codec, value).toString("hex")).toBe(octets)
  })

  it("leaves out what is undefined in an object, and says null for it in an array", () => {
    expect(thereAndBack(codec, { a: undefined, b: [undefined, 1] })).toEqual({ b: [null, 1] })
  })

  it("makes plain values of objects of a class, and calls no constructor", () => {
    class Point {
      readonly x = 1
      get y(): number {
        return 2
      }
    }
    class Temperature {
      toJSON(): number {
        return 21
      }
    }
    const point = thereAndBack(codec, new Point()) as object
    expect(point).toEqual({ x: 1 })
    expect(Object.getPrototypeOf(point)).toBe(Object.prototype)
    expect(thereAndBack(codec, { now: new Temperature() })).toEqual({ now: 21 })
    expect(thereAndBack(codec, new Map<unknown, unknown>([[1, "one"]]))).toEqual({ 1: "one" })
    expect(thereAndBack(codec, new Set([1, 2]))).toEqual([1, 2])
  })

  it("keeps the byte order mark of a text of any length, in a key as well", () => {
    for (const length of [0, 1, 60, 61, 62, 300, 70_000]) {
      const text = `\ufeff${"x".repeat(length)}`
      const value = [text, { [text]: [text, 1], more: `\ufeff${text}` }, Buffer.from(text), "é"]
      expect(thereAndBack(codec, value)).toEqual(value)
    }
  })

  it("gives octets as a Buffer in memory of their own, whatever view they were", () => {
    for (const sent of [Buffer.from([1, 2, 3]), new Uint8Array([1, 2, 3]), new Uint8Array([1, 2, 3]).buffer]) {
      const frame = there(codec, { sent })
      const { sent: received } = codec.decode(frame) as { sent: Buffer }
      expect(Buffer.isBuffer(received)).toBe(true)
      expect([...received]).toEqual([1, 2, 3])
      frame.fill(0)
      expect([...received]).toEqual([1, 2, 3])
    }
  })

  it("gives integers of 64 bits as bigint, or as numbers where these are exact", () => {
    const numbers = msgpack({ int64: "number" })
    for (const [sent, number] of [
      ["cf0000019999999999", 0x19999999999],
      ["d3ffffffffffffffff", -1],
      ["cf0020000000000000", 2 ** 53],
    ] as const) {
      expect(codec.decode(Buffer.from(sent, "hex"))).toBe(BigInt(number))
      expect(numbers.decode(Buffer.from(sent, "hex"))).toBe(number)
    }
    expect(numbers.decode(Buffer.from("cfffffffffffffffff", "hex"))).toBe(2n ** 64n - 1n)
  })

  it.each([
    ["a Date", new Date(0), /extension type -1 is not accepted: dates are sent as/],
    ["a Date inside", { at: [new Date(1)] }, /extension type -1/],
    ["a function", { call() {} }, /no word for a function/],
    ["a symbol", [Symbol("s")], /symbol/],
    ["a bigint of more than 64 bits", 2n ** 64n, /needs more than 64 bits$/],
    ["undefined", undefined, /no word for undefined/],
    ["the key __proto__", JSON.parse('{"a":{"__proto__":1}}'), /"__proto__"/],
  ])("has no word for %s, and says so", (_what, value, message) => {
    expect(() => codec.encode(value)).toThrow(CodecError)
    expect(() => codec.encode(value)).toThrow(message)
    expect(thereAndBack(codec, "next")).toBe("next")
  })

  it("refuses what holds itself, and what throws when it is looked at", () => {
    const cycle: unknown[] = []
    cycle.push({ cycle })
    expect(() => codec.encode(cycle)).toThrow(/nested too deep, or holds itself/)
    const trap = {
      get inside(): never {
        throw new Error("look away")
      },
    }
    expect(() => codec.encode(trap)).toThrow(/look away/)
    expect(() => codec.encode(trap)).toThrow(CodecError)
    expect(thereAndBack(codec, [1])).toEqual([1])
  })

  it("encodes nothing that it would not decode: its limits hold both ways", () => {
    const small = msgpack({ maxDepth: 2, maxValues: 4, maxSize: 20 })
    expect(thereAndBack(small, [[1, 2]])).toEqual([[1, 2]])
    for (const [value, message] of [
      [[[[]]], /deeper than the limit of 2 \(maxDepth\)/],
      [[1, 2, 3, 4], /more values in a frame than the limit of 4 \(maxValues\)/],
      [{ a: 1, b: 2 }, /maxValues/],
      ["x".repeat(20), /A frame of 21 octets is over the limit of 20 \(maxSize\)/],
    ] as const) {
      expect(() => small.encode(value)).toThrow(message)
      expect(() => small.decode(there(codec, value))).toThrow(message)
    }
  })

  it("never writes again to what it has given away, small or large, between what fails and what does not", () => {
    const sizes = fc.array(fc.oneof(fc.nat(60), fc.nat(1500), fc.nat(20_000)), { maxLength: 200 })
    fc.assert(
      fc.property(sizes, (lengths) => {
        const frames = lengths.map((length, i) => there(codec, [i, "x".repeat(length), Buffer.alloc(3, i)]))
        const copies = frames.map((frame) => Buffer.from(frame))
        expect(() => codec.encode({ long: "y".repeat(30_000), bad: Symbol("s") })).toThrow(CodecError)
        // Others in the process may use msgpackr as well, and it keeps its buffers for all of them.
        new Packr().pack("z".repeat(5000))
        for (const length of lengths) codec.encode("w".repeat(length))
        frames.forEach((frame, i) => {
          expect(frame.equals(copies[i] as Buffer)).toBe(true)
          expect(codec.decode(frame)).toEqual([i, "x".repeat(lengths[i] as number), Buffer.alloc(3, i)])
        })
      }),
      { numRuns: 20 },
    )
  })

  it("lets a small frame hold on to little, also after a large one", async () => {
    for (const size of [3_000_000, 100_000]) {
      expect(there(codec, "x".repeat(size)).buffer.byteLength).toBe(size + 5)
      expect(there(codec, [1, 2, 3]).buffer.byteLength).toBeLessThanOrEqual(8192)
    }
    // And msgpackr is made to let go of the large buffer.
    await Promise.resolve()
    expect(new Packr().pack(1).buffer.byteLength).toBeLessThanOrEqual(8192)
  })

  it("encodes in the middle of encoding", () => {
    const inner: Buffer[] = []
    class Nested {
      toJSON(): unknown {
        inner.push(there(codec, { large: "b".repeat(300_000) }))
        return "done"
      }
    }
    const value = { before: "a".repeat(100), nested: new Nested(), after: [1, 2, 3] }
    const frame = there(codec, value)
    expect(codec.decode(frame)).toEqual({ ...value, nested: "done" })
    expect(codec.decode(inner[0] as Buffer)).toEqual({ large: "b".repeat(300_000) })
  })

  it("loads no native code, though msgpackr would", () => {
    expect(process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED).toBeUndefined()
    expect(msgpackr).toMatchObject({ isNativeAccelerationEnabled: false })
  })

  it.each([
    ["maxDepth", { maxDepth: 0 }, /a whole number of levels, 1 to 1000, got 0/],
    ["maxDepth", { maxDepth: 1001 }, /1 to 1000, got 1001/],
    ["maxSize", { maxSize: 1.5 }, /a whole number of octets, 1 to 4294967296, got 1.5/],
    ["maxValues", { maxValues: "5" }, /a whole number of values/],
    ["int64", { int64: "string" }, /"bigint" or "number", got "string"/],
    ["records", { records: true }, /no option "records"; it takes maxSize, maxDepth, maxValues, int64/],
    ["options", null, /must be an object, got null/],
  ])("checks its option %s at once", (option, options, message) => {
    const make = (): Codec<unknown> => msgpack(options as never)
    expect(make).toThrow(OptionError)
    expect(make).toThrow(message)
    expect(make).toThrow(expect.objectContaining({ option }))
    expect(() => json({ int64: "number" } as never)).toThrow(/json\(\) has no option "int64"/)
  })
})
