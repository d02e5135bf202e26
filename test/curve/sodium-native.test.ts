import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../src/curve/libsodium.ts"
import { loadSodiumNative } from "../../src/curve/sodium-native.ts"
import type { Boxes } from "../../src/zmtp/curve/primitives.ts"
import { boxesSuite } from "../suite/boxes.ts"
import { chance } from "../support/raw-curve.ts"

const native = (await loadSodiumNative()) as Boxes
const portable = await loadLibsodium()

boxesSuite(() => native)

describe("sodium-native", () => {
  it("is the same to the other library, whoever seals and whoever opens", () => {
    for (const size of [0, 1, 64, 1000, 65_536, 1_048_576]) {
      for (const [sealing, opening] of [
        [native, portable],
        [portable, native],
      ] as const) {
        const plain = chance(size)
        const octets = Buffer.concat([Buffer.alloc(16), plain])
        const [nonce, key] = [chance(24), chance(32)]
        sealing.seal(octets, 0, size, nonce, key)
        expect(opening.open(octets, 0, octets.length, nonce, key)).toBe(true)
        expect(octets.subarray(16).equals(plain)).toBe(true)
      }
    }
  })

  it("makes the same boxes in one step and in two, one size after the other", () => {
    // In two steps from 128 to 8192 octets; 480 is where the octets that are encrypted at once are full.
    const borders = [127, 128, 129, 479, 480, 481, 992, 993, 8191, 8192, 8193]
    const sizes = [...borders, ...borders.toReversed(), ...Array.from({ length: 700 }, (_, i) => (i * 37) % 1200)]
    const [nonce, key] = [chance(24), chance(32)]
    for (const size of sizes) {
      const octets = Buffer.concat([Buffer.alloc(7, 0xaa), chance(16 + size), Buffer.alloc(40, 0xaa)])
      const same = Buffer.from(octets)
      native.seal(octets, 7, size, nonce, key)
      portable.seal(same, 7, size, nonce, key)
      expect(octets.equals(same), `sealing ${size} octets`).toBe(true)
      expect(native.open(octets, 7, 16 + size, nonce, key)).toBe(true)
      portable.open(same, 7, 16 + size, nonce, key)
      expect(octets.subarray(7 + 16).equals(same.subarray(7 + 16)), `opening ${size} octets`).toBe(true)
    }
  })

  it("B15: refuses a box with any single bit flipped, by another key or nonce, and shows nothing of it", () => {
    const size = 300
    const [nonce, key] = [chance(24), chance(32)]
    const plain = chance(size)
    const box = Buffer.concat([Buffer.alloc(16), plain])
    native.seal(box, 0, size, nonce, key)
    const opened: number[] = []
    for (let bit = 0; bit < box.length * 8; bit++) {
      const forged = Buffer.from(box)
      forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7))
      const before = Buffer.from(forged)
      if (native.open(forged, 0, forged.length, nonce, key)) opened.push(bit)
      expect(forged.equals(before)).toBe(true)
    }
    expect(opened).toEqual([])
    expect(native.open(Buffer.from(box), 0, box.length, nonce, chance(32))).toBe(false)
    expect(native.open(Buffer.from(box), 0, box.length, chance(24), key)).toBe(false)
    expect(native.open(Buffer.from(box.subarray(0, -1)), 0, box.length - 1, nonce, key)).toBe(false)
    expect(native.open(box, 0, box.length, nonce, key)).toBe(true)
    expect(box.subarray(16).equals(plain)).toBe(true)
  })
})
