// That the list of differences is what the migration guide says, and that what it refers to is there.

import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { DIFFERENCES, tableOf } from "./differences.ts"

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8")

describe("the list of differences", () => {
  it("is the table of the migration guide, row by row", () => {
    const table = read("docs/migrating-from-zeromq.md").match(/^\| what \| in `zeromq` [\s\S]*?\|$(?![\s\S]*^\|)/m)?.[0]
    expect(table).toBe(tableOf(DIFFERENCES))
  })

  it("says of each what proves it", () => {
    expect(DIFFERENCES.filter(({ shown }) => shown.length === 0).map(({ what }) => what)).toEqual([])
    for (const shown of DIFFERENCES.flatMap((each) => each.shown)) {
      if ("file" in shown) expect(read(shown.file)).toContain(`"${shown.title}`)
    }
  })
})

describe("the drop-in", () => {
  it("has no other doors than its own", () => {
    const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, unknown> }
    expect(Object.keys(exports).filter((name) => name.startsWith("./zeromq"))).toEqual([
      "./zeromq",
      "./zeromq/draft",
      "./zeromq/draft.js",
      "./zeromq/v5-compat",
      "./zeromq/v5-compat.js",
    ])
  })
})
