// A client as a process of its own: asks for the square of 12 and tells the answer.
//
//   client.js <endpoint>

import { MajordomoClient } from "brokerless/patterns/majordomo"
import { json } from "../../../../test/support/json.ts"

const [endpoint] = process.argv.slice(2) as [string]
const client = new MajordomoClient({ codec: json<number>() })
client.connect(endpoint)
process.send?.("asking")
process.send?.(await client.request("square", 12))
await client.close()
