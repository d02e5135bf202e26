// A process that asks whoever is connected, once there are so many, and waits long for the answers.
//
//   surveyor.js <endpoint> <respondents> <question>

import type { Codec } from "brokerless"
import { Surveyor } from "brokerless/patterns/survey"

/** What this process tells its parent: the answers. */
export type Said = readonly string[]

const json: Codec<string> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as string,
}

const [endpoint, respondents, question] = process.argv.slice(2) as [string, string, string]

const surveyor = new Surveyor({ codec: json, timeout: 600_000 })
await surveyor.bind(endpoint)
await surveyor.waitForPeers(Number(respondents))
const { answers } = await surveyor.survey(question).all
process.send?.(answers.map(({ value }) => value) satisfies Said)
await surveyor.close()
