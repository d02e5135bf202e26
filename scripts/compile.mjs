// Runs tsc on one project and removes from its output folder whatever this run did not write, so that no leftover of a
// renamed source is ever packed, tested or run. The folder is never empty in between: what uses it goes on working.
//
//   node scripts/compile.mjs tsconfig.build.json

import { spawnSync } from "node:child_process"
import { readdirSync, rmdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const project = process.argv[2]
if (project === undefined) throw new Error("usage: node scripts/compile.mjs <tsconfig>")

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc")

function run(...options) {
  return spawnSync(process.execPath, [tsc, "--project", project, ...options], { cwd: root, encoding: "utf8" })
}

const { status, stdout, stderr } = run("--listEmittedFiles", "--pretty", String(process.stdout.isTTY === true))
const written = new Set()
for (const line of stdout.split("\n")) {
  if (line.startsWith("TSFILE: ")) written.add(resolve(root, line.slice("TSFILE: ".length).trim()))
  else if (line !== "") console.error(line)
}
process.stderr.write(stderr)
if (status !== 0) process.exit(status ?? 1)

const { compilerOptions } = JSON.parse(run("--showConfig").stdout)
sweep(resolve(root, compilerOptions.outDir))

function sweep(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) sweep(path)
    else if (!written.has(path)) rmSync(path)
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}
