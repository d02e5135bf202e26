// The simulation at length, or one seed of it in words:
//
//   npm run simulate -- --seeds 100000 [--from 1]      npm run simulate -- --seed 4711 [--fault <name>]

import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Laboratory } from "./laboratory.ts"
import { FAULTS } from "./planted-faults.ts"
import { type Outcome, simulate } from "./simulate.ts"

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "10000" },
    from: { type: "string", default: "1" },
    fault: { type: "string" },
  },
})

process.exitCode = await main()

async function main(): Promise<number> {
  const fault = FAULTS.find(({ name }) => name === values.fault)
  if (values.fault !== undefined && fault === undefined) {
    throw new Error(`There is no fault "${values.fault}"; there are ${FAULTS.map(({ name }) => name).join(", ")}`)
  }
  using laboratory = new Laboratory(sources())
  const subject = await laboratory.prepare(fault)
  if (values.seed !== undefined) {
    const outcome = await simulate(Number(values.seed), subject, (line) => console.log(line))
    report(outcome)
    return outcome.failures.length === 0 ? 0 : 1
  }
  const from = Number(values.from)
  const count = Number(values.seeds)
  const begun = performance.now()
  let failed = 0
  let letters = 0
  let steps = 0
  let said = begun
  for (let seed = from; seed < from + count; seed++) {
    const outcome = await simulate(seed, subject)
    letters += outcome.letters
    steps += outcome.steps
    if (outcome.failures.length > 0) {
      failed++
      report(outcome)
    }
    if (performance.now() - said > 5000) {
      said = performance.now()
      console.log(`${seed - from + 1} of ${count} seeds, ${failed} failed, ${letters} letters`)
    }
  }
  const seconds = (performance.now() - begun) / 1000
  console.log(
    `${count} seeds from ${from}: ${failed} failed; ${letters} letters, ${steps} steps, ${seconds.toFixed(1)} s`,
  )
  return failed === 0 ? 0 : 1
}

function report({ seed, scenario, hash, failures }: Outcome): void {
  console.log(`seed ${seed} (${scenario}) ${hash}: ${failures.length === 0 ? "all is well" : ""}`)
  for (const failure of failures) console.log(`  ${failure}`)
}

/** src/ of the package this file belongs to, from wherever it runs. */
function sources(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder)
  return join(folder, "src")
}
