import * as brokerless from "brokerless"
import { Pull, Push } from "brokerless"

await using pull = new Pull()
await using push = new Push()
push.connect(await pull.bind("inproc://consumer"))

await push.send(["packed", "and", "unpacked"])
const message: Buffer[] = await pull.receive({ timeout: 10_000 })
if (message.join(" ") !== "packed and unpacked") throw new Error(`received ${message.join(" ")}`)

console.log(Object.keys(brokerless).sort().join(" "))
