import { readdirSync, readFileSync } from "node:fs"
import { basename, sep } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { isTest, missingFiles, patternCycles, patternOf, unlisted, wrongImports } from "./support/pattern-rules.ts"
import { cyclesOf, internal, readSources, type Source, sourceOf } from "./support/sources.ts"
import {
  barrels,
  defaultExports,
  longerThan,
  otherThanExports,
  poorNames,
  saysAny,
  silent,
  typesThatStay,
  widerThan,
} from "./support/style.ts"

const PATTERNS = new URL("../patterns/", import.meta.url)

/**
 * Who may import whom. A name is a folder of src/ or a file of its root; `core` is what everybody may import, and the
 * names behind `types` may be imported for their types alone.
 */
const LAYERS: Readonly<Record<string, { readonly layer: number; readonly may: string[]; readonly types?: string[] }>> =
  {
    core: { layer: 0, may: ["core"] },
    zmtp: { layer: 1, may: ["core"] },
    pipe: { layer: 1, may: ["core"] },
    codec: { layer: 1, may: ["core"] },
    security: { layer: 2, may: ["core", "zmtp"] },
    options: { layer: 3, may: ["core"], types: ["codec", "security/security"] },
    // A rotation is a ring of pipes, hence the one file of pipe/ that routing runs.
    routing: { layer: 3, may: ["core", "pipe/ring", "pipe/turns"], types: ["pipe", "options"] },
    transport: { layer: 4, may: ["core", "pipe"], types: ["options"] },
    session: {
      layer: 5,
      may: ["core", "zmtp", "pipe", "options"],
      types: ["transport/transport", "security/security"],
    },
    transports: { layer: 6, may: ["core", "transport", "session"] },
    socket: {
      layer: 7,
      may: ["core", "pipe", "routing", "options", "transports"],
      types: ["codec/codec", "transport/transport"],
    },
    // The doors: each imports what it opens.
    index: { layer: 8, may: ["core", "pipe", "routing", "options", "security", "socket"], types: ["codec/codec"] },
    // Programs of another package, on the same engine; it looks behind the face that other doors show.
    zeromq: {
      layer: 9,
      may: ["core", "zmtp", "socket", "security", "curve"],
      types: ["options"],
    },
    curve: { layer: 8, may: ["core", "zmtp", "security"] },
  }

const CORE = [
  "message",
  "subscription",
  "endpoint",
  "peer",
  "socket-type",
  "errors",
  "events",
  "stats",
  "bytes",
  "clock",
  "register",
  "roster",
  "thrown",
]

/** What the package exports, each by its own name. */
const DOORS = [
  "index.ts",
  "codec.ts",
  "curve.ts",
  "zeromq.ts",
  "zeromq/names.ts",
  "zeromq/draft.ts",
  "zeromq/v5-compat.ts",
  "zeromq/v5/names.ts",
]

/** Tables, which are read row by row and lose by being cut. */
const LONG_TABLES = ["options.ts"]

const SOURCES: readonly Source[] = readSources(new URL("../src/", import.meta.url))
const BY_PATH = new Map(SOURCES.map((source) => [source.path, source]))

/** The row of the table that a file belongs to. */
function groupOf(path: string): string {
  const first = path.split("/")[0] as string
  const name = first.replace(/\.ts$/, "")
  return first.endsWith(".ts") && CORE.includes(name) ? "core" : name
}

describe("the layers of src/", () => {
  it("know every file", () => {
    expect(SOURCES.length).toBeGreaterThan(50)
    expect(SOURCES.filter(({ path }) => LAYERS[groupOf(path)] === undefined).map(({ path }) => path)).toEqual([])
  })

  it("are a table that itself has no way up", () => {
    for (const [name, { layer, may, types = [] }] of Object.entries(LAYERS)) {
      for (const other of [...may, ...types]) {
        const row = LAYERS[other.split("/")[0] as string]
        // Same layer only within the core, and from routing to the types of options.
        const sideways = name === "core" || (name === "routing" && other === "options")
        expect(row?.layer, `${name} → ${other}`).toBeLessThan(sideways ? layer + 1 : layer)
      }
    }
  })

  it("are crossed by no import, of types neither", () => {
    const wrong: string[] = []
    for (const source of SOURCES) {
      const group = groupOf(source.path)
      const { may, types = [] } = LAYERS[group] as (typeof LAYERS)[string]
      for (const { path, typeOnly } of internal(source)) {
        const other = groupOf(path)
        const names = [other, path.replace(/\.ts$/, "")]
        const allowed = other === group || names.some((name) => may.includes(name))
        if (allowed || (typeOnly && names.some((name) => types.includes(name)))) continue
        wrong.push(`${source.path} imports ${typeOnly ? "types of " : ""}${path}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it("have no cycle, of types neither", () => {
    const cycles = cyclesOf(SOURCES, (source) => internal(source).map(({ path }) => path))
    expect(cycles).toEqual([])
  })
})

describe("every file of src/", () => {
  it("names its imports by their file, extension included", () => {
    const wrong = SOURCES.flatMap((source) =>
      source.imports
        .filter(({ specifier }) => !specifier.startsWith("node:") && !/^\.\.?\/.*\.ts$/.test(specifier))
        .map(({ specifier }) => `${source.path}: ${specifier}`),
    )
    // What comes from elsewhere, where alone it is used: the last by a name known at run time only.
    expect(wrong.sort()).toEqual([
      "codec/msgpack.ts: msgpackr",
      "codec/msgpack.ts: msgpackr/pack",
      "curve/libsodium.ts: libsodium",
      "curve/sodium-native.ts: PACKAGE",
    ])
    // The main door of msgpackr loads native code if it finds some.
    expect(BY_PATH.get("codec/msgpack.ts")?.imports).toContainEqual({ specifier: "msgpackr", typeOnly: true })
  })

  it("leaves the runtime's own modules to the transports, to CURVE for its keys, and to the drop-in", () => {
    const users = SOURCES.filter(({ imports }) => imports.some(({ specifier }) => specifier.startsWith("node:")))
    expect(users.length).toBeGreaterThan(0)
    expect(users.map(({ path }) => path).filter((path) => !/^(transport|curve|zeromq)\//.test(path))).toEqual([])
  })

  it("re-exports nothing, unless it is a public door", () => {
    expect(barrels(SOURCES, (path) => DOORS.includes(path))).toEqual([])
    expect(SOURCES.map(({ path }) => path).filter((path) => basename(path) === "index.ts")).toEqual(["index.ts"])
  })

  it("re-exports and does nothing else, if it is a public door", () => {
    for (const name of DOORS) {
      expect(otherThanExports(BY_PATH.get(name) as Source)).toEqual([])
    }
  })

  it("says Bytes and not Buffer, in code and in comments, unless it is bytes.ts", () => {
    const speakers: string[] = []
    for (const { path, text } of SOURCES) {
      if (path === "bytes.ts") continue
      // Texts for users may name what they may pass; everything else may not.
      const bare = withoutTexts(text)
      if (/\bBuffer\b/.test(bare)) speakers.push(path)
    }
    expect(speakers).toEqual([])
    expect(BY_PATH.get("bytes.ts")?.text).toMatch(/\bBuffer\b/)
  })

  it("has at most 600 lines, unless it is a table", () => {
    expect(longerThan(600, SOURCES)).toEqual(LONG_TABLES)
  })
})

const PATTERN_SOURCES = readSources(PATTERNS)
const PATTERN_FILES = readdirSync(fileURLToPath(PATTERNS), { recursive: true, encoding: "utf8" }).map((path) =>
  path.split(sep).join("/"),
)
const NAMES = [...new Set(PATTERN_FILES.map(patternOf))].filter((name) => name !== undefined)

describe("every file of src/ and patterns/", () => {
  const published = [...SOURCES, ...PATTERN_SOURCES]

  it("exports names, never a default, but where programs of another package expect one", () => {
    const doors = ["zeromq.ts", "zeromq/draft.ts", "zeromq/v5-compat.ts"]
    expect(defaultExports(published)).toEqual(doors.map((door) => `${door}: a default export`))
  })

  it("has types that can be erased: no enum, no namespace, no parameter property", () => {
    expect(typesThatStay(published)).toEqual([])
  })

  it("never says any, but where the declarations of another package do", () => {
    expect(saysAny(published)).toEqual(["zeromq/v5/socket.ts: [key: string]: any"])
  })

  it("opens with what lives there", () => {
    expect(silent(published.filter(({ path }) => !isTest(path)))).toEqual([])
  })

  it("is named in kebab-case after one thing, and no file is a grab bag", () => {
    expect(poorNames(published)).toEqual([])
  })

  it("has no line of over 120 columns", () => {
    expect(widerThan(120, published)).toEqual([])
  })
})

describe("every pattern", () => {
  const door = PATTERN_SOURCES.find(({ path }) => path === "index.ts") as Source

  it("imports the public doors, other patterns by their published names, and files of its own", () => {
    expect(PATTERN_SOURCES.length).toBeGreaterThan(0)
    expect(wrongImports(PATTERN_SOURCES, NAMES)).toEqual([])
  })

  it("leads back to itself by no import", () => {
    expect(patternCycles(PATTERN_SOURCES)).toEqual([])
  })

  it("has a README, tests, and an index.ts that re-exports and does nothing else", () => {
    expect(missingFiles(NAMES, PATTERN_FILES)).toEqual([])
    const isDoor = (path: string): boolean => /^([^/]+\/)?index\.ts$/.test(path)
    expect(barrels(PATTERN_SOURCES, isDoor)).toEqual([])
    const busy = PATTERN_SOURCES.filter(({ path }) => isDoor(path)).filter((each) => otherThanExports(each).length > 0)
    expect(busy.map(({ path }) => path)).toEqual([])
  })

  it("is opened by the door of all, and has its line in the table", () => {
    expect(unlisted(NAMES, door, readFileSync(new URL("README.md", PATTERNS), "utf8"))).toEqual([])
  })

  it("has at most 600 lines a file", () => {
    expect(
      longerThan(
        600,
        PATTERN_SOURCES.filter(({ path }) => !isTest(path)),
      ),
    ).toEqual([])
  })
})

describe("the rules for patterns", () => {
  const names = ["one", "two"]
  const wrong = (path: string, specifier: string): string[] =>
    wrongImports([sourceOf(path, `import { x } from "${specifier}"`)], names)

  it.each([
    ["one/a.ts", "brokerless"],
    ["one/a.ts", "brokerless/codec"],
    ["one/a.ts", "brokerless/patterns/two"],
    ["one/a.ts", "node:crypto"],
    ["one/a.ts", "./b.ts"],
    ["one/inner/a.ts", "../b.ts"],
    ["one/a.ts", "../emitter.ts"],
    ["emitter.ts", "./settings.ts"],
    ["index.ts", "./one/index.ts"],
    ["one/test/a.test.ts", "vitest"],
    ["one/test/a.test.ts", "../b.ts"],
    ["one/test/a.test.ts", "../../../test/support/until.ts"],
  ])("let %s import %s", (path, specifier) => {
    expect(wrong(path, specifier)).toEqual([])
  })

  it.each([
    ["one/a.ts", "brokerless/curve"],
    ["one/a.ts", "brokerless/patterns"],
    ["one/a.ts", "brokerless/patterns/one"],
    ["one/a.ts", "brokerless/patterns/three"],
    ["one/a.ts", "msgpackr"],
    ["one/a.ts", "fs"],
    ["one/a.ts", "./b.js"],
    ["one/a.ts", "./b"],
    ["one/a.ts", "../two/b.ts"],
    ["one/a.ts", "../two/index.ts"],
    ["one/a.ts", "../index.ts"],
    ["one/a.ts", "../../src/index.ts"],
    ["one/a.ts", "./test/b.ts"],
    ["emitter.ts", "./one/a.ts"],
    ["index.ts", "./one/a.ts"],
    ["one/test/a.test.ts", "../../two/b.ts"],
  ])("do not let %s import %s", (path, specifier) => {
    expect(wrong(path, specifier)).toEqual([`${path}: ${specifier}`])
  })

  it("see cycles over published names, what is missing, and what is not listed", () => {
    const sources = [
      sourceOf("one/index.ts", 'export { a } from "./a.ts"'),
      sourceOf("one/a.ts", 'import { b } from "brokerless/patterns/two"'),
      sourceOf("two/index.ts", 'export { b } from "./b.ts"'),
      sourceOf("two/b.ts", 'import type { a } from "brokerless/patterns/one"'),
    ]
    expect(patternCycles(sources.slice(2).concat(sourceOf("one/index.ts", "")))).toEqual([])
    expect(patternCycles(sources)).toEqual(["one/index.ts → one/a.ts → two/index.ts → two/b.ts → one/index.ts"])
    expect(
      missingFiles(["one", "two"], ["one/README.md", "one/index.ts", "one/test/a.test.ts", "two/index.ts"]),
    ).toEqual(["two/README.md", "two/test/*.test.ts"])
    const door = sourceOf("index.ts", 'export * from "./one/index.ts"')
    expect(unlisted(names, door, "| `two` | does this |\n| [one](one/README.md) | does that |\n")).toEqual([
      "two in index.ts",
    ])
    expect(unlisted(["one"], door, "one is not in the table")).toEqual(["one in README.md"])
  })
})

/** The text of a file without its string literals; comments stay. */
function withoutTexts(text: string): string {
  const tree = ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest, true)
  const cuts: [number, number][] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      cuts.push([node.getStart(tree), node.getEnd()])
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  let bare = ""
  let at = 0
  for (const [from, to] of cuts) {
    bare += text.slice(at, from)
    at = to
  }
  return bare + text.slice(at)
}
