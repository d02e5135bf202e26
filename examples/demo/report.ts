// What came of it all: a table to read, what was lost by name and reason, and every figure against what it must be.

import type { Latency } from "./latency.ts"
import { bold, count, dim, green, perSecond, quantile, red } from "./print.ts"

/** One line of the table. What does not apply is left out. */
export interface Row {
  readonly name: string
  /** The transport, or another short remark. */
  readonly over?: string
  readonly messages: number
  readonly seconds?: number
  readonly latency?: Latency
  /** Messages that shared a write to the system, on average. */
  readonly perWrite?: number
  /** Messages lost, and why. */
  readonly lost?: { readonly messages: number; readonly reason: string }
}

/** One figure and what it must be. */
export interface Check {
  readonly what: string
  readonly is: string
  /** What it must be, in words when it is no number. */
  readonly must: string
  readonly right: boolean
}

/** What came of a part. */
export interface Outcome {
  readonly title: string
  /** One sentence for its line of progress. */
  readonly summary: string
  readonly rows: readonly Row[]
  readonly checks: readonly Check[]
  /** Whatever deserves to be said in full. */
  readonly notes?: readonly string[]
}

/** A figure that must be exactly so. */
export function exactly(what: string, is: number | string, must: number | string): Check {
  return { what, is: show(is), must: show(must), right: is === must }
}

/** A figure that must be within bounds. */
export function within(what: string, is: number, least: number, most: number): Check {
  const must = most === Number.POSITIVE_INFINITY ? `at least ${count(least)}` : `${count(least)} to ${count(most)}`
  return { what, is: count(is), must, right: is >= least && is <= most }
}

/** All dropped messages of a socket, whatever the reason. */
export function totalDropped(dropped: Readonly<Record<string, number>>): number {
  return Object.values(dropped).reduce((sum, messages) => sum + messages, 0)
}

/** The reasons for which a socket dropped messages. */
export function reasonsOf(dropped: Readonly<Record<string, number>>): string {
  return Object.keys(dropped)
    .filter((reason) => dropped[reason]! > 0)
    .join(", ")
}

/** Prints everything; true if every figure is what it must be. */
export function printReport(outcomes: readonly Outcome[], seconds: number): boolean {
  printTable(outcomes)
  for (const note of outcomes.flatMap(({ notes }) => notes ?? [])) console.log(`\n${note}`)
  const checks = outcomes.flatMap((outcome) => outcome.checks)
  const wrong = checks.filter((check) => !check.right)
  printChecks(outcomes)
  const took = `${seconds.toFixed(1)} s`
  if (wrong.length === 0) console.log(green(`\nAll ${checks.length} figures are what they must be. ${took}\n`))
  else console.log(red(`\n${wrong.length} of ${checks.length} figures are not what they must be. ${took}\n`))
  return wrong.length === 0
}

function printTable(outcomes: readonly Outcome[]): void {
  const heading = ["", "", "messages", "per second", "p50", "p99", "per write", "lost"]
  const body = outcomes.map(({ title, rows }) => ({ title, cells: rows.map(cellsOf) }))
  const all = [heading, ...body.flatMap(({ cells }) => cells)]
  const widths = heading.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)))
  const line = (cells: readonly string[]) =>
    `   ${cells.map((cell, column) => align(cell, widths[column]!, column)).join("  ")}`.trimEnd()

  console.log(`\n${dim(line(heading))}`)
  for (const { title, cells } of body) {
    console.log(bold(` ${title}`))
    for (const row of cells) console.log(line(row))
  }
}

function cellsOf({ name, over, messages, seconds, latency, perWrite, lost }: Row): string[] {
  return [
    name,
    over ?? "",
    count(messages),
    seconds === undefined ? "" : perSecond(messages, seconds),
    latency === undefined ? "" : quantile(latency, 0.5),
    latency === undefined ? "" : quantile(latency, 0.99),
    perWrite === undefined ? "" : perWrite.toFixed(perWrite < 10 ? 1 : 0),
    lost === undefined ? "" : lost.messages === 0 ? "none" : `${count(lost.messages)} ${lost.reason}`,
  ]
}

/** Words to the left, figures to the right. */
function align(cell: string, width: number, column: number): string {
  return column >= 2 && column <= 6 ? cell.padStart(width) : cell.padEnd(width)
}

function printChecks(outcomes: readonly Outcome[]): void {
  console.log("")
  for (const { title, checks } of outcomes) {
    console.log(bold(` ${title}`))
    for (const { what, is, must, right } of checks) {
      const mark = right ? green("✓") : red("✗")
      console.log(`  ${mark} ${what}: ${is}${is === must ? "" : dim(` (must be ${must})`)}`)
    }
  }
}

function show(value: number | string): string {
  return typeof value === "number" ? count(value) : value
}
