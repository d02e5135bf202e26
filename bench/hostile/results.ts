// The table of docs/hostile-network.md, between two marks; what stands around it is written by hand.

import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Finding } from "./finding.ts"

const BEGIN = "<!-- written by `npm run hostile` -->"
const END = "<!-- until here -->"

/** Where the docs are, seen from build/bench/hostile/. */
const FILE = fileURLToPath(new URL("../../../docs/hostile-network.md", import.meta.url))

/** Writes all of the table, or the lines of the figures that were measured. */
export function writeResults(findings: readonly Finding[], machine: string, all: boolean): void {
  const text = readFileSync(FILE, "utf8")
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${FILE} has no place for the results`)
  const date = new Date().toISOString().slice(0, 10)
  const block = all
    ? table([`Measured on ${date}: ${machine}.`], findings.map(row))
    : merged(text.slice(begin, end).split("\n"), findings, `on ${date}: ${machine}.`)
  writeFileSync(FILE, text.slice(0, begin) + block + text.slice(end))
}

/** The table that is there, with the new lines of each figure in the place of its old ones. */
function merged(old: readonly string[], findings: readonly Finding[], when: string): string {
  const ids = [...new Set(findings.map(({ id }) => id))]
  const again = `${ids.join(", ")} measured again `
  const heads = old.filter((line) => /^Measured on | measured again on /.test(line) && !line.startsWith(again))
  const placed = new Set<string>()
  const rows = old
    .filter((line) => line.startsWith("| B"))
    .flatMap((line) => {
      const id = line.slice(2, line.indexOf(" |"))
      if (!ids.includes(id)) return [line]
      if (placed.has(id)) return []
      placed.add(id)
      return findings.filter((finding) => finding.id === id).map(row)
    })
  const missing = findings.filter(({ id }) => !placed.has(id)).map(row)
  return table([...heads, again + when], [...rows, ...missing])
}

function row({ id, what, measured, bound, holds }: Finding): string {
  return line([id, what, measured, bound, holds ? "✓" : "✗"])
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`
}

function table(heads: readonly string[], rows: readonly string[]): string {
  const heading = [line(["", "what was done", "what came out", "what it may be", ""]), line(Array(5).fill("---"))]
  return [BEGIN, "", ...heads.flatMap((head) => [head, ""]), ...heading, ...rows, "", ""].join("\n")
}
