// A process that answers surveys: at once, or never.
//
//   respondent.js <endpoint> <name> answer | hang

import type { Codec } from "brokerless"
import { Respondent } from "brokerless/patterns/survey"

/** What this process tells its parent: that a question came, or that nobody waits for the answer any more. */
export type Said = "asked" | "aborted"

const json: Codec<string> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as string,
}

const [endpoint, name, order] = process.argv.slice(2) as [string, string, string]

const respondent = new Respondent<string>(
  (question, { signal }) => {
    process.send?.("asked" satisfies Said)
    if (order === "answer") return `${name}: ${question}`
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        process.send?.("aborted" satisfies Said)
        resolve(undefined)
      })
    })
  },
  { codec: json, socket: { reconnectInterval: 20, reconnectMaxInterval: 100 } },
)
respondent.connect(endpoint)
