import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Decoder, MESSAGE, NEED_DATA } from "../../src/zmtp/decoder.ts"
import { type Batch, Encoder, releaseBatch } from "../../src/zmtp/encoder.ts"
import { acquireSlab, releaseSlab, SLAB_SIZE } from "../../src/zmtp/slab.ts"
import { longHeader } from "../support/raw-peer.ts"

function octetsOf(batch: Batch | undefined): Buffer {
  return Buffer.concat(batch?.chunks ?? [])
}

/** The octets of one batch. */
function encoded(fill: (encoder: Encoder) => void): Buffer {
  const encoder = new Encoder()
  fill(encoder)
  return octetsOf(encoder.finish())
}

/** What a decoder reads out of a batch: messages as lists of frames. */
function decoded(octets: Buffer): Buffer[][] {
  const decoder = new Decoder({ maxMessageSize: Number.MAX_SAFE_INTEGER, maxMessageFrames: 10_000 })
  decoder.push(octets)
  const messages: Buffer[][] = []
  for (let found = decoder.next(); found !== NEED_DATA; found = decoder.next()) {
    messages.push(found === MESSAGE ? decoder.message : [decoder.command])
  }
  expect(decoder.midway).toBe(false)
  return messages
}

function body(size: number, seed = 0): Buffer {
  const octets = Buffer.alloc(size)
  for (let n = 0; n < size; n++) octets[n] = n * 13 + seed
  return octets
}

describe("frames on their way out", () => {
  it.each([
    [0, "00 00"],
    [1, "00 01"],
    [254, "00 fe"],
    [255, "00 ff"],
    [256, "02 00 00 00 00 00 00 01 00"],
    [257, "02 00 00 00 00 00 00 01 01"],
    [8191, "02 00 00 00 00 00 00 1f ff"],
    [8192, "02 00 00 00 00 00 00 20 00"],
    [65536, "02 00 00 00 00 00 01 00 00"],
    [16 * 1024 * 1024, "02 00 00 00 00 01 00 00 00"],
  ])("ZMTP-21, ZMTP-23, ZMTP-24: a body of %i octets follows %s", (size, header) => {
    const expected = Buffer.from(header.replaceAll(" ", ""), "hex")
    const octets = encoded((encoder) => encoder.add([body(size)]))
    expect(octets.subarray(0, expected.length).toString("hex")).toBe(expected.toString("hex"))
    expect(octets.subarray(expected.length).equals(body(size))).toBe(true)
  })

  it("ZMTP-27: have MORE on all frames of a message but the last, and no reserved flag", () => {
    const octets = encoded((encoder) => encoder.add([body(1), body(0), body(300), body(2)]))
    const flags = [octets[0], octets[3], octets[5], octets[314]]
    expect(flags).toEqual([0x01, 0x01, 0x03, 0x00])
  })

  it("ZMTP-29, ZMTP-41: commands have their flag and never MORE, short up to 255 octets and long beyond", () => {
    const small = encoded((encoder) => encoder.command(body(255)))
    expect([...small.subarray(0, 2)]).toEqual([0x04, 0xff])
    const large = encoded((encoder) => encoder.command(body(256)))
    expect(large.subarray(0, 9).toString("hex")).toBe("060000000000000100")
    expect(encoded((encoder) => encoder.handshake(body(3)))[0]).toBe(0x04)
  })

  it("follow octets that are no frame as they are", () => {
    const octets = encoded((encoder) => {
      encoder.raw(body(64))
      encoder.add([body(2)])
    })
    expect(octets.subarray(0, 64).equals(body(64))).toBe(true)
    expect([...octets.subarray(64, 66)]).toEqual([0, 2])
  })
})

describe("a batch", () => {
  it("is nothing when there is nothing to write", () => {
    const encoder = new Encoder()
    expect(encoder.octets).toBe(0)
    expect(encoder.finish()).toBeUndefined()
  })

  it("gathers small frames in one chunk, and counts", () => {
    const encoder = new Encoder()
    for (let n = 0; n < 1000; n++) encoder.add([body(16)])
    encoder.command(body(9))
    expect(encoder.octets).toBe(1000 * 18 + 11)
    const batch = encoder.finish() as Batch
    expect(batch.chunks).toHaveLength(1)
    expect(batch).toMatchObject({ octets: 18_011, messages: 1000, body: 16_000, users: 1 })
    expect(encoder.octets).toBe(0)
    expect(encoder.finish()).toBeUndefined()
    releaseBatch(batch)
  })

  it("copies small frames: what becomes of their memory afterwards does not matter", () => {
    const encoder = new Encoder()
    const frame = body(200)
    encoder.add([frame])
    frame.fill(0)
    expect(octetsOf(encoder.finish()).subarray(2).equals(body(200))).toBe(true)
  })

  it("refers to large frames instead of copying them, between runs of small ones", () => {
    const [before, large, after] = [body(10), body(100_000), body(20)]
    const encoder = new Encoder()
    encoder.add([before, large, after])
    const batch = encoder.finish() as Batch
    expect(batch.chunks.map((chunk) => chunk.length)).toEqual([12 + 9, 100_000, 22])
    expect(batch.chunks[1]).toBe(large)
    expect(batch).toMatchObject({ octets: 100_043, body: 100_030, messages: 1 })
    expect(decoded(octetsOf(batch))).toEqual([[before, large, after]])
  })

  it("may be larger than a slab, at whatever octet the slab ends", () => {
    for (const size of [1, 7, 16, 250, 255, 256, 4000, 8191]) {
      const count = Math.ceil((2.5 * SLAB_SIZE) / (size + 2))
      const messages = Array.from({ length: count }, (_, n) => [body(size, n)])
      const encoder = new Encoder()
      for (const each of messages) encoder.add(each)
      const batch = encoder.finish() as Batch
      expect(batch.slabs.length).toBeGreaterThanOrEqual(3)
      const octets = octetsOf(batch)
      expect(octets.length).toBe(batch.octets)
      const found = decoded(octets)
      expect(found).toHaveLength(count)
      expect(found.every(([frame], n) => frame?.equals(messages[n]?.[0] as Buffer))).toBe(true)
      releaseBatch(batch)
    }
  })

  it("fills a slab to its last octet", () => {
    const encoder = new Encoder()
    const frame = body(SLAB_SIZE / 1024 - 2)
    for (let n = 0; n < 1024; n++) encoder.add([frame])
    const batch = encoder.finish() as Batch
    expect(batch.chunks.map((chunk) => chunk.length)).toEqual([SLAB_SIZE])
    releaseBatch(batch)
  })

  it("gives its slabs back when the last of its users is done, once", () => {
    const encoder = new Encoder()
    for (let n = 0; n < 40; n++) encoder.add([body(5000)])
    const batch = encoder.finish() as Batch
    expect(batch.slabs).toHaveLength(2)
    batch.users++
    releaseBatch(batch)
    const other = acquireSlab()
    expect(batch.slabs).not.toContain(other)
    releaseSlab(other)
    releaseBatch(batch)
    const [one, two] = [acquireSlab(), acquireSlab()]
    expect(new Set([one, two])).toEqual(new Set(batch.slabs))
    releaseSlab(one)
    releaseSlab(two)
  })

  it("never shares a slab with one that is still to be written", () => {
    const encoder = new Encoder()
    encoder.add([body(10, 1)])
    const first = encoder.finish() as Batch
    encoder.add([body(10, 2)])
    const second = encoder.finish() as Batch
    expect(octetsOf(first).subarray(2).equals(body(10, 1))).toBe(true)
    expect(octetsOf(second).subarray(2).equals(body(10, 2))).toBe(true)
    releaseBatch(first)
    releaseBatch(second)
  })

  it("ZMTP-39: holds what a decoder reads out of it, whatever that is", () => {
    const size = fc.oneof(fc.nat(300), fc.constantFrom(0, 255, 256, 8191, 8192, 8193, 65535, 65536, 200_000))
    fc.assert(
      fc.property(fc.array(fc.array(size, { minLength: 1, maxLength: 4 }), { maxLength: 10 }), (sizes) => {
        const messages = sizes.map((frames) => frames.map((each, n) => body(each, n)))
        const encoder = new Encoder()
        for (const each of messages) encoder.add(each)
        const before = encoder.octets
        const batch = encoder.finish()
        const octets = octetsOf(batch)
        expect(batch?.octets ?? 0).toBe(before)
        expect(octets.length).toBe(before)
        const found = decoded(octets)
        expect(found.map((frames) => frames.map((frame) => frame.length))).toEqual(sizes)
        expect(found.flat().every((frame, n) => frame.equals(messages.flat()[n] as Buffer))).toBe(true)
        if (batch !== undefined) releaseBatch(batch)
      }),
      { numRuns: 60 },
    )
  })
})

describe("a secured connection", () => {
  /** What a seal was given, and an answer that shows it. */
  function sealing(): { encoder: Encoder; sealed: [number, string][] } {
    const sealed: [number, string][] = []
    const encoder = new Encoder()
    encoder.secure({
      overhead: 2,
      openedFlags: 0,
      seal(flags, body, target, offset) {
        sealed.push([flags, body.toString()])
        Buffer.from(`<${body}>`).copy(target, offset)
      },
      open: (octets) => octets,
    })
    return { encoder, sealed }
  }

  it("seals frames of every size: in a slab where they fit, on their own where they do not", () => {
    for (const size of [0, 253, 254, 1000, 60_000, SLAB_SIZE - 11, SLAB_SIZE - 10, 300_000]) {
      const { encoder } = sealing()
      encoder.add([Buffer.alloc(size, "x"), Buffer.from("y")])
      const inside = `<${"x".repeat(size)}>`
      const header = size + 2 > 255 ? longHeader(size + 2) : Buffer.of(0, size + 2)
      expect(octetsOf(encoder.finish()).equals(Buffer.concat([header, Buffer.from(`${inside}\0\x03<y>`)]))).toBe(true)
    }
  })

  it("CURVE-20, CURVE-23: seals every frame, tells MORE to the inside and never to the outside", () => {
    const { encoder, sealed } = sealing()
    expect(encoder.secured).toBe(true)
    encoder.add([Buffer.from("a"), Buffer.from("b")])
    const octets = octetsOf(encoder.finish())
    expect(octets.toString("latin1")).toBe("\x00\x03<a>\x00\x03<b>")
    expect(sealed).toEqual([
      [1, "a"],
      [0, "b"],
    ])
  })

  it("CURVE-21, CURVE-22: seals commands with inner flag 02", () => {
    const { encoder, sealed } = sealing()
    encoder.command(Buffer.from("\x04PING"))
    expect(octetsOf(encoder.finish()).toString("latin1")).toBe("\x00\x07<\x04PING>")
    expect(sealed).toEqual([[2, "\x04PING"]])
  })

  it("CURVE-38: leaves the commands of the handshake as they are", () => {
    const { encoder, sealed } = sealing()
    encoder.handshake(Buffer.from("\x05READY"))
    expect(octetsOf(encoder.finish()).toString("latin1")).toBe("\x04\x06\x05READY")
    expect(sealed).toEqual([])
  })

  it("counts the octets of bodies before they were sealed", () => {
    const { encoder } = sealing()
    encoder.add([body(10), body(20)])
    expect(encoder.finish()).toMatchObject({ messages: 1, body: 30 })
  })
})
