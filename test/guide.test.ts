// The programs in README.md and docs/guide/: each runs to its end, and prints what the comment beside it says.

import { readdirSync, readFileSync } from "node:fs"
import { format } from "node:util"
import * as brokerless from "brokerless"
import * as codec from "brokerless/codec"
import * as curve from "brokerless/curve"
import * as tasks from "brokerless/patterns/tasks"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as zod from "zod"

const ROOT = new URL("../", import.meta.url)
const GUIDE = readdirSync(new URL("docs/guide/", ROOT)).map((name) => `docs/guide/${name}`)

interface Program {
  readonly title: string
  readonly source: string
}

/** The fenced blocks that begin with an import: whole programs. */
function programsOf(file: string): Program[] {
  const text = readFileSync(new URL(file, ROOT), "utf8")
  return [...text.matchAll(/^```ts\n(import [\s\S]*?)^```/gm)].map(([, source], i) => ({
    title: `${file}, program ${i + 1}`,
    source: source as string,
  }))
}

/** What a program of the guide may import. */
const DOORS: Readonly<Record<string, object>> = {
  brokerless,
  "brokerless/codec": codec,
  "brokerless/curve": curve,
  "brokerless/patterns/tasks": tasks,
  zod,
}

const AsyncFunction = (async () => {}).constructor as new (
  ...parts: string[]
) => (doors: typeof DOORS, console: object) => Promise<void>

/** Runs a program in place, and returns the lines it printed. */
async function run(source: string): Promise<string[]> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
  })
  const body = outputText
    .replaceAll(/^import \{(.*)\} from "(.*)";$/gm, 'const {$1} = doors["$2"];')
    .replaceAll(/^export \{\};$/gm, "")
  const lines: string[] = []
  await new AsyncFunction("doors", "console", body)(DOORS, {
    log: (...values: unknown[]) => lines.push(format(...values)),
  })
  return lines
}

/** What comments behind `console.log(…)` say, unless they end in "say": then it is one of many. */
function promised(source: string): string[] {
  return [...source.matchAll(/console\.log\(.*\) \/\/ (.+)$/gm)]
    .map(([, comment]) => comment as string)
    .filter((comment) => !comment.endsWith(", say"))
}

describe("the programs of the guide", () => {
  const programs = ["README.md", ...GUIDE].flatMap(programsOf)

  it("are there, on every page", () => {
    for (const file of GUIDE) expect(programsOf(file).length, file).toBeGreaterThan(0)
  })

  it.each(programs)("$title prints what it says", async ({ source }) => {
    const lines = await run(source)
    expect(lines.length).toBeGreaterThan(0)
    for (const line of promised(source)) expect(lines).toContain(line)
  })
})
