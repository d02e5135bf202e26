// Runs tsc on one project after the other and removes from their output folders whatever this run did not write, so that
// no leftover of a renamed source is ever packed, tested or run. The folders are never empty in between: what uses them
// goes on working.
//
//   node scripts/compile.mjs tsconfig.build.json tsconfig.patterns.json

import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const projects = process.argv.slice(2)
if (projects.length === 0) throw new Error("usage: node scripts/compile.mjs <tsconfig> …")

const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc")

function run(project, ...options) {
  return spawnSync(process.execPath, [tsc, "--project", project, ...options], { cwd: root, encoding: "utf8" })
}

const written = new Set()
const folders = new Set()
for (const project of projects) {
  const { status, stdout, stderr } = run(
    project,
    "--listEmittedFiles",
    "--pretty",
    String(process.stdout.isTTY === true),
  )
  for (const line of stdout.split("\n")) {
    if (line.startsWith("TSFILE: ")) written.add(resolve(root, line.slice("TSFILE: ".length).trim()))
    else if (line !== "") console.error(line)
  }
  process.stderr.write(stderr)
  if (status !== 0) process.exit(status ?? 1)
  const { compilerOptions } = JSON.parse(run(project, "--showConfig").stdout)
  folders.add(resolve(root, compilerOptions.outDir))
}
for (const folder of folders) sweep(folder)

function sweep(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) sweep(path)
    else if (!written.has(path)) rmSync(path)
  }
  if (readdirSync(folder).length === 0) rmdirSync(folder)
}
