// A process that publishes numbers, once there is a queue for them, until it is ended.
//
//   publisher.js <endpoint> <key>

import type { Codec } from "brokerless"
import { Exchange } from "brokerless/patterns/exchange"

const json: Codec<number> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as number,
}

const [endpoint, key] = process.argv.slice(2) as [string, string]

const exchange = new Exchange({ codec: json, maxQueued: 10 })
await exchange.bind(endpoint)
await exchange.waitForQueues(key)
for (let i = 0; ; i++) await exchange.publish(key, i)
