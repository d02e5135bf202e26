// A process that consumes from a named queue: it tells what it has taken, and says that it is done with it or is not.
//
//   consumer.js <endpoint> <queue> <binding> acknowledge | hold

import type { Codec } from "brokerless"
import { Consumer } from "brokerless/patterns/exchange"

/** What this process tells its parent: the message that it has. */
export type Said = number

const json: Codec<number> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as number,
}

const [endpoint, queue, binding, order] = process.argv.slice(2) as [string, string, string, string]

const consumer = new Consumer({
  codec: json,
  queue,
  acknowledge: "manual",
  socket: { reconnectInterval: 20, reconnectMaxInterval: 100 },
})
consumer.bindQueue(binding)
consumer.connect(endpoint)
for await (const delivery of consumer) {
  process.send?.(delivery.value satisfies Said)
  if (order === "acknowledge") delivery.acknowledge()
}
