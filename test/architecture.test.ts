import { readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const SRC = fileURLToPath(new URL("../src/", import.meta.url))

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
  "thrown",
]

/** What the package exports, each by its own name. */
const DOORS = ["index.ts", "curve.ts"]

/** Tables, which are read row by row and lose by being cut. */
const LONG_TABLES = ["options.ts"]

interface Import {
  readonly specifier: string
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean
}

interface Source {
  /** Relative to src/, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

const SOURCES: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map((path) => read(path.split(sep).join("/")))
const BY_PATH = new Map(SOURCES.map((source) => [source.path, source]))

function read(path: string): Source {
  const text = readFileSync(join(SRC, path), "utf8")
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  return { path, text, tree, imports: importsOf(tree) }
}

function importsOf(tree: ts.SourceFile): Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      found.push({ specifier: node.moduleSpecifier.text, typeOnly: importsTypesOnly(node.importClause) })
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
      const { exportClause } = node
      const named = exportClause !== undefined && ts.isNamedExports(exportClause) ? exportClause.elements : undefined
      const typeOnly = node.isTypeOnly || (named?.every((element) => element.isTypeOnly) ?? false)
      found.push({ specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly })
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push({ specifier: (node.argument.literal as ts.StringLiteral).text, typeOnly: true })
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push({ specifier: (node.arguments[0] as ts.StringLiteral).text, typeOnly: false })
    }
    ts.forEachChild(node, visit)
  }
  visit(tree)
  return found
}

function importsTypesOnly(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true
  const bindings = clause.namedBindings
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false
  return bindings.elements.every((element) => element.isTypeOnly)
}

/** The file of src/ that a relative import means. */
function target(from: Source, specifier: string): string {
  return relative(SRC, join(SRC, dirname(from.path), specifier))
    .split(sep)
    .join("/")
}

function internal(source: Source): (Import & { readonly path: string })[] {
  return source.imports
    .filter(({ specifier }) => specifier.startsWith("."))
    .map((each) => ({ ...each, path: target(source, each.specifier) }))
}

/** The row of the table that a file belongs to. */
function groupOf(path: string): string {
  const first = path.split("/")[0] as string
  const name = first.replace(/\.ts$/, "")
  return first.endsWith(".ts") && CORE.includes(name) ? "core" : name
}

/** Every place where the tree has something of this kind: `path: what`. */
function findAll(judge: (node: ts.Node, source: Source) => string | undefined): string[] {
  const found: string[] = []
  for (const source of SOURCES) {
    const visit = (node: ts.Node): void => {
      const what = judge(node, source)
      if (what !== undefined) found.push(`${source.path}: ${what}`)
      ts.forEachChild(node, visit)
    }
    visit(source.tree)
  }
  return found
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
    const done = new Set<string>()
    const cycles: string[] = []
    const walk = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) {
        cycles.push([...way.slice(way.indexOf(path)), path].join(" → "))
        return
      }
      if (done.has(path)) return
      const source = BY_PATH.get(path)
      if (source === undefined) throw new Error(`${way.at(-1)} imports ${path}, which is not there`)
      for (const next of internal(source)) walk(next.path, [...way, path])
      done.add(path)
    }
    for (const { path } of SOURCES) walk(path, [])
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
    // What comes from elsewhere, where alone it is used: the second by a name known at run time only.
    expect(wrong).toEqual(["curve/libsodium.ts: libsodium", "curve/sodium-native.ts: PACKAGE"])
  })

  it("leaves the runtime's own modules to the transports, and to CURVE for its keys", () => {
    const users = SOURCES.filter(({ imports }) => imports.some(({ specifier }) => specifier.startsWith("node:")))
    expect(users.length).toBeGreaterThan(0)
    expect(users.map(({ path }) => path).filter((path) => !/^(transport|curve)\//.test(path))).toEqual([])
  })

  it("re-exports nothing, unless it is a public door", () => {
    const barrels = findAll((node, { path }) =>
      !DOORS.includes(path) && ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined
        ? node.getText()
        : undefined,
    )
    expect(barrels).toEqual([])
    expect(SOURCES.map(({ path }) => path).filter((path) => basename(path) === "index.ts")).toEqual(["index.ts"])
  })

  it("re-exports and does nothing else, if it is a public door", () => {
    for (const name of DOORS) {
      const door = BY_PATH.get(name) as Source
      expect(door.tree.statements.filter((statement) => !ts.isExportDeclaration(statement))).toEqual([])
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

  it("exports names, never a default", () => {
    const wrong = findAll((node) => {
      if (ts.isExportAssignment(node)) return node.getText()
      const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []
      if (modifiers.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword)) return "a default export"
      return ts.isExportSpecifier(node) && node.name.text === "default" ? "a default export" : undefined
    })
    expect(wrong).toEqual([])
  })

  it("has types that can be erased: no enum, no namespace, no parameter property", () => {
    const wrong = findAll((node) => {
      if (ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node)) return node.getText().slice(0, 40)
      return ts.isParameter(node) && ts.isParameterPropertyDeclaration(node, node.parent) ? node.getText() : undefined
    })
    expect(wrong).toEqual([])
  })

  it("never says any", () => {
    expect(findAll((node) => (node.kind === ts.SyntaxKind.AnyKeyword ? node.parent.getText() : undefined))).toEqual([])
  })

  it("opens with what lives there", () => {
    const silent = SOURCES.filter(({ text }) => !/^(\/\/\/ <reference [^\n]*\n)?\/\/ \S/.test(text))
    expect(silent.map(({ path }) => path)).toEqual([])
  })

  it("is named in kebab-case after one thing, and no file is a grab bag", () => {
    const names = SOURCES.flatMap(({ path }) => path.replace(/\.ts$/, "").split("/"))
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([])
    expect(names.filter((name) => /^(utils?|helpers?|common|misc|shared|lib|types)$/.test(name))).toEqual([])
  })

  it("has at most 600 lines, unless it is a table, and none of over 120 columns", () => {
    const long = SOURCES.filter(({ text }) => text.split("\n").length > 600).map(({ path }) => path)
    expect(long).toEqual(LONG_TABLES)
    const wide = SOURCES.filter(({ text }) => text.split("\n").some((line) => line.length > 120))
    expect(wide.map(({ path }) => path)).toEqual([])
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
