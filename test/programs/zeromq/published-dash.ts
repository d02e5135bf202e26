// `@dashevo/dashd-zmq`, as its users use it: connects, subscribes, hears of a block, closes.

import { once } from "node:events"
import { createRequire } from "node:module"
import { freeAddress, type Zmq } from "./stage.ts"

const require = createRequire(import.meta.url)
const zmq = require("zeromq") as Zmq
const Client = require("@dashevo/dashd-zmq") as new (
  options: object,
) => import("node:events").EventEmitter & {
  connect(): Promise<unknown>
  subscribe(topic: string): void
  close(): Promise<boolean>
}

const node = new zmq.XPublisher()
const uri = await freeAddress()
const client = new Client({ uri })
const connected = client.connect()
// It listens for its connection only after it has begun to connect, so the other end comes later.
await new Promise((resolve) => setTimeout(resolve, 100))
await node.bind(uri)
await connected
client.subscribe("hashblock")
await node.receive()
const heard = once(client, "hashblock")
await node.send(["hashblock", Buffer.from("00ff", "hex"), Buffer.from([0, 0, 0, 1])])
const [message] = (await heard) as [unknown]
console.log("heard", Buffer.isBuffer(message) ? message.toString("hex") : JSON.stringify(message))
console.log("closed", await client.close())
node.close()
console.log(zmq.version, Object.keys(zmq).length)
process.exit(0)
