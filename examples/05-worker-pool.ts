// A pool of workers: a ventilator hands out tasks, workers push results to a sink. One worker is ten times slower than
// the others; `least-loaded` notices and gives it less, so that nobody waits for it at the end.
//
// The workers are sockets of one process here. In processes of their own their sockets would be just the same.

import { setTimeout as sleep } from "node:timers/promises"
import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"

interface Result {
  readonly worker: string
  readonly square: number
}

const tasks = 300

const ventilator = new Push({ codec: json<number>(), balance: "least-loaded", window: 8 })
const sink = new Pull({ codec: json<Result>() })
const work = await ventilator.bind("tcp://127.0.0.1:*")
const results = await sink.bind("tcp://127.0.0.1:*")

async function worker(name: string, milliseconds: number): Promise<void> {
  // What a worker has taken into its own queue is beyond anybody's reach, so it takes one at a time.
  await using inbox = new Pull({ codec: json<number>(), receiveHighWaterMark: 1 })
  await using outbox = new Push({ codec: json<Result>() })
  inbox.connect(work)
  outbox.connect(results)
  quitting.signal.addEventListener("abort", () => void inbox.close())
  for await (const n of inbox) {
    await sleep(milliseconds)
    await outbox.send({ worker: name, square: n * n })
  }
}

const quitting = new AbortController()
const crew = [worker("ada", 2), worker("grace", 2), worker("edsger", 2), worker("tortoise", 20)]
await ventilator.waitForPeers(crew.length)

void (async () => {
  for (let n = 1; n <= tasks; n++) await ventilator.send(n)
})()

const done = new Map<string, number>()
let sum = 0
for (let received = 0; received < tasks; received++) {
  const { worker, square } = await sink.receive()
  done.set(worker, (done.get(worker) ?? 0) + 1)
  sum += square
}

for (const [name, count] of [...done].sort(([a], [b]) => a.localeCompare(b))) {
  console.log(`${name.padEnd(9)} ${"▇".repeat(Math.ceil(count / 4))} ${count}`)
}
const expected = (tasks * (tasks + 1) * (2 * tasks + 1)) / 6
console.log(`the sum of all squares up to ${tasks}² is ${sum}${sum === expected ? ", as it must be" : ": WRONG"}`)

quitting.abort()
await Promise.all([...crew, ventilator.close(), sink.close()])
