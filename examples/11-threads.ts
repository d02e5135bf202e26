// A pool of worker threads: the same program runs in every thread, and they meet by name. Nothing is shared but that.
// The ventilator counts what each thread has really taken, so a window of two keeps all of them busy and no task waits
// behind another one that takes long.

import { createHash } from "node:crypto"
import { isMainThread, threadId, Worker } from "node:worker_threads"
import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"

interface Task {
  readonly text: string
  readonly rounds: number
}

interface Result {
  readonly thread: number
  readonly rounds: number
  readonly digest: string
}

function work({ text, rounds }: Task): string {
  let digest = text
  for (let i = 0; i < rounds; i++) digest = createHash("sha256").update(digest).digest("hex")
  return digest
}

async function thread(): Promise<void> {
  const tasks = new Pull({ codec: json<Task>() })
  const results = new Push({ codec: json<Result>() })
  tasks.events.once("peer:leave", () => tasks.drain())
  tasks.connect("inproc://tasks")
  results.connect("inproc://results")
  for await (const task of tasks) await results.send({ thread: threadId, rounds: task.rounds, digest: work(task) })
  await results.close()
}

async function main(): Promise<void> {
  const tasks = Array.from({ length: 100 }, (_, i) => ({ text: `task ${i}`, rounds: i % 10 === 0 ? 5000 : 50 }))
  const ventilator = new Push({ codec: json<Task>(), balance: "least-loaded", window: 2 })
  const sink = new Pull({ codec: json<Result>() })
  await Promise.all([ventilator.bind("inproc://tasks"), sink.bind("inproc://results")])

  // As many as there are cores do the most; availableParallelism() of node:os tells.
  const threads = 2
  for (let i = 0; i < threads; i++) new Worker(new URL(import.meta.url))
  await ventilator.waitForPeers(threads)
  const sending = (async () => {
    for (const task of tasks) await ventilator.send(task)
    await ventilator.close()
  })()

  const rounds = new Map<number, number>()
  const digests = new Set<string>()
  for (let i = 0; i < tasks.length; i++) {
    const result = await sink.receive()
    rounds.set(result.thread, (rounds.get(result.thread) ?? 0) + result.rounds)
    digests.add(result.digest)
  }
  await Promise.all([sending, sink.close()])

  for (const [name, count] of [...rounds].sort(([a], [b]) => a - b)) {
    console.log(`thread ${name}  ${"▇".repeat(Math.ceil(count / 2000))} ${count} rounds`)
  }
  const right = tasks.every((task) => digests.has(work(task)))
  console.log(`${digests.size} digests by ${rounds.size} threads, all of them ${right ? "right" : "WRONG"}`)
}

await (isMainThread ? main() : thread())
