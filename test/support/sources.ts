// Reading sources for what they import, re-export and declare, so that tests can hold them to rules.

import { readdirSync, readFileSync } from "node:fs"
import { posix, sep } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

export interface Import {
  readonly specifier: string
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean
}

export interface Source {
  /** Relative to the folder that was read, with forward slashes. */
  readonly path: string
  readonly text: string
  readonly tree: ts.SourceFile
  readonly imports: readonly Import[]
}

/** Every .ts file below a folder. */
export function readSources(folder: URL): Source[] {
  return readdirSync(fileURLToPath(folder), { recursive: true, encoding: "utf8" })
    .map((path) => path.split(sep).join("/"))
    .filter((path) => path.endsWith(".ts"))
    .map((path) => sourceOf(path, readFileSync(new URL(path, folder), "utf8")))
}

export function sourceOf(path: string, text: string): Source {
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

/** The file that a relative import means, by its path as that of a source. */
export function target(from: Source, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from.path), specifier))
}

/** The relative imports of a source, and the files that they mean. */
export function internal(source: Source): (Import & { readonly path: string })[] {
  return source.imports
    .filter(({ specifier }) => specifier.startsWith("."))
    .map((each) => ({ ...each, path: target(source, each.specifier) }))
}

/** Every place where a tree has something of this kind: `path: what`. */
export function findAll(
  sources: readonly Source[],
  judge: (node: ts.Node, source: Source) => string | undefined,
): string[] {
  const found: string[] = []
  for (const source of sources) {
    const visit = (node: ts.Node): void => {
      const what = judge(node, source)
      if (what !== undefined) found.push(`${source.path}: ${what}`)
      ts.forEachChild(node, visit)
    }
    visit(source.tree)
  }
  return found
}

/**
 * The ways that lead back to where they began, each once.
 *
 * @param next - the files that a source imports
 */
export function cyclesOf(sources: readonly Source[], next: (source: Source) => readonly string[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const cycles: string[] = []
  const walk = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) {
      cycles.push([...way.slice(way.indexOf(path)), path].join(" → "))
      return
    }
    if (done.has(path)) return
    const source = byPath.get(path)
    if (source === undefined) throw new Error(`${way.at(-1)} imports ${path}, which is not there`)
    for (const to of next(source)) walk(to, [...way, path])
    done.add(path)
  }
  for (const { path } of sources) walk(path, [])
  return cycles
}
