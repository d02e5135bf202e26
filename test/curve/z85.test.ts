import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeZ85, encodeZ85 } from "../../src/curve/z85.ts"

/** The vector of RFC 32. */
const OCTETS = Buffer.of(0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b)
const TEXT = "HelloWorld"

/** Keys of RFC 32's own tests, as libzmq has them in its manual. */
const KEYS = [
  ["8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7", "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"],
  ["bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518", "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"],
] as const

describe("Z85", () => {
  it("CURVE-33: writes and reads the vector of RFC 32", () => {
    expect(encodeZ85(OCTETS)).toBe(TEXT)
    expect(decodeZ85(TEXT)).toEqual(OCTETS)
  })

  it.each(KEYS)("CURVE-33: writes and reads the key %s", (hex, text) => {
    expect(encodeZ85(Buffer.from(hex, "hex"))).toBe(text)
    expect(decodeZ85(text)?.toString("hex")).toBe(hex)
  })

  it("has its ends at the ends", () => {
    expect(encodeZ85(Buffer.alloc(4))).toBe("00000")
    expect(encodeZ85(Buffer.alloc(4, 0xff))).toBe("%nSc0")
    expect(decodeZ85("%nSc0")).toEqual(Buffer.alloc(4, 0xff))
    // One more does not fit into four octets.
    for (const text of ["%nSc1", "%nSd0", "#####", "%oSc0"]) expect(decodeZ85(text)).toBeUndefined()
    expect(encodeZ85(Buffer.alloc(0))).toBe("")
    expect(decodeZ85("")?.length).toBe(0)
  })

  it("reads nothing but whole groups of its own characters", () => {
    for (const text of ["0", "0000", "000000", `${TEXT}0`]) expect(decodeZ85(text)).toBeUndefined()
    for (const character of [" ", '"', "'", ",", ";", "\\", "_", "`", "|", "~", "\0", "\n", "é", "０", "\ud83d"]) {
      for (let at = 0; at < 5; at++) {
        expect(decodeZ85(`00000${"0".repeat(at)}${character}${"0".repeat(4 - at)}`)).toBeUndefined()
      }
    }
    // Two units of one character are two characters of none.
    expect(decodeZ85("000😀")).toBeUndefined()
  })

  it("writes no octets that are no multiple of four", () => {
    for (const size of [1, 2, 3, 5, 31, 33]) expect(() => encodeZ85(Buffer.alloc(size))).toThrow(RangeError)
  })

  it("reads what it wrote, and writes what it read", () => {
    const octets = fc.uint8Array({ maxLength: 16 }).map((list) => Buffer.from(list.subarray(0, list.length & ~3)))
    fc.assert(fc.property(octets, (given) => decodeZ85(encodeZ85(given))?.equals(given) === true))
    const text = fc.string({ minLength: 5, maxLength: 5 })
    fc.assert(
      fc.property(text, (given) => {
        const read = decodeZ85(given)
        return read === undefined || encodeZ85(read) === given
      }),
      { numRuns: 1000 },
    )
    expect.hasAssertions()
    expect(encodeZ85(decodeZ85(TEXT) as Buffer)).toBe(TEXT)
  })
})
