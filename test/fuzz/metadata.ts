// Metadata, legal and spoiled: the same properties as by their description in RFC 37, in memory of their own; and what
// we say of ourselves is read back as it was given.

import { decodeMetadata, encodeMetadata } from "../../src/zmtp/metadata.ts"
import { allocated } from "../support/allocations.ts"
import { mutate } from "../support/conversation.ts"
import { verdictOf } from "../support/engine-reading.ts"
import { type FuzzTarget, holds, type Stage, same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { property } from "../support/raw-peer.ts"
import { readMetadata, verdictOfModel } from "../support/zmtp-model.ts"

interface Input {
  readonly octets: Buffer
  readonly own: readonly { readonly name: string; readonly value: Buffer }[]
  readonly maxMetadataProperties: number
  readonly maxMetadataBytes: number
}

export const metadata: FuzzTarget<Input> = {
  name: "metadata",
  cases: 6000,

  generate(random: Random): Input {
    const properties = random.list(0, 6, () => property(name(random), random.octets(random.size(400))))
    return {
      octets: Buffer.concat(mutate(random, properties)),
      own: random.list(0, 5, () => ({ name: name(random), value: random.octets(random.size(300)) })),
      maxMetadataProperties: random.pick([64, 64, 3, 1]),
      maxMetadataBytes: random.pick([8192, 8192, 100]),
    }
  },

  open(): Stage<Input> {
    return {
      check({ octets, own, maxMetadataProperties, maxMetadataBytes }) {
        const limits = { maxProperties: maxMetadataProperties, maxBytes: maxMetadataBytes }
        let actual: unknown
        const memory = allocated(() => {
          const lent = Buffer.from(octets)
          try {
            const found = decodeMetadata(lent, limits)
            lent.fill(0xee)
            actual = [...found]
          } catch (error) {
            actual = verdictOf(error)
          }
        })
        const expected = verdictOfModel(() => [...readMetadata(octets, { maxMetadataProperties, maxMetadataBytes })])
        same(actual, expected, "What properties a peer has")
        holds(memory <= 2 * octets.length, () => `${memory} octets of memory for ${octets.length} octets`)
        const said = encodeMetadata(own.map(({ name, value }) => [name, value] as const))
        const plenty = { maxMetadataProperties: 100, maxMetadataBytes: 1 << 20 }
        const first = new Map(own.toReversed().map(({ name, value }) => [name.toLowerCase(), value]))
        const read = readMetadata(said, plenty)
        for (const [name, value] of first) same(read.get(name), value, `What we said of ${name}`)
        same(read.size, first.size, "How many properties we told of")
      },
    }
  },
}

function name(random: Random): string {
  return random.choose(
    [3, () => random.pick(["Socket-Type", "Identity", "socket-type", "X-A", "x-a", "__proto__", "constructor"])],
    [2, () => Array.from({ length: random.within(1, 8) }, () => random.pick([..."abzAZ09-_.+"])).join("")],
    [1, () => "N".repeat(random.within(1, 255))],
  )
}
