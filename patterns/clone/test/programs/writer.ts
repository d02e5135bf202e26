// A client as a process of its own: counts up at one key, with an end to it, until it is killed.
//
//   writer.js <endpoint>

import { json } from "brokerless/codec"
import { CloneClient } from "brokerless/patterns/clone"

const [endpoint] = process.argv.slice(2) as [string]
const client = new CloneClient({ codec: json<number>() })
client.connect(endpoint)
await client.ready()
for (let i = 0; ; i++) {
  await client.set("alive", i, { ttl: 1000 })
  process.send?.(i)
}
