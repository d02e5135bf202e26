// The smallest program: a Push sends, a Pull receives. There is no broker; either side may bind, either may come first.

import { Pull, Push } from "brokerless"

const pull = new Pull()
const endpoint = await pull.bind("tcp://127.0.0.1:*")
console.log(`listening at ${endpoint.replace(/\d+$/, "<port>")}`)

const push = new Push()
push.connect(endpoint)
await push.send("hello")
// A message may have several frames. They arrive together or not at all.
await push.send(["several", "frames", "one message"])
// Closing sends what was accepted, then leaves.
await push.close()

for (let i = 0; i < 2; i++) {
  const frames = await pull.receive()
  console.log(`received ${frames.join(" + ")}`)
}
await pull.close()
