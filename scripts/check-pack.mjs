// Packs the package as `npm publish` would, installs the tarball into a consumer project outside the repository, and
// looks at it from there: its list of files, its manifest, its types under every module resolution, import and require.
// Expects dist/ to be built. Touches no registry.

import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { publint } from "publint"
import { formatMessage } from "publint/utils"

const root = fileURLToPath(new URL("..", import.meta.url))
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc")
/** Whatever the package may depend on, at all. */
const ALLOWED = { dependencies: ["libsodium", "msgpackr"], peerDependencies: ["sodium-native"] }
const temporary = mkdtempSync(join(tmpdir(), "brokerless-pack-"))

try {
  const { tarball, files } = pack()
  checkFiles(files)
  checkManifest()
  const consumer = install(tarball)
  await checkWithPublint(consumer)
  checkTypes(consumer)
  checkModules(consumer)
} catch (error) {
  console.error(`pack: ${error.message}`)
  process.exitCode = 1
} finally {
  rmSync(temporary, { recursive: true, force: true })
}

function pack() {
  const [packed] = JSON.parse(npm(root, "pack", "--json", "--ignore-scripts", "--pack-destination", temporary))
  return { tarball: join(temporary, packed.filename), files: packed.files.map((file) => file.path).sort() }
}

/** Exactly one .js and one .d.ts per source, and the few papers that go with them. */
function checkFiles(files) {
  const sources = [
    ...sourcesOf("src"),
    ...sourcesOf("patterns")
      .filter((path) => !path.includes("/test/"))
      .map((path) => `patterns/${path}`),
  ]
  const expected = new Set(["package.json", "README.md", "LICENSE", "CHANGELOG.md"])
  for (const source of sources) {
    expected.add(`dist/${source.replace(/\.ts$/, ".js")}`)
    expected.add(`dist/${source.replace(/\.ts$/, ".d.ts")}`)
  }
  // Declarations for CommonJS, which scripts/commonjs-types.mjs copied from those beside them.
  for (const file of files) if (file.endsWith(".d.cts")) expected.add(file)
  for (const copy of ["dist/zeromq.d.cts", "dist/zeromq/draft.d.cts", "dist/zeromq/v5-compat.d.cts"]) {
    if (!files.includes(copy)) fail(`the package lacks ${copy}`)
  }
  const surplus = files.filter((file) => !expected.has(file))
  const missing = [...expected].filter((file) => !files.includes(file))
  if (surplus.length > 0) fail(`the package holds what it should not: ${surplus.join(", ")}`)
  if (missing.length > 0) fail(`the package lacks: ${missing.join(", ")}`)
  report(`${files.length} files`)
}

function sourcesOf(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
}

/** The names behind an entry of the manifest: each folder of patterns/ for the one that stands for all of them. */
function entryPoints() {
  return Object.keys(manifest.exports).flatMap((entry) =>
    entry.endsWith("/*")
      ? readdirSync(join(root, entry.slice(0, -2)), { withFileTypes: true })
          .filter((each) => each.isDirectory())
          .map((each) => entry.replace("*", each.name))
      : [entry],
  )
}

function checkManifest() {
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
    if (manifest.scripts[script] !== undefined) fail(`package.json has a script "${script}": nothing runs on install`)
  }
  for (const field of ["dependencies", "optionalDependencies", "peerDependencies"]) {
    const surplus = Object.keys(manifest[field] ?? {}).filter((name) => !ALLOWED[field]?.includes(name))
    if (surplus.length > 0) fail(`package.json has ${surplus.join(", ")} in "${field}": see docs/design/0009`)
  }
  if (manifest.peerDependenciesMeta["sodium-native"].optional !== true) fail("sodium-native must be optional")
  report("no dependency but what CURVE and MessagePack need, no install scripts")
}

async function checkWithPublint(consumer) {
  const pkgDir = join(consumer, "node_modules", "brokerless")
  const { messages, pkg } = await publint({ pkgDir, strict: true, pack: false })
  if (messages.length > 0) fail(`publint: ${messages.map((message) => formatMessage(message, pkg)).join("\n")}`)
  report("publint has nothing to say")
}

function install(tarball) {
  const consumer = join(temporary, "consumer")
  cpSync(join(root, "test", "consumer"), consumer, { recursive: true })
  // What it depends on is packed from what is installed here, so that no registry has to be asked for it.
  const dependencies = Object.keys(manifest.dependencies).map((name) => {
    const [packed] = JSON.parse(
      npm(join(root, "node_modules", name), "pack", "--json", "--ignore-scripts", "--pack-destination", temporary),
    )
    return join(temporary, packed.filename)
  })
  // What msgpackr would like to have besides is native, and nothing here may need it.
  const options = ["--offline", "--omit=optional", "--no-audit", "--no-fund", "--no-package-lock"]
  npm(consumer, "install", ...options, tarball, ...dependencies)
  const installed = readdirSync(join(consumer, "node_modules")).filter((name) => !name.startsWith("."))
  const expected = ["brokerless", ...Object.keys(manifest.dependencies)]
  if (installed.join() !== expected.join()) fail(`installed were ${installed.join(", ")}`)
  report("installed offline into a fresh project, without anything native")
  return consumer
}

function checkTypes(consumer) {
  // The one thing a TypeScript consumer on Node.js has besides us.
  mkdirSync(join(consumer, "node_modules", "@types"))
  symlinkSync(
    join(root, "node_modules", "@types", "node"),
    join(consumer, "node_modules", "@types", "node"),
    "junction",
  )
  node(consumer, tsc, "--project", "tsconfig.json")
  report("types: nodenext, from an ES module and from CommonJS")
  node(consumer, tsc, "--project", "tsconfig.bundler.json")
  report("types: bundler")
  node(consumer, tsc, "--project", "tsconfig.node16.json")
  report("types of brokerless/zeromq: node16, from an ES module and from CommonJS")
  node(consumer, tsc, "--project", "tsconfig.node10.json")
  report("types of brokerless/zeromq: node10")
}

/** Runs what checkTypes compiled. */
function checkModules(consumer) {
  const imported = node(consumer, join("out", "esm.mjs"))
  report("import runs")
  const required = node(consumer, join("out", "cjs.cjs"))
  report("require runs")
  if (imported !== required) fail(`import gives\n  ${imported}\nand require gives\n  ${required}`)
  const names = node(consumer, join("out", "zeromq.mjs"))
  const same = node(consumer, join("out", "zeromq.cjs"))
  if (names !== same || names.trim().split(" ").length !== 20)
    fail(`zeromq: import gives\n  ${names}\nand require\n  ${same}`)
  report("brokerless/zeromq runs, imported and required: the same twenty names")
  const drafts = node(consumer, join("out", "draft.mjs"))
  if (drafts !== node(consumer, join("out", "draft.cjs")) || drafts.trim().split(" ").length !== 7)
    fail(`zeromq/draft: import gives\n  ${drafts}`)
  report("brokerless/zeromq/draft runs, imported and required: the same seven names")
  const old = node(consumer, join("out", "v5-compat.mjs"))
  if (old !== node(consumer, join("out", "v5-compat.cjs")) || old.trim().split(" ").length !== 84)
    fail(`zeromq/v5-compat: import gives\n  ${old}`)
  report("brokerless/zeromq/v5-compat runs, imported and required: the same names")
  for (const program of ["curve.mjs", "curve.cjs"]) {
    const provider = node(consumer, join("out", program)).trim()
    if (provider !== "libsodium (WebAssembly)") fail(`CURVE without sodium-native is done by ${provider}`)
  }
  report("CURVE runs, imported and required")
  for (const program of ["codec.mjs", "codec.cjs"]) {
    const said = node(consumer, join("out", program)).trim()
    if (said !== "the same, in JavaScript") fail(`out/${program} says ${said}`)
  }
  report("codecs run, imported and required")
  for (const entry of entryPoints()) {
    node(consumer, "--eval", `require(${JSON.stringify(posix.join("brokerless", entry))})`)
  }
  report("every entry point loads")
  for (const name of Object.keys(manifest.dependencies)) {
    rmSync(join(consumer, "node_modules", name), { recursive: true })
  }
  node(consumer, join("out", "cjs.cjs"))
  report("the core runs without what CURVE and MessagePack depend on")
}

function npm(cwd, ...options) {
  const cli = process.env.npm_execpath
  return cli !== undefined && existsSync(cli)
    ? run(cwd, process.execPath, [cli, ...options])
    : run(cwd, "npm", options, process.platform === "win32")
}

function node(cwd, ...options) {
  return run(cwd, process.execPath, options)
}

function run(cwd, command, options, shell = false) {
  try {
    return execFileSync(command, options, { cwd, shell, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  } catch (error) {
    return fail(`${[command, ...options].join(" ")}\n${error.stdout ?? ""}${error.stderr ?? error.message}`)
  }
}

function report(line) {
  console.log(`pack: ${line}`)
}

function fail(reason) {
  throw new Error(reason)
}
