// A process that answers requests, with its own name; the request "hang" it never answers.
//
//   worker.js <endpoint> <name>

import { Reply } from "brokerless"

/** What this process tells its parent: that it has a request that it will not answer. */
export type Said = "hanging"

const [endpoint, name] = process.argv.slice(2) as [string, string]
const reply = new Reply()
reply.connect(endpoint)
await reply.serve(
  ([question]) => {
    if (String(question) !== "hang") return `${question} by ${name}`
    process.send?.("hanging" satisfies Said)
    return new Promise(() => {})
  },
  { concurrency: 100 },
)
