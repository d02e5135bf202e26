// The simulation in an ordinary run: some hundred worlds, the same world twice, and a proof that it finds what is wrong.
// `npm run simulate` does the same at any length.

import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Laboratory } from "./laboratory.ts"
import { FAULTS } from "./planted-faults.ts"
import { type Outcome, type Subject, simulate } from "./simulate.ts"

const SEEDS = 200
/** Beyond them, seeds that have shown something. */
const REMEMBERED = [365, 1264, 1299, 1372]
/** Within so many seeds each fault has to be found. */
const SEARCHED = 1000

let laboratory: Laboratory
let sound: Subject

beforeAll(async () => {
  laboratory = new Laboratory(fileURLToPath(new URL("../../src/", import.meta.url)))
  sound = await laboratory.prepare()
})

afterAll(() => laboratory[Symbol.dispose]())

function told({ seed, failures }: Outcome): string[] {
  return failures.map((failure) => `npm run simulate -- --seed ${seed}: ${failure}`)
}

describe("a simulated world", () => {
  // A few seconds of work, more on a machine that has others to do.
  it(`B1, B11: keeps what is promised, and leaves nothing behind: ${SEEDS} of them`, { timeout: 120_000 }, async () => {
    const scenarios = new Set<string>()
    let letters = 0
    for (const seed of [...Array.from({ length: SEEDS }, (_, n) => n + 1), ...REMEMBERED]) {
      const outcome = await simulate(seed, sound)
      expect(told(outcome)).toEqual([])
      scenarios.add(outcome.scenario)
      letters += outcome.letters
    }
    expect([...scenarios].sort()).toEqual(["addressed", "fanout", "pairs", "pipeline", "pubsub", "questions"])
    expect(letters).toBeGreaterThan(SEEDS * 20)
  })

  it("is the same whenever it is made from the same seed, whatever came before it", async () => {
    const seeds = [3, 14, 15, 92, 65]
    const before: string[] = []
    for (const seed of seeds) before.push((await simulate(seed, sound)).hash)
    const after: string[] = []
    for (const seed of seeds.toReversed()) after.unshift((await simulate(seed, await laboratory.prepare())).hash)
    expect(after).toEqual(before)
    expect(new Set(before).size).toBe(seeds.length)
  })

  it("gives the time back as it was", async () => {
    const { setTimeout, setImmediate } = globalThis
    const before = performance.now()
    await simulate(1, sound)
    expect(globalThis.setTimeout).toBe(setTimeout)
    expect(globalThis.setImmediate).toBe(setImmediate)
    expect(performance.now()).toBeGreaterThan(before)
    expect(Object.hasOwn(performance, "now")).toBe(false)
  })
})

describe("a planted fault is found", { timeout: 300_000 }, () => {
  it("in ten ways at least to be wrong", () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length)
    expect(FAULTS.length).toBeGreaterThanOrEqual(10)
  })

  it.each(FAULTS)("$name: $about", async (fault) => {
    const subject = await laboratory.prepare(fault)
    const seeds = [fault.seed, ...Array.from({ length: SEARCHED }, (_, n) => n + 1)]
    let failures: readonly string[] = []
    for (const seed of seeds) {
      failures = (await simulate(seed, subject)).failures
      if (failures.length > 0) break
    }
    expect(failures).not.toEqual([])
  })

  it("only if it fits the source as it is", async () => {
    const stale = { ...FAULTS[0], find: "this stands nowhere" } as (typeof FAULTS)[number]
    await expect(laboratory.prepare(stale)).rejects.toThrow("does not fit")
  })
})
