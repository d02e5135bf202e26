// Runs the scenarios of one file with one package, and prints what happens.
//
//   node build/test/programs/zeromq/main.js brokerless/zeromq patterns

import { type Compat, type Draft, from, type Scenario, stageOf, type Zmq } from "./stage.ts"

const [, file = "patterns", only] = process.argv.slice(2)
const zmq = (await import(from)) as Zmq
const draft = (await import(`${from}/draft.js`)) as Draft
const compat = (await import(`${from}/v5-compat.js`)) as Compat
const scenarios = (await import(`./${file}.js`)) as Record<string, Scenario>

for (const [name, scenario] of Object.entries(scenarios)) {
  if (only !== undefined && only !== name) continue
  console.log(`# ${name}`)
  await scenario(stageOf(zmq, draft, compat))
}
// What was printed is read first.
process.stdout.write("", () => process.exit(0))
