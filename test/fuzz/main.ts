// The long run: all targets in turn for as many minutes as one likes. The first failure ends it: it is shown together
// with the command that repeats it, joins the corpus, and makes the exit code 1.
//
//   --minutes N    how long; without it, every target has its ordinary number of cases once
//   --target NAME  only this one
//   --seed S       of the first case; with a target and without minutes, of the only one
//   --cases N      how many cases of each target
//   --corpus DIR   where the corpus is; without it, there is none

import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import {
  type CorpusCase,
  type Failure,
  type FuzzTarget,
  fuzz,
  readCorpus,
  show,
  writeCorpus,
} from "../support/fuzzing.ts"
import { TARGETS } from "./targets.ts"

/** How long a target is tried before it is the next one's turn, ms. */
const SLICE = 5_000

const { values } = parseArgs({
  options: {
    minutes: { type: "string" },
    target: { type: "string" },
    seed: { type: "string" },
    cases: { type: "string" },
    corpus: { type: "string" },
  },
})

function numberOf(option: "minutes" | "seed" | "cases"): number | undefined {
  const text = values[option]
  if (text === undefined) return undefined
  const number = Number(text)
  if (text.trim() === "" || !Number.isFinite(number) || number < 0) usage(`--${option} must be a number, got "${text}"`)
  return number
}

function usage(wrong: string): never {
  console.error(`${wrong}\n\n  --minutes N  --target NAME  --seed S  --cases N\n\n  ${names(TARGETS).join("\n  ")}`)
  process.exit(2)
}

function names(targets: readonly FuzzTarget<unknown>[]): string[] {
  return targets.map(({ name }) => name)
}

function fileOf(target: string): string | undefined {
  return values.corpus === undefined ? undefined : join(values.corpus, `${target}.json`)
}

function corpusOf(target: string): CorpusCase[] {
  const file = fileOf(target)
  return file === undefined || !existsSync(file) ? [] : readCorpus(readFileSync(file, "utf8"))
}

/** What is the least that is known to repeat it. */
function report(failure: Failure, first: number, cases: number): void {
  const { target, seed, error, input } = failure
  console.error(`\n${target} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  if (error instanceof Error && error.cause !== undefined) console.error("because of", error.cause)
  if (input !== undefined) console.error(`\n   ${show(input)}`)
  const again = `npm run fuzz -- --target ${target}`
  if (seed !== undefined) console.error(`\nthis case:      ${again} --seed ${seed}`)
  else if (input !== undefined) console.error(`\nthe corpus:     ${again} --cases 0`)
  if (cases > 1) console.error(`the whole run:  ${again} --seed ${first} --cases ${cases}`)
}

function remember({ target, seed, input, error }: Failure): void {
  const file = fileOf(target)
  if (file === undefined || seed === undefined) return
  const about = (error instanceof Error ? error.message : String(error)).split("\n")[0] as string
  writeFileSync(file, writeCorpus([...corpusOf(target), { seed, about: about.slice(0, 200), input }]))
  console.error(`it has joined   ${file}`)
}

const minutes = numberOf("minutes")
const given = numberOf("seed")
const chosen = values.target === undefined ? TARGETS : TARGETS.filter(({ name }) => name === values.target)
if (chosen.length === 0) usage(`There is no target "${values.target}"`)
const again = given !== undefined && values.target !== undefined && minutes === undefined
const cases = numberOf("cases") ?? (again ? 1 : undefined)
const end = performance.now() + (minutes ?? 0) * 60_000
const tried = new Map<string, number>()
let seed = given ?? Math.floor(Math.random() * 2 ** 32)

do {
  for (const target of chosen) {
    const started = performance.now()
    const until = Math.min(end, started + (chosen.length === 1 ? 4 : 1) * SLICE)
    let done = 0
    const failure = await fuzz(target, {
      // Once is enough; and where a case is repeated, nothing may come before it.
      corpus: again || tried.has(target.name) ? [] : corpusOf(target.name),
      seed,
      more: (count) => {
        done = count
        return minutes === undefined ? count < (cases ?? target.cases) : performance.now() < until
      },
    })
    if (failure !== undefined) {
      report(failure, seed, done + 1)
      remember(failure)
      process.exit(1)
    }
    const total = (tried.get(target.name) ?? 0) + done
    tried.set(target.name, total)
    const rate = Math.round((done * 1000) / (performance.now() - started))
    const left = minutes === undefined ? "" : `  ${Math.max(0, (end - performance.now()) / 60_000).toFixed(1)} min left`
    console.log(
      `${target.name.padEnd(24)} ${String(total).padStart(9)} cases ${String(rate).padStart(7)}/s  seed ${seed}${left}`,
    )
    seed = (seed + done) >>> 0
    if (minutes !== undefined && performance.now() >= end) break
  }
} while (minutes !== undefined && performance.now() < end)
