import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../src/curve/libsodium.ts"
import { boxesSuite } from "../suite/boxes.ts"
import { box, LOW_ORDER, rawKeys, rawNonce } from "../support/raw-curve.ts"

const primitives = await loadLibsodium()

boxesSuite(() => primitives)

/** 1, 2, 3… from `first` on. */
function rising(first: number): Buffer {
  return Buffer.from(Array.from({ length: 32 }, (_, i) => first + i))
}

describe("keys", () => {
  it("come in pairs, another one each time, as everybody else computes them", () => {
    const pairs = Array.from({ length: 20 }, () => primitives.keyPair())
    for (const { publicKey, secretKey } of pairs) {
      expect([publicKey.length, secretKey.length]).toEqual([32, 32])
      expect(rawKeys(secretKey).publicKey).toEqual(publicKey)
    }
    expect(new Set(pairs.map(({ secretKey }) => secretKey.toString("hex"))).size).toBe(20)
    // They are memory of their own, that can be overwritten without harm to anything else.
    const buffers = pairs.flatMap(({ publicKey, secretKey }) => [publicKey.buffer, secretKey.buffer])
    expect(new Set(buffers).size).toBe(40)
  })

  it("CURVE-35: are agreed on as the published vector has it, from both sides", () => {
    const client = rawKeys(rising(1))
    const server = rawKeys(rising(0x21))
    expect(client.publicKey.toString("hex")).toBe("07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c")
    expect(server.publicKey.toString("hex")).toBe("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b")
    const agreed = "ec88f6e13b22bf9f04d480e0d8525c08ac7e2f48e212742bcbcafa104a74b08d"
    expect(primitives.agree(client.secretKey, server.publicKey)?.toString("hex")).toBe(agreed)
    expect(primitives.agree(server.secretKey, client.publicKey)?.toString("hex")).toBe(agreed)
  })

  it("are agreed on as everybody else does, and boxes by them are the boxes of others", () => {
    for (let i = 0; i < 20; i++) {
      const ours = primitives.keyPair()
      const theirs = rawKeys()
      const key = primitives.agree(ours.secretKey, theirs.publicKey) as Buffer
      const sealed = box(
        Buffer.from("from the other side"),
        rawNonce("WELCOME-", Buffer.alloc(16, i)),
        ours.publicKey,
        theirs.secretKey,
      )
      expect(primitives.open(sealed, 0, sealed.length, rawNonce("WELCOME-", Buffer.alloc(16, i)), key)).toBe(true)
      expect(sealed.toString("latin1", 16)).toBe("from the other side")
    }
  })

  it.each(LOW_ORDER.map((point) => [point.toString("hex"), point] as const))(
    "CURVE-32: cannot be agreed on with %s",
    (_, point) => {
      for (const { secretKey } of [rawKeys(), rawKeys(), { secretKey: Buffer.alloc(32, 0xff) }]) {
        expect(primitives.agree(secretKey, point)).toBeUndefined()
      }
      // Nothing of that is left over.
      const [one, other] = [rawKeys(), rawKeys()]
      const key = primitives.agree(one.secretKey, other.publicKey)
      expect(key).toBeDefined()
      expect(key).toEqual(primitives.agree(other.secretKey, one.publicKey))
    },
  )

  it("are left as they were given", () => {
    const one = rawKeys()
    const other = rawKeys()
    const before = [one.secretKey, other.publicKey].map((each) => Buffer.from(each))
    primitives.agree(one.secretKey, other.publicKey)
    expect([one.secretKey, other.publicKey]).toEqual(before)
  })
})

describe("chance", () => {
  it("fills all of what it is given and nothing else", () => {
    const seen = Array.from({ length: 200 }, () => Buffer.alloc(16))
    for (const each of seen) primitives.randomize(each)
    expect(new Set(seen.map((each) => each.toString("hex"))).size).toBe(200)
    for (let at = 0; at < 16; at++) expect(new Set(seen.map((each) => each[at])).size).toBeGreaterThan(50)
    const memory = Buffer.alloc(48)
    primitives.randomize(memory.subarray(16, 32))
    expect(memory.subarray(0, 16)).toEqual(Buffer.alloc(16))
    expect(memory.subarray(32)).toEqual(Buffer.alloc(16))
  })
})

describe("what is secret", () => {
  it("CURVE-39: does not stay in the memory of the library", async () => {
    const memories: ArrayBuffer[] = []
    const { Memory } = Reflect.get(globalThis, "WebAssembly") as { Memory: { prototype: object } }
    const grow = Object.getOwnPropertyDescriptor(Memory.prototype, "buffer") as PropertyDescriptor
    // The library makes or exports one memory; whoever asks for its octets shows it to us.
    Object.defineProperty(Memory.prototype, "buffer", {
      ...grow,
      get(this: object) {
        const buffer = (grow.get as () => ArrayBuffer).call(this)
        if (!memories.includes(buffer)) memories.push(buffer)
        return buffer
      },
    })
    try {
      const watched = await loadLibsodium()
      expect(memories.length).toBeGreaterThan(0)
      const inMemory = (secret: Buffer): boolean =>
        memories.some((memory) => memory.byteLength > 0 && Buffer.from(memory).includes(secret))
      // It would be found.
      const plain = Buffer.alloc(16 + 64, "a plain text that stays until it is overwritten")
      const key = rawKeys().secretKey
      watched.seal(plain, 0, 64, Buffer.alloc(24), key)
      expect(inMemory(plain)).toBe(true)

      expect(inMemory(key)).toBe(false)
      const pair = watched.keyPair()
      expect(inMemory(pair.secretKey)).toBe(false)
      const other = rawKeys()
      const agreed = watched.agree(pair.secretKey, other.publicKey) as Buffer
      expect(inMemory(agreed)).toBe(false)
      expect(inMemory(pair.secretKey)).toBe(false)
      const large = Buffer.alloc(16 + 200_000, "so does a large one")
      watched.seal(large, 0, 200_000, Buffer.alloc(24), agreed)
      watched.open(large, 0, large.length, Buffer.alloc(24), agreed)
      watched.open(plain, 0, plain.length, Buffer.alloc(24), key)
      for (const secret of [key, pair.secretKey, agreed, plain.subarray(16, 48), large.subarray(16, 48)]) {
        expect(inMemory(secret)).toBe(false)
      }
    } finally {
      Object.defineProperty(Memory.prototype, "buffer", grow)
    }
  })
})
