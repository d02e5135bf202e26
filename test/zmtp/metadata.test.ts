import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { OptionError, ProtocolError } from "../../src/errors.ts"
import { decodeMetadata, encodeMetadata } from "../../src/zmtp/metadata.ts"

const LIMITS = { maxProperties: 64, maxBytes: 8192 }

// What a libzmq DEALER named bob says of itself.
const DEALER = Buffer.from("0b536f636b65742d54797065000000064445414c4552084964656e7469747900000003626f62", "hex")

function property(name: string, value = "", announced = value.length): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32BE(announced)
  return Buffer.concat([Buffer.of(name.length), Buffer.from(name, "latin1"), size, Buffer.from(value)])
}

function decode(bytes: Buffer, limits: Partial<typeof LIMITS> = {}): Record<string, string> {
  const entries = [...decodeMetadata(bytes, { ...LIMITS, ...limits })]
  return Object.fromEntries(entries.map(([name, value]) => [name, value.toString("latin1")]))
}

describe("encodeMetadata", () => {
  it("ZMTP-51, ZMTP-53: writes what libzmq writes, octet for octet", () => {
    const bytes = encodeMetadata([
      ["Socket-Type", "DEALER"],
      ["Identity", Buffer.from("bob")],
    ])
    expect(bytes.toString("hex")).toBe(DEALER.toString("hex"))
  })

  it("ZMTP-51: writes sizes in four octets, the highest first", () => {
    const bytes = encodeMetadata([["X", Buffer.alloc(0x01_02_03)]])
    expect(bytes.subarray(0, 6).toString("hex")).toBe("015800010203")
  })

  it("ZMTP-51: takes empty values and strings of any script", () => {
    expect(encodeMetadata([["Identity", ""]]).toString("hex")).toBe("084964656e7469747900000000")
    expect(decode(encodeMetadata([["X-Name", "žlutý"]]))).toEqual({ "x-name": Buffer.from("žlutý").toString("latin1") })
  })

  it("writes nothing for no properties, and takes any iterable", () => {
    expect(encodeMetadata([])).toHaveLength(0)
    expect(encodeMetadata(new Map([["a", "b"]])).toString("hex")).toBe("01610000000162")
  })

  it("ZMTP-49: refuses names that RFC 37 does not allow", () => {
    for (const name of ["", "a b", "a:b", "ž", "a\n", "a".repeat(256)]) {
      expect(() => encodeMetadata([[name, ""]])).toThrow(OptionError)
    }
    expect(() => encodeMetadata([["a".repeat(255), ""]])).not.toThrow()
  })
})

describe("decodeMetadata", () => {
  it("reads what libzmq writes", () => {
    expect(decode(DEALER)).toEqual({ "socket-type": "DEALER", identity: "bob" })
    expect(decode(Buffer.alloc(0))).toEqual({})
  })

  it("ZMTP-50: folds the case of names, not of values", () => {
    expect(decode(property("SOCKET-type", "Dealer"))).toEqual({ "socket-type": "Dealer" })
  })

  it("ZMTP-49: takes names of 1 to 255 octets, with every character that is allowed", () => {
    const names = ["a", "Z", "0", "-", "_", ".", "+", "x".repeat(255)]
    expect(Object.keys(decode(Buffer.concat(names.map((name) => property(name)))))).toEqual(
      expect.arrayContaining(names.map((name) => name.toLowerCase())),
    )
  })

  it("ZMTP-49: refuses an empty name, and characters that are not allowed", () => {
    for (const name of ["", " ", "a b", "a\0", "a\n", ":", "/", "\x7f", "\xe9", "a$"]) {
      expect(() => decode(property(name))).toThrow(ProtocolError)
    }
  })

  it("ZMTP-61: leaves values untouched, whatever octets they hold", () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, octet) => octet))
    const properties = decodeMetadata(encodeMetadata([["X-All", every]]), LIMITS)
    expect(properties.get("x-all")?.equals(every)).toBe(true)
  })

  it("ZMTP-63: keeps the first of repeated properties, whatever their case", () => {
    expect(decode(Buffer.concat([property("a", "1"), property("A", "2"), property("a", "3")]))).toEqual({ a: "1" })
  })

  it("ZMTP-62: treats names of Object's own as ordinary keys", () => {
    const names = ["__proto__", "constructor", "toString"]
    const properties = decodeMetadata(Buffer.concat(names.map((name) => property(name, "x"))), LIMITS)
    expect([...properties.keys()]).toEqual(["__proto__", "constructor", "tostring"])
    expect(Object.getPrototypeOf(properties)).toBe(Map.prototype)
    expect(properties.get("__proto__")?.toString()).toBe("x")
  })

  it("ZMTP-52: refuses metadata cut at any position but between properties", () => {
    const whole = Buffer.concat([DEALER, property("X-Empty")])
    const between = [0, 22, 38, whole.length]
    for (let cut = 0; cut <= whole.length; cut++) {
      if (between.includes(cut)) expect(() => decode(whole.subarray(0, cut))).not.toThrow()
      else expect(() => decode(whole.subarray(0, cut))).toThrow(ProtocolError)
    }
  })

  it("ZMTP-51, LIMIT-4: refuses sizes that lie, without taking memory for them", () => {
    for (const size of [2, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(() => decode(property("a", "x", size))).toThrow(ProtocolError)
    }
    expect(() => decode(property("a", "x", 0x80000000))).toThrow("announces a value of 2147483648 octets")
  })

  it("LIMIT-8: refuses more properties, or more octets, than the limits allow", () => {
    const three = Buffer.concat([property("a"), property("a"), property("b")])
    expect(decode(three, { maxProperties: 3 })).toEqual({ a: "", b: "" })
    expect(() => decode(three, { maxProperties: 2 })).toThrow(ProtocolError)
    expect(decode(three, { maxBytes: three.length })).toEqual({ a: "", b: "" })
    expect(() => decode(three, { maxBytes: three.length - 1 })).toThrow(ProtocolError)
  })

  it("LIMIT-13: holds values in memory of their own, not in the chunk they came in", () => {
    const chunk = Buffer.concat([Buffer.alloc(100_000), DEALER])
    const properties = decodeMetadata(chunk.subarray(100_000), LIMITS)
    chunk.fill(0)
    expect(properties.get("identity")?.toString()).toBe("bob")
    expect(properties.get("identity")?.buffer.byteLength).toBeLessThanOrEqual(DEALER.length)
  })

  it("ZMTP-51: reads back whatever was written", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9_.+-]{1,40}$/)
    const value = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 20 }), (properties) => {
        const expected = new Map<string, string>()
        for (const [key, octets] of properties) {
          if (!expected.has(key.toLowerCase())) expected.set(key.toLowerCase(), octets.toString("hex"))
        }
        const decoded = decodeMetadata(encodeMetadata(properties), LIMITS)
        expect(new Map([...decoded].map(([key, octets]) => [key, octets.toString("hex")]))).toEqual(expected)
      }),
    )
  })

  it("LIMIT-12: answers any octets with properties or a ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        try {
          expect(decodeMetadata(Buffer.from(octets), LIMITS)).toBeInstanceOf(Map)
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
    )
  })
})
