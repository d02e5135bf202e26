// What a reader finds of every pattern, wherever he begins: its README, its page of the guide, its example, and a test
// that kills processes.

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"

const ROOT = new URL("../", import.meta.url)
const PATTERNS = readdirSync(new URL("patterns/", ROOT), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), "utf8")
}

/** The fenced blocks without a language that have lines or arrows: drawings. */
function drawings(text: string): string[] {
  const blocks = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
  return blocks.filter(([, language, body = ""]) => language === "" && /[─═]/.test(body)).map(([block]) => block)
}

/** The links of a page that lead to an example. */
function examplesOf(text: string): string[] {
  return [...text.matchAll(/\]\(\.\.\/\.\.\/(examples\/\d[\w-]+\.ts)\)/g)].map(([, path]) => path as string)
}

describe("the patterns", () => {
  it("are in the tables of README.md and patterns/README.md", () => {
    expect(PATTERNS.length).toBeGreaterThan(8)
    for (const name of PATTERNS) {
      expect(read("README.md")).toContain(`| [${name}](patterns/${name}/README.md) |`)
      expect(read("README.md")).toContain(`[guide](docs/guide/${name}.md)`)
      expect(read("patterns/README.md")).toContain(`| [${name}](${name}/README.md) |`)
    }
  })

  describe.each(PATTERNS)("%s", (name) => {
    const readme = read(`patterns/${name}/README.md`)
    const guide = read(`docs/guide/${name}.md`)

    it("says in its README when to use it and when not, what is lost when, and each frame; with a drawing", () => {
      expect(readme).toMatch(/\bUse it\b/)
      expect(readme).toMatch(/\b(Do not use it|Not for|when not|For messages that are no state)\b/)
      expect(readme).toMatch(/^## What (is promised when what fails|is lost when)/m)
      expect(readme).toMatch(/^## On the wire/m)
      expect(drawings(readme)).not.toEqual([])
    })

    it("names in its README each option that bounds what it holds", () => {
      const sources = readdirSync(new URL(`patterns/${name}/`, ROOT)).filter((file) => file.endsWith(".ts"))
      const text = sources.map((file) => read(`patterns/${name}/${file}`)).join("\n")
      const bounds = [...text.matchAll(/^ {2}readonly (max\w+)\?: /gm)].map(([, bound]) => bound)
      expect(bounds.filter((bound) => !readme.includes(`\`${bound}\``))).toEqual([])
    })

    it("has a page in the guide, with a drawing, from the problem to what can go wrong", () => {
      expect(guide).toMatch(/^(## What problem|\*\*The problem\.\*\*)/m)
      expect(guide).toMatch(/^## What can go wrong/m)
      expect(guide.search(/problem/i)).toBeLessThan(guide.search(/can go wrong/i))
      expect(drawings(guide)).not.toEqual([])
      expect(guide).toContain(`(../../patterns/${name}/README.md)`)
    })

    it("has an example that imports it, to which README and guide lead", () => {
      const examples = examplesOf(readme)
      expect(examples).not.toEqual([])
      expect(examplesOf(guide)).toEqual(examples)
      for (const example of examples) expect(read(example)).toContain(`"brokerless/patterns/${name}"`)
    })

    it("has a test that kills processes of its own", () => {
      expect(existsSync(new URL(`patterns/${name}/test/programs/`, ROOT))).toBe(true)
      const tests = readdirSync(new URL(`patterns/${name}/test/`, ROOT)).filter((file) => file.endsWith(".ts"))
      expect(tests.some((file) => /SIGKILL|\.kill\(/.test(read(`patterns/${name}/test/${file}`)))).toBe(true)
    })
  })
})
