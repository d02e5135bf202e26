import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { curveKeyPair, parseKey, parseKeyPair } from "../../src/curve/keys.ts"
import { decodeZ85, encodeZ85 } from "../../src/curve/z85.ts"
import { OptionError } from "../../src/errors.ts"
import { rawKeys } from "../support/raw-curve.ts"

const OCTETS = Buffer.from("bb88471d65e2659b30c55a5321cebb5aab2b70a398645c26dca2b2fcb43fc518", "hex")
const TEXT = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

/** What somebody may take for a key, and how the error may describe it. */
const WRONG: readonly (readonly [value: unknown, described: RegExp])[] = [
  ["", /0 characters/],
  [TEXT.slice(1), /39 characters/],
  [`${TEXT}0`, /41 characters/],
  [`${TEXT}00000`, /45 characters/],
  [`${TEXT.slice(0, 39)} `, /40 characters/],
  [`${TEXT.slice(0, 35)}#####`, /40 characters/],
  [OCTETS.toString("hex"), /64 characters/],
  [OCTETS.toString("base64"), /44 characters/],
  [Buffer.alloc(0), / 0 octets/],
  [OCTETS.subarray(1), /31 octets/],
  [Buffer.concat([OCTETS, Buffer.of(1)]), /33 octets/],
  [Buffer.from(TEXT), /40 octets/],
  [new ArrayBuffer(31), /31 octets/],
  [undefined, /type undefined/],
  [null, /type object/],
  [32, /type number/],
  [TEXT.length, /type number/],
  [32n, /type bigint/],
  [true, /type boolean/],
  [Symbol("key"), /type symbol/],
  [[...OCTETS], /type object/],
  [{ publicKey: TEXT }, /type object/],
  [() => TEXT, /type function/],
  [Object(TEXT), /type object/],
  [new SharedArrayBuffer(32), /type object/],
]

describe("a key", () => {
  it("CURVE-33: is 40 characters of Z85, or 32 octets in any memory", () => {
    const roomy = Buffer.concat([Buffer.alloc(5), OCTETS, Buffer.alloc(5)])
    const { buffer, byteOffset } = roomy
    const memory = new ArrayBuffer(32)
    new Uint8Array(memory).set(OCTETS)
    const accepted = [
      TEXT,
      OCTETS,
      new Uint8Array(OCTETS),
      new DataView(buffer, byteOffset + 5, 32),
      roomy.subarray(5, 37),
      memory,
    ]
    for (const each of accepted) expect(parseKey("key", each)).toEqual(OCTETS)
  })

  it("is copied: what happens to the octets later is nothing to it", () => {
    const octets = Buffer.from(OCTETS)
    const key = parseKey("key", octets)
    octets.fill(0)
    expect(key).toEqual(OCTETS)
  })

  it.each(WRONG)("CURVE-33: is not %s", (value, described) => {
    let told: unknown
    try {
      parseKey("curve: secretKey", value)
    } catch (error) {
      told = error
    }
    expect(told).toBeInstanceOf(OptionError)
    expect((told as Error).message).toMatch(/^curve: secretKey must be a key of 40 characters of Z85 or of 32 octets/)
    expect((told as Error).message).toMatch(described)
  })

  it("CURVE-39: is never repeated by an error, whatever is wrong with it", () => {
    const secret = rawKeys().secretKey
    const spoiled = [encodeZ85(secret).slice(1), `${encodeZ85(secret)}x`, secret.subarray(1), secret.toString("hex")]
    for (const value of [...spoiled, [secret], { secret }, secret.toString("base64")]) {
      let told = ""
      try {
        parseKey("curve: secretKey", value)
      } catch (error) {
        told = inspect(error, { depth: 10, showHidden: true })
      }
      expect(told).toContain("OptionError")
      for (let at = 0; at + 8 <= 39; at++) expect(told).not.toContain(encodeZ85(secret).slice(at, at + 8))
      expect(told).not.toContain(secret.toString("hex").slice(2, 20))
      expect(told).not.toContain(secret.toString("base64").slice(4, 20))
      expect(told).not.toContain([...secret.subarray(1, 5)].join(", "))
      expect(told).not.toContain((secret.toString("hex").match(/../g) as string[]).slice(1, 8).join(" "))
    }
  })
})

describe("a pair of keys", () => {
  it("is made of a public key and its secret", () => {
    for (let i = 0; i < 10; i++) {
      const { publicKey, secretKey } = rawKeys()
      expect(parseKeyPair("curve", publicKey, encodeZ85(secretKey))).toEqual({ publicKey, secretKey })
    }
    // Of RFC 26's neighbour, the manual of libzmq.
    const secret = "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"
    expect(encodeZ85(parseKeyPair("curve", TEXT, secret).publicKey)).toBe(TEXT)
  })

  it("is refused when the two do not belong to each other, and neither is shown", () => {
    const one = curveKeyPair()
    const other = curveKeyPair()
    for (const [publicKey, secretKey] of [
      [one.publicKey, other.secretKey],
      [one.secretKey, one.publicKey],
      [one.publicKey, one.publicKey],
      [one.secretKey, one.secretKey],
    ] as const) {
      const parse = (): unknown => parseKeyPair("curveServer", publicKey, secretKey)
      expect(parse).toThrow(OptionError)
      expect(parse).toThrow(/^curveServer: publicKey and secretKey must belong to each other, these do not$/)
    }
  })

  it("names the one that is no key", () => {
    const { publicKey, secretKey } = curveKeyPair()
    expect(() => parseKeyPair("curve", "", secretKey)).toThrow(/^curve: publicKey must be/)
    expect(() => parseKeyPair("curve", publicKey, "")).toThrow(/^curve: secretKey must be/)
  })
})

describe("curveKeyPair", () => {
  it("makes another pair in Z85 each time, as everybody else would compute it", () => {
    const pairs = Array.from({ length: 20 }, () => curveKeyPair())
    for (const { publicKey, secretKey } of pairs) {
      expect([publicKey.length, secretKey.length]).toEqual([40, 40])
      expect(encodeZ85(rawKeys(decodeZ85(secretKey)).publicKey)).toBe(publicKey)
    }
    expect(new Set(pairs.flatMap(({ publicKey, secretKey }) => [publicKey, secretKey])).size).toBe(40)
  })
})
