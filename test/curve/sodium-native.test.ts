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
})
