// A process that answers requests, as a Reply or as a Freelance server, and tells of the first of them.
//
//   server.js reply | freelance <endpoint> <name>

import { type Codec, Reply } from "brokerless"
import { FreelanceServer } from "brokerless/patterns/reliable-request"

/** What this process tells its parent: that it stands, and that it was asked. */
export type Said = "ready" | "asked"

const json: Codec<string> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as string,
}

const [kind, endpoint, name] = process.argv.slice(2) as [string, string, string]
let asked = false

function answer(question: string): string {
  if (!asked) process.send?.("asked" satisfies Said)
  asked = true
  return `${question} by ${name}`
}

if (kind === "reply") {
  const reply = new Reply({ codec: json })
  await reply.bind(endpoint)
  void reply.serve(answer)
} else {
  await FreelanceServer.listen(endpoint, answer, { codec: json })
}
process.send?.("ready" satisfies Said)
