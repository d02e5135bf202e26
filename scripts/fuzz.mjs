// Runs the fuzz targets on a copy of the source as it stands now.
//
//   npm run fuzz -- --minutes 10                     all targets in turn
//   npm run fuzz -- --minutes 10 --target frames     one of them
//   npm run fuzz -- --target frames --seed 7         one case again; with --cases 20 those after it too

import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
// biome-ignore lint/correctness/useImportExtensions: what lies beside it as .d.mts are only its types.
import { erasedCopy } from "./erased-copy.mjs"

const copy = erasedCopy(["src", "test/fuzz", "test/support"])
const corpus = fileURLToPath(new URL("../test/fuzz/corpus", import.meta.url))
const program = join(copy, "test/fuzz/main.js")
const options = ["--enable-source-maps", program, "--corpus", corpus, ...process.argv.slice(2)]
const { status } = spawnSync(process.execPath, options, { stdio: "inherit" })
process.exit(status ?? 1)
