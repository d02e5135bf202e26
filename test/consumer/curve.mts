import { Pull, Push } from "brokerless"
import { curve, curveKeyPair, curveProvider, curveServer } from "brokerless/curve"

const server = curveKeyPair()
const client = curveKeyPair()

await using pull = new Pull({ security: curveServer({ ...server, allow: [client.publicKey] }) })
await using push = new Push({ security: curve({ serverKey: server.publicKey, ...client }) })
push.connect(await pull.bind("tcp://127.0.0.1:*"))

await push.send(["sealed", "and", "opened"])
const { message, peer } = await pull.receiveFrom({ timeout: 10_000 })
if (message.join(" ") !== "sealed and opened") throw new Error(`received ${message.join(" ")}`)
if (peer.userId !== client.publicKey) throw new Error(`the peer is ${peer.userId}`)

console.log(await curveProvider())
