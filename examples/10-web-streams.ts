// Sockets as Web streams: what is written to one end can be read from the other, with back-pressure all the way, so
// everything that works with streams works between processes.

import { Pull, Push } from "brokerless"

const pull = new Pull()
const push = new Push()
push.connect(await pull.bind("tcp://127.0.0.1:*"))

const poem = ["no broker stands between", "what one end says", "and another hears"]
const sending = new ReadableStream<string>({
  start(controller) {
    for (const line of poem) controller.enqueue(line)
    controller.close()
  },
}).pipeTo(push.toWritableStream())

const loud = new TransformStream<Buffer[], string>({
  transform: ([line], controller) => controller.enqueue(String(line).toUpperCase()),
})
const reader = pull.toReadableStream().pipeThrough(loud).getReader()
for (const _ of poem) console.log((await reader.read()).value)

await sending
await push.close()
await pull.close()
