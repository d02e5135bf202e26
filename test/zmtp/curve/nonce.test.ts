import { describe, expect, it } from "vitest"
import { ProtocolError } from "../../../src/errors.ts"
import { NonceCounter, nonceFrom, nonceOf } from "../../../src/zmtp/curve/nonce.ts"

/** The next values of a counter, once as sent and once as in the nonce: they are to be the same. */
function values(counter: NonceCounter, count: number): string[] {
  return Array.from({ length: count }, () => {
    const nonce = nonceOf("CurveZMQMESSAGEC")
    const wire = Buffer.alloc(12, 0xaa)
    counter.next(nonce, wire, 3)
    expect(wire.subarray(3, 11)).toEqual(nonce.subarray(16))
    expect([wire[0], wire[1], wire[2], wire[11]]).toEqual([0xaa, 0xaa, 0xaa, 0xaa])
    expect(nonce.toString("latin1", 0, 16)).toBe("CurveZMQMESSAGEC")
    return nonce.readBigUInt64BE(16).toString(16)
  })
}

function accept(counter: NonceCounter, value: bigint): string {
  const octets = Buffer.alloc(8 + 2)
  octets.writeBigUInt64BE(value, 2)
  const nonce = nonceOf("CurveZMQMESSAGES")
  counter.accept(octets, 2, nonce)
  return nonce.toString("latin1", 0, 16) + nonce.readBigUInt64BE(16).toString(16)
}

describe("nonces", () => {
  it("have 24 octets, of which the first stand fast", () => {
    expect(nonceOf("CurveZMQHELLO---").toString("latin1")).toBe(`CurveZMQHELLO---${"\0".repeat(8)}`)
    const source = Buffer.from("..0123456789abcdef..")
    expect(nonceFrom("WELCOME-", source, 2, 16).toString("latin1")).toBe("WELCOME-0123456789abcdef")
  })
})

describe("a counter", () => {
  it("CURVE-16: begins with 1 and rises by one", () => {
    expect(values(new NonceCounter(), 4)).toEqual(["1", "2", "3", "4"])
  })

  it("CURVE-16: counts to more than 32 bits", () => {
    expect(values(new NonceCounter(0, 0xffff_fffd), 4)).toEqual(["fffffffe", "ffffffff", "100000000", "100000001"])
    expect(values(new NonceCounter(0x001f_ffff, 0xffff_fffe), 3)).toEqual([
      "1fffffffffffff",
      "20000000000000",
      "20000000000001",
    ])
  })

  it("CURVE-34: gives out the last value of 64 bits once, and nothing ever after it", () => {
    const counter = new NonceCounter(0xffff_ffff, 0xffff_fffd)
    expect(values(counter, 2)).toEqual(["fffffffffffffffe", "ffffffffffffffff"])
    for (let i = 0; i < 3; i++) {
      const nonce = nonceOf("CurveZMQMESSAGEC")
      const wire = Buffer.alloc(8)
      expect(() => counter.next(nonce, wire, 0)).toThrow(ProtocolError)
      expect(wire).toEqual(Buffer.alloc(8))
    }
  })

  it("CURVE-17, CURVE-18: accepts any value above the last one, and no other", () => {
    const counter = new NonceCounter()
    expect(() => accept(counter, 0n)).toThrow(ProtocolError)
    let last = 0n
    for (const value of [1n, 2n, 7n, 0xffff_ffffn, 0x1_0000_0000n, 0x1_0000_0001n, 1n << 53n, (1n << 63n) + 5n]) {
      expect(accept(counter, value)).toBe(`CurveZMQMESSAGES${value.toString(16)}`)
      for (const lower of [value, value - 1n, last, 0n]) expect(() => accept(counter, lower)).toThrow(ProtocolError)
      last = value
    }
    const end = (1n << 64n) - 1n
    accept(counter, end)
    expect(() => accept(counter, end)).toThrow(ProtocolError)
  })

  it("CURVE-17: what was refused does not count", () => {
    const counter = new NonceCounter()
    accept(counter, 1n << 40n)
    // Lower in the upper half, higher in the lower one.
    expect(() => accept(counter, (1n << 39n) + 0xffff_ffffn)).toThrow(ProtocolError)
    expect(accept(counter, (1n << 40n) + 1n)).toBe("CurveZMQMESSAGES10000000001")
  })
})
