import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  allocate,
  clone,
  concat,
  copy,
  EMPTY,
  equal,
  fromAscii,
  fromKey,
  fromString,
  isBytes,
  ofMemory,
  ofView,
  startsWith,
  steady,
  toKey,
  view,
} from "../src/bytes.ts"

describe("memory", () => {
  it("is allocated in exact size, and shared with nobody", () => {
    const [one, other] = [allocate(100), allocate(100)]
    expect([one.length, one.buffer.byteLength, one.byteOffset]).toEqual([100, 100, 0])
    expect(one.buffer).not.toBe(other.buffer)
    expect(allocate(0)).toHaveLength(0)
    expect([EMPTY.length, EMPTY.buffer.byteLength]).toEqual([0, 0])
  })

  it("is seen through a view without a copy", () => {
    const bytes = fromString("0123456789")
    const part = view(bytes.buffer, bytes.byteOffset + 2, 5)
    expect(part.toString()).toBe("23456")
    part[0] = 0x78
    expect(bytes.toString()).toBe("01x3456789")
  })

  it("makes Buffers of views, with everything that Buffers can do", () => {
    const part = view(new ArrayBuffer(16), 4, 8)
    expect(part).toBeInstanceOf(Buffer)
    expect(Buffer.isBuffer(part)).toBe(true)
    expect(Object.getPrototypeOf(part)).toBe(Buffer.prototype)
    part.writeUInt32BE(0xdeadbeef, 0)
    expect(part.subarray(0, 4).toString("hex")).toBe("deadbeef")
    expect(part.subarray(0, 4)).toBeInstanceOf(Buffer)
  })

  it("is copied from one place to another", () => {
    const target = allocate(6)
    target.fill(0x2e)
    copy(fromString("abc"), target, 2)
    expect(target.toString()).toBe("..abc.")
    copy(EMPTY, target, 6)
    expect(() => copy(fromString("abc"), target, 4)).toThrow(RangeError)
  })

  it("is cloned into memory that pins nothing else", () => {
    const large = Buffer.alloc(100_000, "abc")
    const part = clone(large.subarray(10, 20))
    expect(part.buffer.byteLength).toBe(10)
    expect(part.equals(large.subarray(10, 20))).toBe(true)
    large.fill(0)
    expect(part[0]).not.toBe(0)
    expect(clone(new Uint8Array(0))).toHaveLength(0)
  })
})

describe("what others call octets", () => {
  it("is known for Bytes or not", () => {
    expect([isBytes(Buffer.alloc(1)), isBytes(EMPTY), isBytes(view(new ArrayBuffer(1), 0, 1))]).toEqual([
      true,
      true,
      true,
    ])
    for (const other of [new Uint8Array(1), new ArrayBuffer(1), "text", null, undefined, [1], {}]) {
      expect(isBytes(other)).toBe(false)
    }
  })

  it("is the same memory, whatever kind of view it is", () => {
    const memory = new ArrayBuffer(16)
    for (const each of [
      new Uint8Array(memory, 4, 8),
      new DataView(memory, 4, 8),
      new Float64Array(memory, 8, 1),
      new Uint16Array(memory, 4, 4),
    ]) {
      const bytes = ofView(each)
      expect([bytes.buffer, bytes.byteOffset, bytes.length]).toEqual([memory, each.byteOffset, each.byteLength])
    }
    expect([ofMemory(memory).buffer, ofMemory(memory).length]).toEqual([memory, 16])
    const shared = new SharedArrayBuffer(4)
    expect(ofMemory(shared).buffer).toBe(shared)
  })
})

describe("texts", () => {
  it("become UTF-8", () => {
    expect(fromString("aé€😀").toString("hex")).toBe("61c3a9e282acf09f9880")
    expect(fromString("")).toHaveLength(0)
  })

  it("of the protocol become one octet per character", () => {
    expect([...fromAscii("READY")]).toEqual([0x52, 0x45, 0x41, 0x44, 0x59])
  })

  it("are keys that are exact for any octets", () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, n) => n))
    expect(toKey(all)).toHaveLength(256)
    expect(fromKey(toKey(all)).equals(all)).toBe(true)
    const pair = fc.tuple(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }))
    fc.assert(
      fc.property(pair, ([a, b]) => {
        const [one, other] = [Buffer.from(a), Buffer.from(b)]
        expect(toKey(one) === toKey(other)).toBe(equal(one, other))
        expect(fromKey(toKey(one)).equals(one)).toBe(true)
      }),
    )
  })
})

describe("comparing and joining", () => {
  it("tells equal octets", () => {
    expect(equal(fromString("ab"), Buffer.from([0x61, 0x62]))).toBe(true)
    expect(equal(fromString("ab"), fromString("abc"))).toBe(false)
    expect(equal(EMPTY, Buffer.alloc(0))).toBe(true)
  })

  it("tells what octets begin with", () => {
    const bytes = fromString("abc")
    for (const prefix of ["", "a", "ab", "abc"]) expect(startsWith(bytes, fromString(prefix))).toBe(true)
    for (const prefix of ["b", "ac", "abd", "abcd"]) expect(startsWith(bytes, fromString(prefix))).toBe(false)
    expect(startsWith(EMPTY, EMPTY)).toBe(true)
  })

  it("puts octets in one piece", () => {
    const list = ["a", "", "bc"].map(fromString)
    expect(concat(list).toString()).toBe("abc")
    expect(concat(list, 2).toString()).toBe("ab")
    expect(concat([])).toHaveLength(0)
  })

  it("a view that is steady is the same octets, and says the same of its place", () => {
    const memory = Buffer.alloc(100, 1)
    const octets = view(memory.buffer, memory.byteOffset + 10, 20)
    const kept = steady(octets)
    expect(kept).toBe(octets)
    kept[0] = 7
    expect(memory[10]).toBe(7)
    expect([kept.buffer, kept.byteOffset, kept.byteLength, kept.length]).toEqual([
      memory.buffer,
      memory.byteOffset + 10,
      20,
      20,
    ])
    expect(Object.keys(kept)).toEqual(Object.keys(view(memory.buffer, memory.byteOffset + 10, 20)))
  })
})
