// Task fan-out: a ventilator hands out tasks, workers do them, and results come back. One worker dies in the midst of
// its work and one task can never be done; everything else is done nevertheless.
//
// The workers are objects of one process here. In threads (`startWorkers`), processes or on other machines they are
// just the same.

import { setTimeout as sleep } from "node:timers/promises"
import { json } from "brokerless/codec"
import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"

const ventilator = new Ventilator<number, number>({
  codec: json<number>(),
  retries: 2,
  deadLetter: ({ task, attempts, error }) =>
    console.log(`${task} was given up after ${attempts} attempts: ${error.message}`),
})
const endpoint = await ventilator.bind("tcp://127.0.0.1:*")
ventilator.events.on("worker:leave", ({ worker, lost }) =>
  console.log(`${worker} is gone, and had ${lost > 0 ? "work" : "nothing"}`),
)

function start(name: string, handler: (n: number) => Promise<number>): TaskWorker<number, number> {
  const worker = new TaskWorker<number, number>({ codec: json<number>(), name })
  worker.connect(endpoint)
  void worker.serve(handler, { concurrency: 4 })
  return worker
}

async function square(n: number): Promise<number> {
  await sleep(1)
  if (n === 13) throw new Error("thirteen is unlucky")
  return n * n
}

const joined = ventilator.events.once("worker:join")
// It never gets anywhere, and is cut off.
const doomed = start("doomed", () => new Promise(() => {}))
await joined

const tasks = Array.from({ length: 500 }, (_, i) => i + 1)
const results = ventilator.map(tasks, { skipFailed: true })
const first = results.next()
while (ventilator.progress.running === 0) await sleep(1)
await doomed.close({ linger: 0 })

const crew = [start("ada", square), start("grace", square)]
let sum = (await first).value as number
for await (const result of results) sum += result

const { done, failed } = ventilator.progress
console.log(`${done} done, ${failed} failed, ${ventilator.stats.duplicates} done twice`)
const expected = (500 * 501 * 1001) / 6 - 13 ** 2
console.log(`the sum of all squares but one is ${sum}${sum === expected ? ", as it must be" : ": WRONG"}`)

await ventilator.drain()
await Promise.all(crew.map((worker) => worker.close()))
