// A copy of src/ and of what the tests need of test/, its types erased so that plain `node` runs it, and its source
// changed where one likes. In it the package name means the copy itself. Tests that break the source on purpose use it,
// and so do long runs that must not mind what is built meanwhile.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

const ROOT = fileURLToPath(new URL("..", import.meta.url))

const COMPILER = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  rewriteRelativeImportExtensions: true,
  inlineSourceMap: true,
}

/** Copies that are there. */
const copies = new Set()
process.once("exit", () => {
  for (const folder of copies) remove(folder)
})

/** What comes of a file, by its path and text: most of it is the same in every copy. */
const erased = new Map()

/**
 * Returns the folder of the copy; it goes when the process does, or by `remove`.
 *
 * Each change replaces the one place in a file of src/ where `find` stands. Throws when there is no such place, or more
 * than one: a change that was made for another source would show nothing.
 */
export function erasedCopy(folders, changes = []) {
  const folder = mkdtempSync(join(tmpdir(), "brokerless-copy-"))
  copies.add(folder)
  const left = new Map()
  for (const { file, find, replace } of changes) left.set(file, [...(left.get(file) ?? []), { find, replace }])
  for (const source of folders.flatMap((each) => sourcesOf(join(ROOT, each)))) {
    const path = relative(ROOT, source).split(sep).join("/")
    let text = readFileSync(source, "utf8")
    for (const { find, replace } of left.get(path) ?? []) {
      const count = text.split(find).length - 1
      if (count !== 1) throw new Error(`${path} has ${count} places, and should have one, where this stands:\n${find}`)
      text = text.replace(find, () => replace)
    }
    left.delete(path)
    const target = join(folder, path.replace(/\.ts$/, ".js"))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, erase(source, text))
  }
  if (left.size > 0) throw new Error(`There is no ${[...left.keys()].join(", no ")}`)
  const { version, dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"))
  const exports = { ".": "./src/index.js", "./codec": "./src/codec.js", "./curve": "./src/curve.js" }
  const manifest = { name: "brokerless", version, type: "module", exports, dependencies }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"), "junction")
  return folder
}

export function remove(folder) {
  copies.delete(folder)
  rmSync(folder, { recursive: true, force: true })
}

function sourcesOf(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /(?<!\.test|\.d)\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

function erase(source, text) {
  const key = `${source}\0${text}`
  let output = erased.get(key)
  if (output === undefined) {
    output = ts.transpileModule(text, { fileName: source, compilerOptions: COMPILER }).outputText
    erased.set(key, output)
  }
  return output
}
