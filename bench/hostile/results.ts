// The table of docs/hostile-network.md, between two marks; what stands around it is written by hand.

import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Finding } from "./finding.ts"

const BEGIN = "<!-- written by `npm run hostile` -->"
const END = "<!-- until here -->"

/** Where the docs are, seen from build/bench/hostile/. */
const FILE = fileURLToPath(new URL("../../../docs/hostile-network.md", import.meta.url))

export function writeResults(findings: readonly Finding[], machine: string): void {
  const text = readFileSync(FILE, "utf8")
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the results`)
  writeFileSync(FILE, text.slice(0, begin) + block(findings, machine) + text.slice(end))
}

function block(findings: readonly Finding[], machine: string): string {
  const rows = findings.map(({ id, what, measured, bound, holds }) => [id, what, measured, bound, holds ? "✓" : "✗"])
  const cells = [["", "what was done", "what came out", "what it may be", ""], Array(5).fill("---"), ...rows]
  const table = cells.map((row) => `| ${row.join(" | ")} |`)
  const date = new Date().toISOString().slice(0, 10)
  return [BEGIN, "", `Measured on ${date}: ${machine}.`, "", ...table, "", ""].join("\n")
}
