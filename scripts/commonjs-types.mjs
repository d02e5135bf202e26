// Copies the declarations of `brokerless/zeromq` and of its other doors for programs that are CommonJS to the
// type-checker: the package is one of ES modules, which some resolutions let no CommonJS program refer to, though every
// supported Node.js can require it. Run after scripts/compile.mjs, which removes what it did not write itself.

import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"

const dist = fileURLToPath(new URL("../dist/", import.meta.url))
const done = new Set()

/** A declaration, and whatever it refers to. */
function copy(file) {
  if (done.has(file)) return
  done.add(file)
  const text = readFileSync(join(dist, file), "utf8")
  const copied = text.replace(/(["'])(\.\.?\/[^"']+)\.(?:ts|js)\1/g, (_, quote, path) => {
    const target = normalize(join(dirname(file), `${path}.d.ts`))
    if (!existsSync(join(dist, target))) throw new Error(`${file} refers to ${target}, which is not there`)
    copy(target)
    return `${quote}${path}.cjs${quote}`
  })
  // In CommonJS there is no default beside the names.
  const named = copied.replace(/^export \* as default .*\n/m, "")
  writeFileSync(join(dist, file.replace(/\.d\.ts$/, ".d.cts")), named)
}

for (const door of ["zeromq.d.ts", "zeromq/draft.d.ts", "zeromq/v5-compat.d.ts"]) copy(door)
