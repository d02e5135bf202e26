// Runs one of the examples, once they are built.
//
//   npm run example 01-hello

import { readdirSync } from "node:fs"

const folder = new URL("../build/examples/", import.meta.url)
const names = readdirSync(folder)
  .filter((file) => /^\d.*\.js$/.test(file))
  .map((file) => file.slice(0, -".js".length))
const name = process.argv[2]
if (!names.includes(name)) {
  console.error(`usage: npm run example <name>\n\n  ${names.join("\n  ")}`)
  process.exit(1)
}
await import(new URL(`${name}.js`, folder))
