// The ring against a model: whatever is written is read or taken back, each message once and in order.

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { chargeOf, type Frame, type Message } from "../../../src/message.ts"
import type { Marks } from "../../../src/pipe/queue.ts"
import { ANY_READ, NOTHING, RING_OCTETS, RingReader, RingWriter } from "../../../src/transport/inproc/shared-ring.ts"

const UNLIMITED: Marks = { messages: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }

/** Both sides of one ring, and what was handed over and is not fetched. */
function ring(
  marks: Marks = UNLIMITED,
  offset = 0,
): { writer: RingWriter; reader: RingReader; parcels: ArrayBuffer[][] } {
  const memory = new SharedArrayBuffer(offset + RING_OCTETS)
  const parcels: ArrayBuffer[][] = []
  const writer = new RingWriter(memory, offset, marks, (handed) => parcels.push(handed))
  const reader = new RingReader(memory, offset, () => parcels.shift() ?? [])
  return { writer, reader, parcels }
}

let written = 0

/** A message that says which it is, if it has an octet at all, with frames of these sizes. */
function messageOf(sizes: readonly number[]): Message {
  const mark = ++written & 255
  return sizes.map((size) => Buffer.alloc(size, mark) as Frame)
}

const same = (one: Message, other: Message): boolean =>
  one.length === other.length && one.every((frame, i) => Buffer.compare(frame, other[i] as Frame) === 0)

const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
  { weight: 3, arbitrary: fc.integer({ min: 400, max: 9000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_000_000, max: 1_500_000 }) },
)
type Step =
  | { readonly do: "write"; readonly sizes: readonly number[] }
  | { readonly do: "command"; readonly size: number }
  | { readonly do: "read"; readonly most: number; readonly times: number }
  | { readonly do: "publish" }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant("write" as const), sizes: fc.array(size, { minLength: 1, maxLength: 6 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("command" as const), size: fc.integer({ min: 1, max: 200_000 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      most: fc.integer({ min: 1, max: 600 }),
      times: fc.integer({ min: 1, max: 20 }),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ do: "publish" as const }) },
)

describe("a ring between two threads", () => {
  it("gives every message once and in order, to its reader or back to its writer", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.boolean(), (steps, readOn) => {
        const { writer, reader } = ring(UNLIMITED, 192)
        /** Written and not read, oldest first; commands among them. */
        const under: { readonly message: Message; readonly command: boolean }[] = []
        let visible = 0
        let hidden = 0
        const read = (most: number): boolean => {
          const messages = reader.read(most)
          const command = reader.command
          expect(messages.length).toBeLessThanOrEqual(most)
          const got = command === undefined ? messages : [[command]]
          for (const message of got) {
            const next = under.shift()
            expect(next !== undefined && next.command === (command !== undefined) && same(next.message, message)).toBe(
              true,
            )
          }
          visible -= got.length
          expect(visible).toBeGreaterThanOrEqual(0)
          return got.length > 0
        }
        for (const each of steps) {
          if (each.do === "publish") {
            expect(writer.publish()).toBe(hidden > 0)
            visible += hidden
            hidden = 0
          } else if (each.do === "read") {
            for (let i = 0; i < each.times; i++) {
              const any = visible > 0
              expect(read(each.most)).toBe(any)
            }
          } else {
            const command = each.do === "command"
            const message = messageOf(command ? [each.size] : each.sizes)
            if (command ? writer.command(message[0] as Frame) : writer.write(message)) {
              under.push({ message, command })
              hidden++
            } else {
              expect(under.length).toBeGreaterThan(0)
            }
          }
        }
        if (readOn) {
          writer.publish()
          visible += hidden
          while (read(512)) {}
          expect(under).toEqual([])
          writer.look()
          expect(writer.occupied).toBe(false)
        }
        const back = writer.reclaim()
        const expected = under.filter(({ command }) => !command)
        expect(back.length).toBe(expected.length)
        expect(back.every((message, i) => same(message, expected[i]?.message as Message))).toBe(true)
        // Who comes too late gets nothing, and neither does who takes back twice.
        expect([reader.read(512), reader.command, reader.readable]).toEqual([[], undefined, false])
        expect([writer.reclaim(), writer.occupied]).toEqual([[], false])
      }),
      { numRuns: 150 },
    )
  })

  it("goes on beyond 1 GiB, where its positions begin again", () => {
    const { writer, reader } = ring()
    let sent = 0
    let got = 0
    // Commands are not copied twice: 128 KiB each, and small ones that move the end of the ring through all places.
    const body = Buffer.alloc(131_064)
    const small: Message = [Buffer.from("small"), Buffer.alloc(0), Buffer.from("messages")]
    for (let octets = 0; octets < 1.01 * 2 ** 30; octets += body.length) {
      body.writeUInt32LE(sent)
      if (!writer.command(body)) throw new Error("There is room")
      const smalls = sent % 7
      for (let i = 0; i < smalls; i++) if (!writer.write(small)) throw new Error("There is room")
      sent++
      writer.publish()
      if (reader.read(1).length > 0 || reader.command?.readUInt32LE() !== got) throw new Error("Another one")
      got++
      const messages = smalls === 0 ? [] : reader.read(10)
      if (messages.length !== smalls || !messages.every((message) => same(message, small))) throw new Error("Others")
    }
    expect([got, reader.readable]).toEqual([sent, false])
    for (let i = 0; i < 3; i++) writer.write(small)
    expect(writer.reclaim()).toEqual([small, small, small])
  })

  it("takes as many messages as the marks of the other side say, and more once some are taken", () => {
    const { writer, reader } = ring({ messages: 5, bytes: Number.POSITIVE_INFINITY })
    const message: Message = [Buffer.from("x")]
    for (let i = 0; i < 5; i++) expect(writer.write(message)).toBe(true)
    expect([writer.write(message), writer.untaken]).toEqual([false, 5])
    writer.publish()
    expect(reader.read(512)).toHaveLength(5)
    expect(writer.write(message)).toBe(false)
    reader.taken(2, 2000)
    expect([writer.moved, writer.untaken]).toEqual([true, 3])
    expect([writer.write(message), writer.write(message), writer.write(message)]).toEqual([true, true, false])
    expect(writer.moved).toBe(false)
  })

  it("counts octets charged beyond 32 bits", () => {
    const bytes = 3 * 2 ** 20
    const { writer, reader } = ring({ messages: Number.POSITIVE_INFINITY, bytes })
    const message: Message = [Buffer.alloc(2 ** 20)]
    const charge = chargeOf(message)
    for (let taken = 0; taken * charge < 2 ** 32 + 10 * charge; taken++) {
      if (taken % 512 > 0) {
        // Only now and then is it worth a look how many go in.
        if (!writer.write(message)) throw new Error("There is room")
      } else {
        let count = 0
        while (writer.write(message)) count++
        expect(count).toBe(3)
        taken += count - 1
      }
      writer.publish()
      while (reader.read(8).length > 0) {}
      reader.taken(taken + 1, (taken + 1) * charge)
    }
  })

  it("tells the reader what its writer waits for", () => {
    const { writer, reader } = ring()
    writer.wait(ANY_READ)
    expect(reader.awaited).toBe(ANY_READ)
    writer.wait(NOTHING)
    expect(reader.awaited).toBe(NOTHING)
  })

  it("has room for one that is larger than all that may be under way, and then for none until that is read", () => {
    const { writer, reader } = ring()
    const large: Message = [Buffer.alloc(5 * 2 ** 20, 1), Buffer.alloc(10, 2)]
    expect([writer.write(large), writer.write(large), writer.occupied]).toEqual([true, false, true])
    writer.publish()
    expect(same(reader.read(1)[0] as Message, large)).toBe(true)
    expect([writer.write(large), writer.occupied]).toEqual([true, true])
    expect(same(writer.reclaim()[0] as Message, large)).toBe(true)
  })
})
