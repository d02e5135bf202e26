// A client as a process of its own: asks for the square of 12 and tells the answer.
//
//   client.js <endpoint>

import { json } from "brokerless/codec"
import { MajordomoClient } from "brokerless/patterns/majordomo"

const [endpoint] = process.argv.slice(2) as [string]
const client = new MajordomoClient({ codec: json<number>() })
client.connect(endpoint)
process.send?.("asking")
process.send?.(await client.request("square", 12))
await client.close()
