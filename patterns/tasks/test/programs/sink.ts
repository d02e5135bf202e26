// A sink process: `sink.js <endpoint> <log>`. Writes down what it takes, before it takes the next. Says "ready" when it
// is bound.

import { appendFileSync } from "node:fs"
import { Sink } from "brokerless/patterns/tasks"
import { json, type Report } from "./jobs.ts"

const [endpoint, log] = process.argv.slice(2) as [string, string]
const sink = new Sink<Report>({ codec: json() })
await sink.bind(endpoint)
process.send?.("ready")
for await (const { result } of sink) appendFileSync(log, `done ${result.n}\n`)
