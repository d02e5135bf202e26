// The check that all targets of whole conversations share: the engine against the model, twice over differently cut,
// and what memory it took.

import type { SocketType } from "../../src/socket-type.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { allocated } from "./allocations.ts"
import { type Conversation, chunkSizes, cutInto } from "./conversation.ts"
import { EngineReader } from "./engine-reading.ts"
import { holds, type Stage, same } from "./fuzzing.ts"
import type { Random } from "./random.ts"
import { type HandshakeModel, type ModelLimits, readZmtp } from "./zmtp-model.ts"

export interface EngineInput {
  readonly type: SocketType
  readonly octets: Buffer
  readonly chunks: readonly number[]
  /** Meanings asked for after each chunk. */
  readonly patience: number
  /** Whether it takes until all octets have come to find out whether the peer may come in. */
  readonly slowly: boolean
  readonly limits: ModelLimits
}

export function engineInput(random: Random, type: SocketType, pieces: Conversation): EngineInput {
  const octets = Buffer.concat(pieces)
  return {
    type,
    octets,
    chunks: chunkSizes(random, octets.length),
    patience: random.pick([1_000_000, 1_000_000, 2, 1, 0]),
    slowly: random.once(3),
    limits: limits(random),
  }
}

/** Mostly those that sockets have by default; else some that are often met. */
export function limits(random: Random): ModelLimits {
  const low = random.once(3)
  const one = (byDefault: number, ...lower: number[]): number => (low ? random.pick([byDefault, ...lower]) : byDefault)
  return {
    maxMessageSize: one(1 << 26, 4096, 1000, 100, 0),
    maxMessageFrames: one(1024, 5, 2, 1),
    maxHandshakeBytes: one(16_384, 16_384, 400, 120, 64),
    maxHandshakeFrameSize: one(8192, 8192, 100),
    maxTopicSize: one(4096, 100, 3),
    maxMetadataProperties: one(64, 64, 3, 1),
    maxMetadataBytes: one(8192, 8192, 60, 10),
  }
}

/** What a connection may take before anything has come, and for each octet that has (B4). */
const MEMORY_AT_ONCE = 256 * 1024
const MEMORY_PER_OCTET = 20

export interface Sides {
  mechanism(type: SocketType, limits: { maxProperties: number; maxBytes: number }): Mechanism
  model(): HandshakeModel
}

export function engineStage(sides: Sides): Stage<EngineInput> {
  return {
    check({ type, octets, chunks, patience, slowly, limits }) {
      const expected = readZmtp(octets, type, limits, sides.model())
      const metadataLimits = { maxProperties: limits.maxMetadataProperties, maxBytes: limits.maxMetadataBytes }
      for (const cut of [cutInto(octets, chunks), [octets]]) {
        const reader = new EngineReader(type, sides.mechanism(type, metadataLimits), limits, { patience, slowly })
        const memory = allocated(() => {
          reader.said()
          reader.feed(cut)
          reader.finish()
          reader.said()
        })
        const { meanings, ends } = reader
        same(meanings, expected.meanings, "What the engine made of it")
        // Where a handshake is too long, it depends on the cut whether anything else was found wrong before.
        if (expected.ends !== "limit maxHandshakeBytes" || ends === undefined) same(ends, expected.ends, "How it ended")
        const most = MEMORY_AT_ONCE + MEMORY_PER_OCTET * octets.length
        holds(memory <= most, () => `It took ${memory} octets of memory for ${octets.length} octets`)
      }
    },
  }
}
