// The figures of bench/hostile/ that are short enough, at a small size: the same scripts as in a measurement, each in a
// process of its own, with bounds of time that a busy machine can keep to. They run from build/, which has to be there:
// `npm run build && npm run build:programs`.

import { fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { FIGURES } from "../bench/hostile/figures.ts"
import type { Finding } from "../bench/hostile/finding.ts"

const FILE = fileURLToPath(new URL("../build/bench/hostile/figure-process.js", import.meta.url))
const SHORT = ["B1", "B7", "B8", "B9", "B10", "B11", "B13", "B15"]

function measure(index: number): Promise<{ findings: Finding[]; code: number | null }> {
  if (!existsSync(FILE)) throw new Error(`There is no ${FILE}: run "npm run build && npm run build:programs"`)
  const child = fork(FILE, [String(index), "quick"], { execArgv: ["--expose-gc"] })
  const findings: Finding[] = []
  child.on("message", (finding) => findings.push(finding as Finding))
  // It may have ended, and what it told before is still on its way.
  return Promise.all([once(child, "exit"), once(child, "disconnect")]).then(([[code]]) => ({ findings, code }))
}

describe("figures that hold under attack", () => {
  const figures = FIGURES.map((figure, index) => ({ ...figure, index, id: figure.ids.join(", ") }))

  it.each(figures.filter(({ ids }) => ids.some((id) => SHORT.includes(id))))(
    "$id: $title",
    async ({ index }) => {
      const { findings, code } = await measure(index)
      expect(findings.filter(({ holds }) => !holds)).toEqual([])
      expect(findings.length).toBeGreaterThan(0)
      expect(code).toBe(0)
    },
    180_000,
  )
})
