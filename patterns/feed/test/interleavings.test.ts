// Everything that may happen to a subscriber, in every order in which it may: hundreds of short
// histories. FEED_SEED and FEED_HISTORIES try others, and more.

import { describe, expect, it } from "vitest"
import { Random } from "../../../test/support/random.ts"
import { World } from "./simulated-world.ts"

const FIRST_SEED = Number(process.env.FEED_SEED ?? 1)
const HISTORIES = Number(process.env.FEED_HISTORIES ?? 300)
const STEPS = 100
/** ms for each; what one takes is a small part of that. */
const PATIENCE = 200

function live(seed: number, log?: string[]): void {
  const world = new World(new Random(seed), log)
  for (let i = 0; i < STEPS; i++) world.step()
  world.settle()
}

/** How a history ends; one that ends badly is told. */
function outcome(seed: number): string {
  try {
    live(seed)
    return "well"
  } catch (error) {
    // The same once more, with a word for each step.
    const log: string[] = []
    expect(() => live(seed, log), `seed ${seed}: ${error}`).toThrow()
    return `seed ${seed}:\n${log.slice(-60).join("\n")}\n${error}`
  }
}

describe("a subscriber in memory", () => {
  it(
    "knows what it promises after every step, tells and counts everything once, and converges",
    () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) expect(outcome(seed)).toBe("well")
    },
    HISTORIES * PATIENCE,
  )
})
