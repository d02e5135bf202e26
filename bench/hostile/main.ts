// Measures what must hold under attack, one figure after the other, each in a process of its own; prints what was done,
// what came out, what it may be, and whether it holds. A run at full size writes the table of docs/hostile-network.md,
// or the lines in it that it has measured.
//
//   npm run hostile                    # everything
//   npm run hostile -- --only B5       # the figures of these ids, with commas between them
//   npm run hostile -- --quick         # small sizes, to see that it works; no measurement

import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { disturbance, machine } from "../report.ts"
import { FIGURES } from "./figures.ts"
import type { Finding, Size } from "./finding.ts"
import { writeResults } from "./results.ts"

/** A figure that takes longer than this hangs, ms. */
const PATIENCE = 15 * 60_000

const { values } = parseArgs({
  options: { only: { type: "string", default: "" }, quick: { type: "boolean", default: false } },
})
const wanted = values.only.split(",").filter((id) => id !== "")
const unknown = wanted.find((id) => !FIGURES.some(({ ids }) => ids.includes(id)))
if (unknown !== undefined) throw new Error(`There is no figure ${unknown}`)
const size: Size = values.quick ? "quick" : "full"

console.log(machine())
const warning = disturbance()
if (warning !== undefined) console.log(warning)

const findings: Finding[] = []
for (const [index, { ids, title }] of FIGURES.entries()) {
  if (wanted.length > 0 && !ids.some((id) => wanted.includes(id))) continue
  console.log(`\n${ids.join(", ")}: ${title}`)
  findings.push(...(await run(index, ids[0] as string)))
}

const failed = findings.filter(({ holds }) => !holds)
console.log(`\n${findings.length - failed.length} of ${findings.length} hold`)
if (failed.length > 0) process.exitCode = 1
if (size === "full") writeResults(findings, machine(), wanted.length === 0)

async function run(index: number, id: string): Promise<Finding[]> {
  const file = fileURLToPath(new URL("./figure-process.js", import.meta.url))
  const child = fork(file, [String(index), size], { execArgv: ["--expose-gc"] })
  const found: Finding[] = []
  const tell = (finding: Finding): void => {
    found.push(finding)
    const { holds, id, what, measured, bound } = finding
    console.log(`  ${holds ? "✓" : "✗"} ${id}  ${what}: ${measured} (${bound})`)
  }
  child.on("message", (finding) => tell(finding as Finding))
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE)
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once("exit", (code, signal) => resolve([code, signal]))
  })
  clearTimeout(timer)
  if (code !== 0) {
    tell({
      id,
      what: "the measurement",
      measured: `ended with ${signal ?? code}`,
      bound: "goes to its end",
      holds: false,
    })
  } else if (found.length === 0) {
    tell({ id, what: "the measurement", measured: "nothing", bound: "tells something", holds: false })
  }
  return found
}
