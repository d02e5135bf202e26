// The decoder of `msgpack()`: the same values as by the specification, for octets that are legal, spoiled, or anything;
// nothing that is kept in memory of somebody else's; and what was decoded is decoded once more when it is encoded.

import { msgpack } from "../../src/codec/msgpack.ts"
import { CodecError } from "../../src/errors.ts"
import { allocated } from "../support/allocations.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import { inWords, readMsgpack } from "../support/msgpack-model.ts"
import type { Random } from "../support/random.ts"

interface Input {
  readonly octets: Buffer
  readonly maxSize: number
  readonly maxDepth: number
  readonly maxValues: number
}

export const msgpackDecoder: FuzzTarget<Input> = {
  name: "msgpack",
  cases: 6000,

  generate(random: Random): Input {
    const octets = random.choose(
      [9, () => spoiled(random, value(random, random.within(0, 5)))],
      [1, () => random.octets(random.size(300))],
    )
    return {
      octets,
      maxSize: random.pick([1 << 26, 1 << 26, 100]),
      maxDepth: random.pick([100, 100, 3, 1]),
      maxValues: random.pick([1_000_000, 1_000_000, 20, 3]),
    }
  },

  open(): Stage<Input> {
    return {
      check({ octets, ...limits }) {
        const codec = msgpack(limits)
        const lent = Buffer.from(octets)
        let decoded: unknown
        let actual: unknown
        const memory = allocated(() => {
          try {
            decoded = codec.decode(lent)
          } catch (error) {
            holds(error instanceof CodecError, () => `Something else was thrown: ${String(error)}`)
            actual = "invalid"
          }
        })
        lent.fill(0xee)
        actual ??= { words: inWords(decoded) }
        same(actual, readMsgpack(octets, limits), "What a frame says")
        holds(memory <= 128 * 1024 + 8 * octets.length, () => `${memory} octets of memory for ${octets.length} octets`)
        if (actual === "invalid") return
        const plenty = msgpack({ maxDepth: 1000 })
        const again = plenty.decode(plenty.encode(decoded) as Buffer)
        same(withoutSigns(inWords(again)), withoutSigns(inWords(decoded)), "What it says the second time")
      },
    }
  },
}

/** Zero has no sign when it is sent. */
function withoutSigns(words: unknown): unknown {
  return JSON.parse(JSON.stringify(words).replaceAll('{"number":"-0"}', '{"number":"0"}'))
}

/** Any value, most of them legal. */
function value(random: Random, depth: number): Buffer {
  return random.choose<Buffer>(
    [4, () => Buffer.from([random.octet()])],
    [
      2,
      () => Buffer.from([random.pick([0xc0, 0xc2, 0xc3, 0xcc, 0xcd, 0xd0, 0xd1, 0xca, 0xcb, 0xcf, 0xd3, 0xce, 0xd2])]),
    ],
    [3, () => sized(random, 0xcc, random.octets(random.pick([1, 2, 4, 8])))],
    [6, () => text(random)],
    [2, () => run(random, 0xc4, random.octets(random.size(300)))],
    [1, () => extension(random)],
    [depth > 0 ? 5 : 0, () => list(random, 1, depth)],
    [depth > 0 ? 5 : 0, () => list(random, 2, depth)],
    [1, () => Buffer.concat([Buffer.from([random.pick([0xdd, 0xdf, 0xc6, 0xdb, 0xdc, 0xde])]), random.octets(4)])],
  )
}

/** An integer of as many octets: unsigned or, now and then, signed. */
function sized(random: Random, unsigned: number, octets: Buffer): Buffer {
  const token = unsigned + Math.log2(octets.length) + (random.once(2) ? 4 : 0)
  return Buffer.concat([Buffer.from([token]), octets])
}

function text(random: Random): Buffer {
  const names = ["id", "name", "__proto__", "constructor", "toString", "é", "\ufeff", ""]
  const octets = random.choose<Buffer>(
    [6, () => Buffer.from(random.pick(names))],
    [2, () => Buffer.from(random.pick(names) + "x".repeat(random.size(300)))],
    [1, () => random.octets(random.size(100))],
  )
  if (octets.length < 32 && !random.once(4)) return Buffer.concat([Buffer.from([0xa0 + octets.length]), octets])
  return run(random, 0xd9, octets)
}

/** Octets behind a length of 1, 2 or 4 octets, the first of which fits. */
function run(random: Random, token: number, octets: Buffer): Buffer {
  const size = octets.length > 255 ? random.pick([2, 4]) : random.pick([1, 1, 2, 4])
  const header = Buffer.alloc(1 + size, token + Math.log2(size))
  header.writeUIntBE(octets.length, 1, size)
  return Buffer.concat([header, octets])
}

function extension(random: Random): Buffer {
  const type = random.pick([0xff, 0x72, 0x69, 0x70, 0x62, 0x73, 0x74, 0x78, 0x65, 0x42, 0, 5])
  const fixed = random.below(5)
  const body = Buffer.concat([Buffer.from([type]), random.octets(2 ** fixed)])
  if (!random.once(3)) return Buffer.concat([Buffer.from([0xd4 + fixed]), body])
  return Buffer.concat([Buffer.from([0xc7, 2 ** fixed]), body])
}

/** An array, or a map whose keys are mostly texts. */
function list(random: Random, kind: 1 | 2, depth: number): Buffer {
  const count = random.choose([8, () => random.below(6)], [1, () => random.within(10, 40)])
  const items = Array.from({ length: count }, () =>
    kind === 1
      ? value(random, depth - 1)
      : Buffer.concat([random.once(6) ? value(random, 0) : text(random), value(random, depth - 1)]),
  )
  const short = count < 16 && !random.once(4)
  const header = short ? Buffer.alloc(1) : Buffer.alloc(random.pick([3, 5]))
  if (short) header[0] = (kind === 1 ? 0x90 : 0x80) + count
  else {
    header.writeUIntBE(count, 1, header.length - 1)
    header[0] = (kind === 1 ? 0xdc : 0xde) + (header.length === 5 ? 1 : 0)
  }
  return Buffer.concat([header, ...items])
}

/** The same with a few octets changed, cut off or put in; often as it was. */
function spoiled(random: Random, octets: Buffer): Buffer {
  let made = octets
  for (let count = random.pick([0, 0, 0, 1, 1, 2]); count > 0; count--) {
    const at = random.below(made.length + 1)
    made = random.choose<Buffer>(
      [3, () => Buffer.concat([made.subarray(0, at), random.octets(1), made.subarray(at + 1)])],
      [1, () => made.subarray(0, at)],
      [1, () => made.subarray(at)],
      [1, () => Buffer.concat([made.subarray(0, at), random.octets(random.within(1, 5)), made.subarray(at)])],
      [1, () => Buffer.concat([made, made])],
    )
  }
  return made
}
