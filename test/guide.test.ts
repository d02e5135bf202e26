// The programs in README.md and docs/guide/: each runs to its end, and prints what the comment beside it says.

import { readdirSync, readFileSync } from "node:fs"
import { format } from "node:util"
import * as brokerless from "brokerless"
import * as codec from "brokerless/codec"
import * as curve from "brokerless/curve"
import * as patterns from "brokerless/patterns"
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

const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => (...doors: object[]) => Promise<void>

/** Runs a program in place, and returns the lines it printed. */
async function run(source: string): Promise<string[]> {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
  })
  const body = outputText
    .replaceAll(/^import \{(.*)\} from "brokerless";$/gm, "const {$1} = door;")
    .replaceAll(/^import \{(.*)\} from "brokerless\/codec";$/gm, "const {$1} = codecDoor;")
    .replaceAll(/^import \{(.*)\} from "brokerless\/curve";$/gm, "const {$1} = curveDoor;")
    .replaceAll(/^import \{(.*)\} from "brokerless\/patterns\/[a-z-]+";$/gm, "const {$1} = patternDoors;")
    .replaceAll(/^import \{(.*)\} from "zod";$/gm, "const {$1} = schemas;")
    .replaceAll(/^export \{\};$/gm, "")
  const lines: string[] = []
  const doors = ["door", "codecDoor", "curveDoor", "patternDoors", "schemas"]
  await new AsyncFunction(...doors, "console", body)(brokerless, codec, curve, patterns, zod, {
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
