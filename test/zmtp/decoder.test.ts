import fc from "fast-check"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { ProtocolError } from "../../src/errors.ts"
import type { Message } from "../../src/message.ts"
import { COMMAND_FRAME, Decoder, type DecoderLimits, LimitError, MESSAGE, NEED_DATA } from "../../src/zmtp/decoder.ts"
import { Encoder } from "../../src/zmtp/encoder.ts"
import { cuts, pieces } from "../support/cuts.ts"

/** Work that the decoder asks of memory, counted instead of timed. */
const work = vi.hoisted(() => ({ allocated: 0, copied: 0, largest: 0 }))

vi.mock("../../src/bytes.ts", async (original) => {
  const real = await original<typeof import("../../src/bytes.ts")>()
  return {
    ...real,
    allocate(size: number) {
      work.allocated += size
      work.largest = Math.max(work.largest, size)
      return real.allocate(size)
    },
    copy(source: Uint8Array, target: Buffer, offset: number) {
      work.copied += source.length
      real.copy(source, target, offset)
    },
  }
})

beforeEach(() => {
  work.allocated = work.copied = work.largest = 0
})

const MIB = 1024 * 1024
const LIMITS: DecoderLimits = { maxMessageSize: 64 * MIB, maxMessageFrames: 1024 }

/** What a decoder made of some octets: messages as lists of frames, commands, and how it ended. */
type Outcome = string[] | { readonly command: string } | { readonly error: string } | "midway"

function octets(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part.replaceAll(" ", ""), "hex") : part)),
  )
}

/** A frame in the long form, whatever its size. */
function long(flags: number, body: Buffer): Buffer {
  const header = Buffer.alloc(9)
  header[0] = flags | 2
  header.writeBigUInt64BE(BigInt(body.length), 1)
  return Buffer.concat([header, body])
}

function short(flags: number, body: Buffer | string): Buffer {
  return Buffer.concat([Buffer.of(flags, body.length), Buffer.from(body as string)])
}

/** A frame as a peer would send it. */
function frame(flags: number, body: Buffer | string): Buffer {
  return body.length < 256 ? short(flags, body) : long(flags, Buffer.from(body as string))
}

function text(bytes: Buffer): string {
  return bytes.toString("latin1")
}

/** Takes everything that is there; false once an error was met. */
function readAll(decoder: Decoder, into: Outcome[]): boolean {
  try {
    for (let found = decoder.next(); found !== NEED_DATA; found = decoder.next()) {
      into.push(found === MESSAGE ? decoder.message.map(text) : { command: text(decoder.command) })
    }
    return true
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    into.push({ error: error instanceof LimitError ? error.limit : "protocol" })
    return false
  }
}

function decode(chunks: readonly Buffer[], limits: DecoderLimits, eager: boolean): Outcome[] {
  const decoder = new Decoder({ ...limits })
  const outcomes: Outcome[] = []
  for (const chunk of chunks) {
    decoder.push(chunk)
    if (eager && !readAll(decoder, outcomes)) return outcomes
  }
  if (!eager && !readAll(decoder, outcomes)) return outcomes
  if (decoder.midway) outcomes.push("midway")
  return outcomes
}

/** However the octets are cut, and whether they are looked at as they come or all together at last. */
function expectAnyway(stream: Buffer, expected: Outcome[], limits: DecoderLimits = LIMITS): void {
  for (const { name, chunks } of cuts(stream)) {
    for (const eager of [true, false]) {
      const found = decode(chunks, limits, eager)
      if (!same(found, expected)) expect(found, `${name}${eager ? "" : ", looked at last"}`).toEqual(expected)
    }
  }
  expect(decode([stream], limits, true)).toEqual(expected)
}

function same(found: Outcome[], expected: Outcome[]): boolean {
  return JSON.stringify(found) === JSON.stringify(expected)
}

/** Octets that look like headers, never the same at two places near each other. */
function body(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, n) => (n * 7 + (n >> 8)) & 0xff))
}

describe("frames", () => {
  it("ZMTP-23: has a size that counts the body alone", () => {
    expectAnyway(octets("00 03 61 62 63"), [["abc"]])
  })

  it("ZMTP-31: may be empty, anywhere in a message", () => {
    expectAnyway(octets("00 00"), [[""]])
    expectAnyway(octets("01 00 01 01 61 00 00"), [["", "a", ""]])
    expectAnyway(octets("02 00 00 00 00 00 00 00 00"), [[""]])
  })

  it("ZMTP-24: has a long size in network order", () => {
    expectAnyway(octets("02 00 00 00 00 00 00 01 02", body(258), "00 00"), [[text(body(258))], [""]])
  })

  it("ZMTP-22: may say a small size in the long form", () => {
    expectAnyway(octets("02 00 00 00 00 00 00 00 01 7a 00 01 79"), [["z"], ["y"]])
  })

  it.each([0, 1, 254, 255, 256, 257, 511, 512, 513, 8191, 8192, 8193])("ZMTP-39: may have %i octets", (size) => {
    const sent = body(size)
    expectAnyway(octets(frame(0, sent), frame(1, sent), frame(0, "end")), [[text(sent)], [text(sent), "end"]])
  })

  it.each([65535, 65536])("ZMTP-39: may have %i octets", (size) => {
    const sent = body(size)
    expectAnyway(octets(frame(0, sent), frame(0, "end")), [[text(sent)], ["end"]])
  })

  it("ZMTP-39: may have 16 MiB", () => {
    const sent = Buffer.alloc(16 * MIB, "0123456789abcde")
    for (const size of [64 * 1024, 1_000_003, 17 * MIB]) {
      const decoder = new Decoder(LIMITS)
      let found: Message | undefined
      for (const chunk of pieces(octets(long(0, sent)), size)) {
        decoder.push(chunk)
        if (decoder.next() === MESSAGE) found = decoder.message
      }
      expect(found).toHaveLength(1)
      expect(found?.[0]?.equals(sent)).toBe(true)
    }
  })

  it.each([
    [1, 2],
    [5, 16],
  ])("B9, ZMTP-37: cost work in proportion to their size: chunks of %i octets, %i MiB", (octetsEach, mebibytes) => {
    const total = mebibytes * MIB
    const decoder = new Decoder(LIMITS)
    const chunk = Buffer.alloc(octetsEach, 0x5a)
    decoder.push(long(0, Buffer.alloc(total)).subarray(0, 9))
    expect(decoder.next()).toBe(NEED_DATA)
    let found: number = NEED_DATA
    for (let arrived = 0; arrived < total; arrived += octetsEach) {
      decoder.push(arrived + octetsEach <= total ? chunk : chunk.subarray(0, total - arrived))
      found = decoder.next()
    }
    expect(found).toBe(MESSAGE)
    expect(decoder.message[0]?.equals(Buffer.alloc(total, 0x5a))).toBe(true)
    expect(work.copied).toBeLessThan(2 * total)
    expect(work.allocated).toBeLessThan(2 * total)
  })
})

describe("what may not be", () => {
  it("ZMTP-25: a size above 2^63 - 1, even where there is no limit", () => {
    const unlimited = { maxMessageSize: Number.MAX_SAFE_INTEGER, maxMessageFrames: 1 }
    for (const size of ["ff ff ff ff ff ff ff ff", "80 00 00 00 00 00 00 00"]) {
      for (const limits of [LIMITS, unlimited]) {
        expectAnyway(octets("02", size, "00"), [{ error: "maxMessageSize" }], limits)
        expectAnyway(octets("06", size, "00"), [{ error: "maxMessageSize" }], limits)
      }
    }
  })

  it("ZMTP-26, LIMIT-4: a size above the limit, as soon as it is known and before anything is allocated", () => {
    for (const size of ["7f ff ff ff ff ff ff ff", "00 00 00 01 00 00 00 00", "00 00 00 00 04 00 00 01"]) {
      work.allocated = 0
      const decoder = new Decoder(LIMITS)
      decoder.push(octets("02", size))
      expect(() => decoder.next()).toThrow(LimitError)
      expect(work.allocated).toBe(0)
      expectAnyway(octets("02", size, "00"), [{ error: "maxMessageSize" }])
    }
  })

  it("LIMIT-4: memory that is taken for what is announced and does not come", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(octets("02 00 00 00 00 04 00 00 00", body(100)))
    expect(decoder.next()).toBe(NEED_DATA)
    expect(work.allocated).toBeLessThanOrEqual(64 * 1024)
  })

  it("LIMIT-5: a message of more octets than allowed, over all its frames", () => {
    const limits = { maxMessageSize: 10, maxMessageFrames: 8 }
    expectAnyway(octets(short(1, "12345"), short(0, "67890")), [["12345", "67890"]], limits)
    expectAnyway(octets(short(1, "12345"), short(0, "678901")), [{ error: "maxMessageSize" }], limits)
    expectAnyway(octets(short(0, "1234567890"), short(0, "1234567890")), [["1234567890"], ["1234567890"]], limits)
    expectAnyway(octets(short(0, "12345678901")), [{ error: "maxMessageSize" }], limits)
    expectAnyway(octets(short(4, "12345678901")), [{ error: "maxMessageSize" }], limits)
  })

  it("LIMIT-5: a message of more frames than allowed, empty ones included", () => {
    const limits = { maxMessageSize: 10, maxMessageFrames: 3 }
    expectAnyway(octets("01 00 01 00 00 00", "00 00"), [["", "", ""], [""]], limits)
    expectAnyway(octets("01 00 01 00 01 00 00 00"), [{ error: "maxMessageFrames" }], limits)
  })

  it.each([0x08, 0x10, 0x20, 0x40, 0x80])("ZMTP-28: a reserved flag, here %i", (flag) => {
    for (const others of [0, 1, 2, 4, 6]) {
      expectAnyway(octets(short(0, "good"), Buffer.of(flag | others, 1, 0)), [["good"], { error: "protocol" }])
    }
    const decoder = new Decoder(LIMITS)
    decoder.push(Buffer.of(flag))
    expect(() => decoder.next(), "at its octet").toThrow(ProtocolError)
  })

  it("ZMTP-30: a command with the MORE flag", () => {
    expectAnyway(octets(short(5, "\x04PING")), [{ error: "protocol" }])
    expectAnyway(octets(long(5, Buffer.from("\x04PING"))), [{ error: "protocol" }])
  })

  it("B7: is the end: what came before it is delivered, nothing of what comes after", () => {
    expectAnyway(octets(short(0, "a"), short(0, "b"), "ff 01 61", short(0, "c")), [["a"], ["b"], { error: "protocol" }])
  })
})

describe("messages and commands", () => {
  it("ZMTP-32: gives all frames of a message together", () => {
    const stream = octets(short(1, "a"), short(1, "b"), short(0, "c"))
    expectAnyway(stream, [["a", "b", "c"]])
    expectAnyway(stream.subarray(0, 6), ["midway"])
  })

  it("ZMTP-33: has nothing to show for a message that never ends", () => {
    const stream = octets(short(0, "whole"), short(1, "torn"), short(0, "off"))
    for (let end = 8; end < stream.length; end++) expectAnyway(stream.subarray(0, end), [["whole"], "midway"])
  })

  it("ZMTP-38: gives commands between the frames of a message, which they do not disturb", () => {
    expectAnyway(octets(short(1, "a"), short(4, "\x04PING"), short(1, "b"), short(4, "\x01X"), short(0, "c")), [
      { command: "\x04PING" },
      { command: "\x01X" },
      ["a", "b", "c"],
    ])
  })

  it("ZMTP-41: gives commands in the short and in the long form", () => {
    const large = `\x01X${text(body(300))}`
    expectAnyway(octets(short(4, "\x01X"), long(4, Buffer.from(large, "latin1"))), [
      { command: "\x01X" },
      { command: large },
    ])
  })

  it("are given one at a time: not calling next is back-pressure", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(octets(short(0, "a"), short(0, "b")))
    expect(decoder.next()).toBe(MESSAGE)
    expect(text(decoder.message[0] as Buffer)).toBe("a")
    expect(decoder.idle).toBe(false)
    expect(decoder.next()).toBe(MESSAGE)
    expect(text(decoder.message[0] as Buffer)).toBe("b")
    expect(decoder.idle).toBe(true)
    expect(decoder.next()).toBe(NEED_DATA)
  })

  it("keep their order, however far next had come when more octets arrived", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(octets(short(0, "a")))
    decoder.push(octets(short(0, "b")))
    const seen: string[] = []
    const take = () => {
      if (decoder.next() === MESSAGE) seen.push(text(decoder.message[0] as Buffer))
    }
    take()
    decoder.push(octets(short(0, "c")))
    for (let n = 0; n < 3; n++) take()
    expect(seen).toEqual(["a", "b", "c"])
  })

  it("ignore chunks of no octets", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(Buffer.alloc(0))
    expect([decoder.idle, decoder.midway, decoder.next()]).toEqual([true, false, NEED_DATA])
  })

  it("accept what a limit allows that was changed meanwhile", () => {
    const limits = { maxMessageSize: 4, maxMessageFrames: 1 }
    const decoder = new Decoder(limits)
    decoder.push(octets(short(4, "\x01X"), short(1, "longer"), short(0, "")))
    expect(decoder.next()).toBe(COMMAND_FRAME)
    limits.maxMessageSize = 100
    limits.maxMessageFrames = 2
    expect(decoder.next()).toBe(MESSAGE)
    expect(decoder.message.map(text)).toEqual(["longer", ""])
  })

  it("ZMTP-37: come out as they were put in, whatever they are and however their octets are cut", () => {
    const size = fc.oneof(fc.nat(40), fc.constantFrom(0, 1, 254, 255, 256, 257, 512, 513, 8191, 8192, 8193, 20_000))
    const message = fc.array(size, { minLength: 1, maxLength: 5 })
    const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 20_000 })), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(fc.array(message, { maxLength: 12 }), lengths, fc.boolean(), (messages, cutLengths, eager) => {
        const encoder = new Encoder()
        const sent = messages.map((sizes) => sizes.map(body))
        for (const each of sent) encoder.add(each)
        const stream = Buffer.concat(encoder.finish()?.chunks ?? [])
        const chunks: Buffer[] = []
        for (let at = 0, n = 0; at < stream.length; n++) {
          const length = cutLengths[n % cutLengths.length] as number
          chunks.push(stream.subarray(at, at + length))
          at += length
        }
        expect(
          same(
            decode(chunks, LIMITS, eager),
            sent.map((each) => each.map(text)),
          ),
        ).toBe(true)
      }),
      { numRuns: 200 },
    )
  })
})

describe("the memory of frames that are kept", () => {
  it.each([1, 16, 64, 65, 200, 511, 512])("a frame of %i octets pins at most 8 KiB", (size) => {
    const sent = Array.from({ length: 3000 }, () => frame(0, body(size)))
    const memory = Buffer.from(new ArrayBuffer(64 * 1024))
    for (const extra of [0, 1, 5000]) {
      const decoder = new Decoder(LIMITS)
      let count = 0
      for (const chunk of pieces(Buffer.concat(sent).subarray(0, 600_000), memory.length - extra)) {
        chunk.copy(memory)
        decoder.push(memory.subarray(0, chunk.length))
        while (decoder.next() === MESSAGE) {
          const [kept] = decoder.message as [Buffer]
          expect(kept.buffer.byteLength).toBeLessThanOrEqual(8 * 1024)
          expect(kept.equals(body(size))).toBe(true)
          count++
          if (count % 50 === 0) expect(kept.buffer).not.toBe(memory.buffer)
        }
      }
      expect(count).toBe(Math.min(3000, Math.floor(600_000 / frame(0, body(size)).length)))
    }
  })

  it("also in the long form, in a message, and in a command", () => {
    const decoder = new Decoder(LIMITS)
    const memory = Buffer.from(new ArrayBuffer(64 * 1024))
    const stream = octets(long(1, body(10)), long(0, body(500)), short(4, "\x01Xyz"))
    stream.copy(memory)
    decoder.push(memory.subarray(0, stream.length))
    expect(decoder.next()).toBe(MESSAGE)
    for (const kept of decoder.message) expect(kept.buffer.byteLength).toBeLessThanOrEqual(8 * 1024)
    expect(decoder.next()).toBe(COMMAND_FRAME)
    expect(decoder.command.buffer.byteLength).toBeLessThanOrEqual(8 * 1024)
  })

  it("no frame shares the memory of a chunk, which is lent", () => {
    for (const size of [1, 50, 512, 513, 5000]) {
      const decoder = new Decoder(LIMITS)
      const stream = octets(long(0, body(size)), long(0, body(size)))
      const chunk = Buffer.from(stream)
      decoder.push(chunk)
      expect(decoder.next()).toBe(MESSAGE)
      const [first] = decoder.message
      decoder.keep()
      chunk.fill(0xee)
      expect(decoder.next()).toBe(MESSAGE)
      expect(first).toEqual(body(size))
      expect(decoder.message[0]).toEqual(body(size))
    }
  })

  it("the rest of a large body is read straight to its place", () => {
    const decoder = new Decoder(LIMITS)
    const content = body(300_000)
    const stream = octets(long(0, content))
    decoder.push(stream.subarray(0, 1000))
    expect(decoder.next()).toBe(NEED_DATA)
    decoder.keep()
    let at = 1000
    while (at < stream.length) {
      const place = decoder.destination()
      if (place === undefined) {
        decoder.push(stream.subarray(at))
        at = stream.length
      } else {
        const length = Math.min(place.length, 40_000, stream.length - at)
        stream.copy(place, 0, at, at + length)
        decoder.filled(length)
        at += length
      }
      if (at < stream.length) expect(decoder.next()).toBe(NEED_DATA)
    }
    expect(decoder.next()).toBe(MESSAGE)
    expect(decoder.message[0]?.equals(content)).toBe(true)
  })

  it("after a large body little is read, so that the next one too goes straight to its place", () => {
    const decoder = new Decoder(LIMITS)
    const content = body(60_000)
    decoder.push(octets(long(0, content)))
    expect(decoder.next()).toBe(MESSAGE)
    decoder.keep()
    const next = octets(long(0, content))
    const place = decoder.destination() as Buffer
    expect(place.length).toBeLessThanOrEqual(4096)
    next.copy(place, 0, 0, place.length)
    decoder.filled(place.length)
    expect(decoder.next()).toBe(NEED_DATA)
    decoder.keep()
    const rest = decoder.destination() as Buffer
    expect(next.copy(rest, 0, place.length)).toBe(next.length - place.length)
    decoder.filled(next.length - place.length)
    expect(decoder.next()).toBe(MESSAGE)
    expect(decoder.message[0]?.equals(content)).toBe(true)
    decoder.destination()
    const small = octets(short(0, "small"))
    small.copy(decoder.destination() as Buffer)
    decoder.filled(small.length)
    expect(decoder.next()).toBe(MESSAGE)
    decoder.keep()
    expect(decoder.destination()).toBeUndefined()
  })

  it("copies octets of small frames once, not frame by frame", () => {
    const stream = Buffer.concat(Array.from({ length: 2000 }, () => frame(0, body(16))))
    const memory = Buffer.from(new ArrayBuffer(64 * 1024))
    stream.copy(memory)
    const decoder = new Decoder(LIMITS)
    decoder.push(memory.subarray(0, stream.length))
    const memories = new Set<ArrayBufferLike>()
    while (decoder.next() === MESSAGE) memories.add((decoder.message[0] as Buffer).buffer)
    expect(memories.size).toBe(Math.ceil(stream.length / (7680 - 18)))
    expect(work.copied).toBeLessThan(stream.length * 1.01)
  })

  it("larger frames of one chunk are views of one copy of it", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(octets(long(0, body(20_000)), long(0, body(20_000))))
    expect(decoder.next()).toBe(MESSAGE)
    const [first] = decoder.message
    expect(decoder.next()).toBe(MESSAGE)
    expect(decoder.message[0]?.buffer).toBe(first?.buffer)
  })

  it("LIMIT-5: empty frames take no memory of their own, wherever they stand", () => {
    const decoder = new Decoder({ ...LIMITS })
    decoder.push(octets(frame(1, "first"), frame(1, ""), frame(1, "between"), frame(1, ""), frame(0, "")))
    expect(decoder.next()).toBe(MESSAGE)
    const [, one, , two, three] = decoder.message
    expect([one, two, three].map((each) => each?.length)).toEqual([0, 0, 0])
    expect(one === two && two === three).toBe(true)
  })

  it("B3: octets that come one by one and wait are gathered, and take no memory each", () => {
    const decoder = new Decoder(LIMITS)
    const stream = octets(...Array.from({ length: 1000 }, (_, i) => short(0, Buffer.of(i, i >> 8))))
    for (const octet of stream) {
      decoder.push(Buffer.of(octet))
      decoder.keep()
    }
    const memories = new Set<ArrayBufferLike>()
    for (let i = 0; i < 1000; i++) {
      expect(decoder.next()).toBe(MESSAGE)
      expect(decoder.message).toEqual([Buffer.of(i, i >> 8)])
      memories.add((decoder.message[0] as Buffer).buffer)
    }
    expect(decoder.next()).toBe(NEED_DATA)
    // Cut bodies have a memory of their own: at most one where a gathering ends.
    expect(memories.size).toBeLessThan(10)
  })

  it("T14: what was found last is not kept once there is nothing more", () => {
    const decoder = new Decoder(LIMITS)
    decoder.push(octets(long(0, body(100_000)), short(4, "\x01Xyz")))
    while (decoder.next() !== NEED_DATA);
    expect([decoder.message.length, decoder.command.length]).toEqual([0, 0])
  })
})
