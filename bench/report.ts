// What people read: a line while it runs, a table when it is done.

import { availableParallelism, cpus, loadavg, totalmem } from "node:os"
import type { Case } from "./cases.ts"
import { columns } from "./columns.ts"
import { type Summary, summarize } from "./statistics.ts"
import type { Trial } from "./trial.ts"

/** All runs of one case. */
export interface Outcome {
  case: Case
  subject: Trial[]
  opponent: Trial[]
  /** Why there is no figure. */
  error?: string
}

/** Subject : opponent, of the medians. */
export function ratioOf(outcome: Outcome): number {
  return figuresOf(outcome.subject).median / figuresOf(outcome.opponent).median
}

/** Whether the floor is met; undefined where there is none. */
export function meetsFloor(outcome: Outcome): boolean | undefined {
  const { floor, measure } = outcome.case
  if (floor === undefined) return undefined
  if (outcome.error !== undefined) return false
  const ratio = ratioOf(outcome)
  return measure === "µs" ? ratio <= floor : ratio >= floor
}

/** The machine, in one line. */
export function machine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor"
  const memory = Math.round(totalmem() / 2 ** 30)
  const system = `${process.platform} ${process.arch}`
  return `Node.js ${process.version}, ${system}, ${availableParallelism()} × ${model}, ${memory} GiB`
}

/** A warning when something else keeps the machine busy. */
export function disturbance(): string | undefined {
  const load = loadavg()[0] as number
  if (load < 0.5) return undefined
  return `The machine is busy already (load ${load.toFixed(1)}): take the figures as an indication only.`
}

/** The figures of some runs in short, for the progress line. */
export function brief(outcome: Outcome): string {
  if (outcome.error !== undefined) return `failed: ${outcome.error.split("\n")[0]}`
  const { measure } = outcome.case
  const ours = figure(figuresOf(outcome.subject).median, measure)
  const theirs = figure(figuresOf(outcome.opponent).median, measure)
  return `${ours} : ${theirs} = ${ratioOf(outcome).toFixed(2)} ${mark(outcome)}`
}

/** The table of all cases. */
export function table(outcomes: readonly Outcome[]): string {
  const heading = ["", "brokerless", "spread", "zeromq", "spread", "MB/s", "ratio", "floor", "", "notes"]
  const alignments = heading.map((title, column) => (column === 0 || title === "notes" ? "left" : "right"))
  return columns([heading, ...outcomes.map(row)], alignments)
}

function row(outcome: Outcome): string[] {
  const { name, measure, floor, subject } = outcome.case
  const limit = floor === undefined ? "" : `${measure === "µs" ? "≤" : "≥"} ${floor}`
  if (outcome.error !== undefined) {
    return [name, "", "", "", "", "", "", limit, mark(outcome), "failed, see below"]
  }
  const ours = figuresOf(outcome.subject)
  const theirs = figuresOf(outcome.opponent)
  return [
    name,
    figure(ours.median, measure),
    spread(ours, measure),
    figure(theirs.median, measure),
    spread(theirs, measure),
    measure === "µs" ? "" : ((ours.median * subject.size) / 1e6).toFixed(0),
    ratioOf(outcome).toFixed(2),
    limit,
    mark(outcome),
    notes(outcome),
  ]
}

function notes({ case: { subject, opponent }, subject: ours, opponent: theirs }: Outcome): string {
  const notes: string[] = []
  if (subject.contender === opponent.contender) notes.push("both brokerless")
  const batch = optional(ours.map(({ messagesPerWrite }) => messagesPerWrite))
  if (batch !== undefined) notes.push(`${batch.median.toFixed(batch.median < 10 ? 1 : 0)} messages per write`)
  const tails = [optional(ours.map(({ p99 }) => p99)), optional(theirs.map(({ p99 }) => p99))]
  if (tails[0] !== undefined && tails[1] !== undefined) {
    notes.push(`p99 ${figure(tails[0].median, "µs")} : ${figure(tails[1].median, "µs")}`)
  }
  return notes.join(", ")
}

function mark(outcome: Outcome): string {
  const met = meetsFloor(outcome)
  return met === undefined ? "" : met ? "✓" : "✗"
}

function figuresOf(trials: readonly Trial[]): Summary {
  return summarize(trials.map(({ figure }) => figure))
}

function optional(values: readonly (number | undefined)[]): Summary | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : summarize(known)
}

/** Both ends in the unit of the median. */
function spread({ median, lowest, highest }: Summary, measure: Case["measure"]): string {
  const { per, unit, digits } = scaleOf(median, measure)
  return `${(lowest / per).toFixed(digits)} – ${(highest / per).toFixed(digits)} ${unit}`
}

function figure(value: number, measure: Case["measure"]): string {
  const { per, unit, digits } = scaleOf(value, measure)
  return `${(value / per).toFixed(digits)} ${unit}`
}

function scaleOf(value: number, measure: Case["measure"]): { per: number; unit: string; digits: number } {
  if (measure === "µs") return { per: 1, unit: "µs", digits: 1 }
  if (value >= 1e6) return { per: 1e6, unit: "M/s", digits: 2 }
  if (value >= 1e4) return { per: 1e3, unit: "k/s", digits: 1 }
  return { per: 1, unit: "/s", digits: 0 }
}
