// Greetings, legal and spoiled, in any chunks: read to the same end as by their description in RFC 37.

import { GREETING_SIZE, GreetingReader } from "../../src/zmtp/greeting.ts"
import { chunkSizes, cutInto, mutate } from "../support/conversation.ts"
import { verdictOf } from "../support/engine-reading.ts"
import type { FuzzTarget, Stage } from "../support/fuzzing.ts"
import { same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { greeting as rawGreeting } from "../support/raw-peer.ts"
import { readGreeting, verdictOfModel } from "../support/zmtp-model.ts"

interface Input {
  readonly octets: Buffer
  readonly chunks: readonly number[]
}

export const greeting: FuzzTarget<Input> = {
  name: "greeting",
  cases: 4000,

  generate(random: Random): Input {
    const mechanism = random.pick(["NULL", "PLAIN", "CURVE", "", "A-Z_0.9+", "ABCDEFGHIJKLMNOPQRST", "null", "NULL\0X"])
    const legal = rawGreeting({ major: random.pick([3, 3, 3, 0, 1, 2, 4, 255]), minor: random.octet(), mechanism })
    legal.fill(random.octet(), 1, 9)
    const octets = Buffer.concat(random.once(4) ? [legal] : mutate(random, [legal]))
    return { octets, chunks: chunkSizes(random, octets.length) }
  },

  open(): Stage<Input> {
    return {
      check({ octets, chunks }) {
        const expected = verdictOfModel(() => readGreeting(octets))
        let taken = 0
        const reader = new GreetingReader()
        const actual = verdictOfReader(() => {
          for (const chunk of cutInto(octets, chunks)) taken += reader.push(chunk, 0)
          return reader.greeting ?? null
        })
        same(actual, expected, "What the reader made of a greeting")
        if (typeof actual !== "string") same(taken, Math.min(octets.length, GREETING_SIZE), "The octets it took")
      },
    }
  },
}

function verdictOfReader<T>(read: () => T): T | string {
  try {
    return read()
  } catch (error) {
    return verdictOf(error)
  }
}
