// The simulation at length, or one seed of it in words, or a proof that it finds faults:
//
//   npm run simulate -- --seeds 100000 [--from 1]
//   npm run simulate -- --seed 4711 [--fault <name>]
//   npm run simulate -- --faults [--seeds 1000]

import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type Fault, Laboratory } from "./laboratory.ts"
import { FAULTS } from "./planted-faults.ts"
import { type Outcome, type Subject, simulate } from "./simulate.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    fault: { type: "string" },
    faults: { type: "boolean", default: false },
  },
})

using laboratory = new Laboratory(sources())
process.exitCode = await main()

async function main(): Promise<number> {
  const from = Number(values.from)
  if (values.faults) return await findFaults(from, Number(values.seeds ?? 1000))
  const subject = await laboratory.prepare(faultOf(values.fault))
  return values.seed === undefined
    ? await runMany(subject, from, Number(values.seeds ?? 10_000))
    : await tell(subject, Number(values.seed))
}

/** One seed, in words. */
async function tell(subject: Subject, seed: number): Promise<number> {
  const outcome = await simulate(seed, subject, (line) => console.log(line))
  report(outcome)
  return outcome.failures.length === 0 ? 0 : 1
}

async function runMany(subject: Subject, from: number, count: number): Promise<number> {
  const begun = performance.now()
  let said = begun
  let failed = 0
  let letters = 0
  let time = 0
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(seed, subject)
    letters += outcome.letters
    time += outcome.time
    if (outcome.failures.length > 0) {
      failed++
      report(outcome)
    }
    if (performance.now() - said > 5000) {
      said = performance.now()
      console.log(`${seed - from + 1} of ${count} seeds, ${failed} failed, ${letters} messages`)
    }
  }
  const seconds = (performance.now() - begun) / 1000
  console.log(
    `${count} seeds from ${from}, ${failed} failed: ${letters} messages and ${Math.round(time / 1000)} s of simulated ` +
      `time in ${seconds.toFixed(1)} s`,
  )
  return failed === 0 ? 0 : 1
}

/** Each fault in its turn, until a seed shows it. */
async function findFaults(from: number, count: number): Promise<number> {
  let missed = 0
  for (const fault of FAULTS) {
    const subject = await laboratory.prepare(fault)
    const begun = performance.now()
    let found: Outcome | undefined
    for (let seed = from; seed < from + count && found === undefined; seed++) {
      const outcome = await simulate(seed, subject)
      if (outcome.failures.length > 0) found = outcome
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(1)
    if (found === undefined) missed++
    console.log(
      found === undefined
        ? `${fault.name}: NOT FOUND in ${count} seeds, ${seconds} s`
        : `${fault.name}: seed ${found.seed}, ${seconds} s: ${found.failures[0]?.split("\n")[0]}`,
    )
  }
  return missed === 0 ? 0 : 1
}

function faultOf(wanted: string | undefined): Fault | undefined {
  if (wanted === undefined) return undefined
  const fault = FAULTS.find(({ name }) => name === wanted)
  if (fault !== undefined) return fault
  throw new Error(`There is no fault "${wanted}"; there are: ${FAULTS.map(({ name }) => name).join(", ")}`)
}

function report({ seed, scenario, hash, failures }: Outcome): void {
  if (failures.length === 0) console.log(`seed ${seed} (${scenario}): all is well, ${hash}`)
  else console.log(`seed ${seed} (${scenario}) failed; npm run simulate -- --seed ${seed} shows how`)
  for (const failure of failures) console.log(`  ${failure}`)
}

/** src/ of the package this file belongs to, from wherever it runs. */
function sources(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder)
  return join(folder, "src")
}
