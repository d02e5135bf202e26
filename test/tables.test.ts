// docs/tables/ says what the code says.

import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
// biome-ignore lint/correctness/useImportExtensions: the file has this very name
import { tables } from "../scripts/tables.mjs"
import { OPTIONS } from "../src/options.ts"
import { legalPeers, SOCKET_TYPES } from "../src/socket-type.ts"
import { DROP_REASONS } from "../src/stats.ts"

const FOLDER = new URL("../docs/tables/", import.meta.url)
const TABLES = tables({ options: OPTIONS, socketTypes: SOCKET_TYPES, legalPeers })

function table(name: string): string {
  return TABLES.get(name) ?? ""
}

describe("the tables of docs/", () => {
  it.each([...TABLES.keys()])("%s is up to date (npm run docs:tables)", (file) => {
    expect(readFileSync(new URL(file, FOLDER), "utf8")).toBe(TABLES.get(file))
  })

  it("are all that is there", () => {
    expect(readdirSync(FOLDER).sort()).toEqual([...TABLES.keys(), "README.md"].sort())
  })

  it("have a row for each thing, and no empty explanation", () => {
    for (const name of Object.keys(OPTIONS)) expect(table("options.md")).toContain(`| \`${name}\` |`)
    for (const [name, { bites }] of Object.entries(OPTIONS)) {
      expect(table("limits.md").includes(`| \`${name}\` |`)).toBe(bites !== undefined)
      // Every limit is told of, by events that there are.
      if (bites === undefined) continue
      const events = [...bites.matchAll(/`([a-z:]+)`/g)].map(([, event]) => event)
      expect(events).not.toEqual([])
      for (const event of events) expect(table("events.md")).toContain(`| \`${event}\` |`)
    }
    for (const reason of DROP_REASONS) expect(table("drop-reasons.md")).toContain(`| \`${reason}\` |`)
    expect(table("events.md")).toMatch(/\| `peer:join` \| `peer: Peer` \| \S/)
    expect(table("errors.md")).toMatch(/\| `TimeoutError` \| `EAGAIN` \| \S/)
    for (const type of SOCKET_TYPES) expect(table("legal-pairs.md")).toMatch(new RegExp(`^\\| ${type} \\|.*●`, "m"))
    for (const [file, text] of TABLES) if (file !== "legal-pairs.md") expect(text).not.toMatch(/\| +\|$/m)
  })
})
