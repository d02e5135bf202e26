// What the folders of patterns/ are held to: they are built on what everybody may import, and know each other by their
// published names only. Each rule returns the places where it is broken.

import { cyclesOf, internal, type Source, target } from "./sources.ts"

/** What a pattern may import by name, besides other patterns and modules of the runtime. */
const DOORS = ["brokerless", "brokerless/codec"]
const PUBLISHED = "brokerless/patterns/"
/** What opens all patterns. */
const ALL = "index.ts"

/** The folder of a pattern that a file is in; nothing for the files that all patterns share. */
export function patternOf(path: string): string | undefined {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : undefined
}

export function isTest(path: string): boolean {
  return path.split("/")[1] === "test"
}

/** Imports that a pattern must not have. Tests may import what they like, but for the inside of another pattern. */
export function wrongImports(sources: readonly Source[], patterns: readonly string[]): string[] {
  return sources.flatMap((source) =>
    source.imports
      .filter(({ specifier }) =>
        specifier.startsWith(".") ? !rightFile(source, specifier) : !rightName(source, specifier, patterns),
      )
      .map(({ specifier }) => `${source.path}: ${specifier}`),
  )
}

function rightFile(source: Source, specifier: string): boolean {
  if (!specifier.endsWith(".ts")) return false
  const path = target(source, specifier)
  const other = patternOf(path)
  const own = patternOf(source.path)
  if (path.startsWith("../")) return isTest(source.path)
  if (source.path === ALL) return other !== undefined && path === `${other}/index.ts`
  if (isTest(path) && !isTest(source.path)) return false
  return path !== ALL && (other === undefined || other === own)
}

function rightName(source: Source, specifier: string, patterns: readonly string[]): boolean {
  if (isTest(source.path)) return true
  if (specifier.startsWith("node:") || DOORS.includes(specifier)) return true
  const other = specifier.startsWith(PUBLISHED) ? specifier.slice(PUBLISHED.length) : undefined
  return other !== undefined && other !== patternOf(source.path) && patterns.includes(other)
}

/** Ways from a pattern back to itself, over files and over published names. */
export function patternCycles(sources: readonly Source[]): string[] {
  const published = sources.filter(({ path }) => !isTest(path))
  return cyclesOf(published, (source) => [
    ...internal(source).map(({ path }) => path),
    ...source.imports
      .filter(({ specifier }) => specifier.startsWith(PUBLISHED))
      .map(({ specifier }) => `${specifier.slice(PUBLISHED.length)}/index.ts`),
  ])
}

/** What a folder lacks. */
export function missingFiles(patterns: readonly string[], files: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const missing = ["README.md", "index.ts"].filter((name) => !files.includes(`${pattern}/${name}`))
    const tests = files.some((file) => file.startsWith(`${pattern}/test/`) && file.endsWith(".test.ts"))
    return [...missing, ...(tests ? [] : ["test/*.test.ts"])].map((name) => `${pattern}/${name}`)
  })
}

/** Patterns that the door of all does not open, or that the table does not list. */
export function unlisted(patterns: readonly string[], door: Source, table: string): string[] {
  const opened = door.imports.map(({ specifier }) => specifier)
  return patterns.flatMap((pattern) => [
    ...(opened.includes(`./${pattern}/index.ts`) ? [] : [`${pattern} in index.ts`]),
    ...(new RegExp(`^\\| \\[?\`?${pattern}\\b`, "m").test(table) ? [] : [`${pattern} in README.md`]),
  ])
}
