// Runs the cases and prints how they compare. See README.md.

import { writeFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { type Case, FLOORS, FULL } from "./cases.ts"
import { brief, disturbance, machine, meetsFloor, type Outcome, ratioOf, table } from "./report.ts"
import { type Placement, runTrial } from "./trial.ts"

const { values } = parseArgs({
  options: {
    full: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    placement: { type: "string", default: "free" },
    json: { type: "string" },
  },
})
const runs = positive("--runs", values.runs)
const seconds = positive("--seconds", values.seconds)
const placement = values.placement as Placement
if (!["free", "together", "apart"].includes(placement)) {
  throw new Error(`--placement must be free, together or apart, got ${JSON.stringify(placement)}`)
}
const cases = (values.full ? FULL : FLOORS).filter(({ name }) => plain(name).includes(plain(values.only)))
if (cases.length === 0) throw new Error(`No case has ${JSON.stringify(values.only)} in its name`)

const warning = disturbance()
console.log(machine())
console.log(
  `${runs} runs of about ${seconds} s on each side, alternating; medians, lowest – highest; placement ${placement}`,
)
if (warning !== undefined) console.log(warning)

const outcomes: Outcome[] = []
for (const [index, work] of cases.entries()) {
  const title = `[${String(index + 1).padStart(String(cases.length).length)}/${cases.length}] ${work.name}`
  const outcome = await compare(work, (run) => progress(`${title}  run ${run} of ${runs}`))
  outcomes.push(outcome)
  progress("")
  console.error(`${title}  ${brief(outcome)}`)
}

console.log(`\n${table(outcomes)}`)
const judged = outcomes.filter((outcome) => meetsFloor(outcome) !== undefined)
const met = judged.filter((outcome) => meetsFloor(outcome) === true).length
if (judged.length > 0) console.log(`\n${met} of ${judged.length} floors met`)

for (const { case: failed, error } of outcomes) {
  if (error === undefined) continue
  console.error(`\n${failed.name}: ${error}`)
  process.exitCode = 1
}
if (values.json !== undefined) {
  const records = outcomes.map((outcome) => ({
    ...outcome,
    ...(outcome.error === undefined ? { ratio: ratioOf(outcome), floorMet: meetsFloor(outcome) } : {}),
  }))
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine: machine(), runs, seconds, placement, outcomes: records }, null, 2)}\n`,
  )
}

/** Alternates between the two, and lets each begin as often as the other. */
async function compare(work: Case, started: (run: number) => void): Promise<Outcome> {
  const outcome: Outcome = { case: work, subject: [], opponent: [] }
  try {
    for (let run = 1; run <= runs; run++) {
      started(run)
      const sides = run % 2 === 1 ? (["subject", "opponent"] as const) : (["opponent", "subject"] as const)
      for (const side of sides) outcome[side].push(await runTrial(work[side], seconds, placement))
    }
  } catch (error) {
    outcome.error = error instanceof Error ? error.message : String(error)
  }
  return outcome
}

function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`)
}

function positive(name: string, text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`${name} must be a number above 0, got ${text}`)
  return number
}

/** Names carry arrows and dashes, which nobody can type. */
function plain(name: string): string {
  return name.toLowerCase().replace(/->|[→–]/g, "-")
}
