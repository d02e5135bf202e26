// One figure in a process of its own: measures it and tells its parent each finding.
//
//   node --expose-gc figure-process.js <index> full|quick

import { FIGURES } from "./figures.ts"
import type { Size } from "./finding.ts"

const [index, size] = process.argv.slice(2)
const figure = FIGURES[Number(index)]
if (figure === undefined) throw new Error(`There is no figure ${index}`)
process.on("disconnect", () => process.exit())

const { measure } = await figure.load()
for await (const finding of measure(size as Size)) process.send?.(finding)
process.disconnect()
process.exit()
