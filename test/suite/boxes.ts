// What every library behind CURVE must do with boxes, as another implementation does them.

import { describe, expect, it } from "vitest"
import type { Bytes } from "../../src/bytes.ts"
import { type Boxes, KEY, NONCE, TAG } from "../../src/zmtp/curve/primitives.ts"
import { chance, opensSecretBox, secretBox } from "../support/raw-curve.ts"

/** Around the blocks of the cipher, around what is kept at hand for boxes, and far beyond. */
const SIZES = [
  0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 4095, 4096, 65_519, 65_520, 65_535, 65_536, 65_537,
  65_583, 65_584, 65_585, 65_599, 65_600, 65_601, 131_072, 1_048_575, 1_048_576, 1_048_577,
]

const OFFSETS = [0, 1, 3, 8, 17, 4099]

export function boxesSuite(make: () => Boxes): void {
  const boxes = make()
  const key = chance(KEY) as Bytes
  const nonce = chance(NONCE) as Bytes

  /** Memory with a plain text of this size in its place, and something else around it. */
  function memory(plain: Buffer, at: number): Buffer {
    const octets = Buffer.alloc(at + TAG + plain.length + 9, 0xaa)
    plain.copy(octets, at + TAG)
    return octets
  }

  function untouched(octets: Buffer, at: number, size: number): boolean {
    const around = Buffer.concat([octets.subarray(0, at), octets.subarray(at + TAG + size)])
    return around.equals(Buffer.alloc(around.length, 0xaa))
  }

  describe("boxes", () => {
    it.each(SIZES)("CURVE-35: of %i octets are those that others make, at any offset", (size) => {
      const plain = chance(size)
      const expected = secretBox(plain, nonce, key)
      for (const at of OFFSETS) {
        const octets = memory(plain, at)
        boxes.seal(octets, at, size, nonce, key)
        expect(octets.subarray(at, at + TAG + size).equals(expected)).toBe(true)
        expect(untouched(octets, at, size)).toBe(true)
      }
    })

    it.each(SIZES)("of %i octets that others made are opened in place, at any offset", (size) => {
      const plain = chance(size)
      const sealed = secretBox(plain, nonce, key)
      for (const at of OFFSETS) {
        const octets = memory(plain, at)
        sealed.copy(octets, at)
        expect(boxes.open(octets, at, sealed.length, nonce, key)).toBe(true)
        expect(octets.subarray(at + TAG, at + TAG + size).equals(plain)).toBe(true)
        expect(untouched(octets, at, size)).toBe(true)
      }
    })

    it("in a part of a larger memory stand where the part is", () => {
      const plain = chance(100)
      const whole = Buffer.alloc(4096, 0xaa)
      const part = whole.subarray(1001, 1001 + 200)
      plain.copy(part, 7 + TAG)
      boxes.seal(part, 7, 100, nonce, key)
      expect(untouched(whole, 1008, 100)).toBe(true)
      expect(opensSecretBox(whole.subarray(1008, 1008 + TAG + 100), nonce, key)).toEqual(plain)
      expect(boxes.open(part, 7, TAG + 100, nonce, key)).toBe(true)
      expect(whole.subarray(1008 + TAG, 1008 + TAG + 100)).toEqual(plain)
    })

    it("CURVE-19: do not open with a bit flipped, wherever, nor with another key or nonce", () => {
      const sealed = secretBox(chance(40), nonce, key)
      const opened: number[] = []
      for (let bit = 0; bit < sealed.length * 8; bit++) {
        const flipped = Buffer.from(sealed)
        flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
        if (boxes.open(flipped, 0, flipped.length, nonce, key)) opened.push(bit)
      }
      expect(opened).toEqual([])
      expect(boxes.open(Buffer.from(sealed), 0, sealed.length, chance(NONCE), key)).toBe(false)
      expect(boxes.open(Buffer.from(sealed), 0, sealed.length, nonce, chance(KEY))).toBe(false)
      expect(boxes.open(Buffer.from(sealed), 0, sealed.length - 1, nonce, key)).toBe(false)
      expect(boxes.open(Buffer.from(sealed), 0, sealed.length, nonce, key)).toBe(true)
    })

    it.each([TAG, 100, 70_000, 1_048_576])("CURVE-19: of %i octets give nothing away that do not open", (size) => {
      const plain = chance(size - TAG)
      const spoiled = secretBox(plain, nonce, key)
      spoiled[0] = (spoiled[0] as number) ^ 1
      const octets = Buffer.from(spoiled)
      expect(boxes.open(octets, 0, size, nonce, key)).toBe(false)
      expect(size > 40 && octets.includes(plain.subarray(0, 20))).toBe(false)
    })

    it("CURVE-14: that have no room for their tag do not open", () => {
      for (let size = 0; size < TAG; size++) {
        const octets = Buffer.alloc(64, 0xaa)
        let opened = false
        try {
          opened = boxes.open(octets, 0, size, nonce, key)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
        expect(opened).toBe(false)
      }
    })

    it("CURVE-35: are those of the published vector", () => {
      const agreed = Buffer.from("ec88f6e13b22bf9f04d480e0d8525c08ac7e2f48e212742bcbcafa104a74b08d", "hex")
      const hello = Buffer.alloc(TAG + 64)
      boxes.seal(hello, 0, 64, Buffer.from("CurveZMQHELLO---\0\0\0\0\0\0\0\x01"), agreed)
      expect(hello.toString("hex")).toBe(
        "12826ef9316cbf19f1a011a58edbb7c54e6456cf81cd28fbf49365cd4055ca1671d321df4325689aab38109005535e57" +
          "943f90769e3c4733514a0644f0bee5827091af0142c6cbc296cf9c187eebfd8e",
      )
      const message = Buffer.concat([Buffer.alloc(TAG), Buffer.from("\x01hi")])
      boxes.seal(message, 0, 3, Buffer.from("CurveZMQMESSAGEC\0\0\0\0\0\0\0\x03"), agreed)
      expect(message.toString("hex")).toBe("aec7382038a395323c4d83f51270161923273d")
    })

    it("large and small ones follow each other and leave nothing behind", () => {
      for (const size of [1_048_576, 3, 70_000, 65_584, 0, 2_000_003, 64]) {
        const plain = chance(size)
        const octets = memory(plain, 5)
        boxes.seal(octets, 5, size, nonce, key)
        expect(size > 16 && octets.includes(plain.subarray(0, 16))).toBe(false)
        expect(boxes.open(octets, 5, TAG + size, nonce, key)).toBe(true)
        expect(octets.equals(memory(plain, 5).fill(octets.subarray(5, 5 + TAG), 5, 5 + TAG))).toBe(true)
      }
    })
  })
}
