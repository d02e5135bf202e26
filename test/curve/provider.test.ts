import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import type { Boxes, Primitives } from "../../src/zmtp/curve/primitives.ts"
import { opensSecretBox } from "../support/raw-curve.ts"

type Provider = typeof import("../../src/curve/provider.ts")

const NATIVE = "../../src/curve/sodium-native.ts"

/** The module, as in a process that has not used it; `native` is what stands for sodium-native. */
async function fresh(native?: () => Promise<Boxes | undefined>): Promise<Provider> {
  vi.resetModules()
  if (native !== undefined) vi.doMock(NATIVE, () => ({ loadSodiumNative: native }))
  return import("../../src/curve/provider.ts")
}

/** Seals and opens something, and says whether another implementation agrees. */
function works(primitives: Primitives): boolean {
  const { secretKey, publicKey } = primitives.keyPair()
  const key = primitives.agree(secretKey, publicKey) as Buffer
  const octets = Buffer.alloc(16 + 8, "x")
  primitives.seal(octets, 0, 8, Buffer.alloc(24), key)
  return (
    opensSecretBox(octets, Buffer.alloc(24), key)?.toString() === "xxxxxxxx" &&
    primitives.open(octets, 0, octets.length, Buffer.alloc(24), key)
  )
}

describe("the library behind CURVE", () => {
  beforeEach(() => vi.resetModules())
  afterEach(() => vi.doUnmock(NATIVE))

  it("is loaded once, for everybody", async () => {
    const { loadProvider, provider } = await fresh()
    expect(() => provider()).toThrow(/still being loaded/)
    const [one, other] = await Promise.all([loadProvider(), loadProvider()])
    expect(one).toBe(other)
    expect(provider()).toBe(one)
  })

  it("is sodium-native for boxes where that is installed", async () => {
    const { loadProvider } = await fresh()
    const { name, primitives } = await loadProvider()
    expect(name).toBe("sodium-native")
    expect(works(primitives)).toBe(true)
  })

  it("uses sodium-native for boxes alone, and for those of all sizes", async () => {
    const { loadSodiumNative } = await import("../../src/curve/sodium-native.ts")
    const real = (await loadSodiumNative()) as Boxes
    const calls: string[] = []
    const { loadProvider } = await fresh(async () => ({
      seal(memory, at, length, nonce, key) {
        calls.push(`seal ${length}`)
        real.seal(memory, at, length, nonce, key)
      },
      open(memory, at, length, nonce, key) {
        calls.push(`open ${length}`)
        return real.open(memory, at, length, nonce, key)
      },
    }))
    const { name, primitives } = await loadProvider()
    expect(name).toBe("sodium-native")
    calls.length = 0
    expect(works(primitives)).toBe(true)
    expect(calls).toEqual(["seal 8", "open 24"])
  })

  it("is what comes along where sodium-native is not", async () => {
    const { loadProvider } = await fresh(async () => undefined)
    const { name, primitives } = await loadProvider()
    expect(name).toBe("libsodium (WebAssembly)")
    expect(works(primitives)).toBe(true)
  })

  it("is what comes along where sodium-native makes other boxes", async () => {
    for (const wrong of [() => {}, (memory: Buffer) => memory.fill(0)] as const) {
      const { loadProvider } = await fresh(async () => ({ seal: wrong, open: () => true }))
      const { name, primitives } = await loadProvider()
      expect(name).toBe("libsodium (WebAssembly)")
      expect(works(primitives)).toBe(true)
    }
  })

  it("CURVE-19: is what comes along where sodium-native throws, or opens what was forged, or opens nothing", async () => {
    const { loadSodiumNative } = await import("../../src/curve/sodium-native.ts")
    const real = (await loadSodiumNative()) as Boxes
    const fails = (): never => {
      throw new Error("another version")
    }
    const wrong: Boxes[] = [
      { seal: fails, open: fails },
      { seal: real.seal.bind(real), open: fails },
      { seal: real.seal.bind(real), open: () => true },
      { seal: real.seal.bind(real), open: () => false },
      {
        seal: real.seal.bind(real),
        open: (...given) => {
          real.open(...given)
          return true
        },
      },
      // Right but for one size.
      {
        seal(memory, at, length, nonce, key) {
          real.seal(memory, at, length, nonce, key)
          if (length > 500 && length < 5000) memory[at] = (memory[at] as number) ^ 1
        },
        open: real.open.bind(real),
      },
      {
        seal: real.seal.bind(real),
        open: (...given) => real.open(...given) || given[2] > 5000,
      },
    ]
    for (const boxes of wrong) {
      const { loadProvider } = await fresh(async () => boxes)
      const { name, primitives } = await loadProvider()
      expect(name).toBe("libsodium (WebAssembly)")
      expect(works(primitives)).toBe(true)
    }
  })
})

describe("sodium-native", () => {
  afterEach(() => vi.doUnmock("sodium-native"))

  it("is left alone where it cannot be loaded, or is something else", async () => {
    for (const broken of [
      () => {
        throw new Error("No native build was found")
      },
      () => ({ default: {} }),
      () => ({ default: { crypto_secretbox_easy: "not a function" } }),
    ]) {
      vi.resetModules()
      vi.doMock("sodium-native", broken)
      const { loadSodiumNative } = await import("../../src/curve/sodium-native.ts")
      expect(await loadSodiumNative()).toBeUndefined()
    }
  })
})
