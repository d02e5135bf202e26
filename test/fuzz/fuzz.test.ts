// Every fuzz target for a moment: what its corpus remembers, then new cases. `npm run fuzz` goes on for as long as one
// likes, and adds what it finds to the corpus.

import { existsSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { fuzz, readCorpus, show } from "../support/fuzzing.ts"
import { TARGETS } from "./targets.ts"

describe("random input", () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    "B1, B9, LIMIT-12: to %s disturbs nobody, and leaves nothing open",
    { timeout: 120_000 },
    async (name, target) => {
      const file = new URL(`corpus/${name}.json`, import.meta.url)
      const corpus = existsSync(file) ? readCorpus(readFileSync(file, "utf8")) : []
      const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32))
      const failure = await fuzz(target, { corpus, seed, more: (done) => done < target.cases })
      const command = `npm run fuzz -- --target ${name} --seed ${failure?.seed ?? seed}`
      const cause = failure?.error instanceof Error ? failure.error : undefined
      expect(failure, failure && `${command}\n${cause?.stack}\n${show(failure.input)}`).toBeUndefined()
    },
  )
})
