// Work for threads: one ventilator, and as many worker threads as there are cores. How long it takes beside one thread
// that does everything itself, and how close that comes to the ideal, which is the same work divided by the cores.
//
//   npm run bench:pool

import { createHash } from "node:crypto"
import { availableParallelism } from "node:os"
import { isMainThread, Worker } from "node:worker_threads"
import { Pull, Push } from "brokerless"
import { columns } from "./columns.ts"
import { machine } from "./report.ts"
import { summarize } from "./statistics.ts"

const RUNS = 5
const JOBS = "inproc://jobs"
const RESULTS = "inproc://results"

interface Kind {
  readonly name: string
  /** What a task costs, in rounds of hashing. */
  readonly costs: readonly number[]
  readonly window: number
  /** What it may take, beside one thread or beside the ideal. */
  readonly limit: number
  readonly beside: "one thread" | "ideal"
}

const KINDS: readonly Kind[] = [
  {
    name: "2000 equal tasks",
    costs: Array.from({ length: 2000 }, () => 100),
    window: 256,
    limit: 0.6,
    beside: "one thread",
  },
  {
    name: "600 tasks of 10 to 1000 rounds, window 2",
    costs: Array.from({ length: 600 }, (_, i) => 10 * (1 + ((i * 7919) % 100))),
    window: 2,
    limit: 1.15,
    beside: "ideal",
  },
]

const BLOCK = Buffer.alloc(16 * 1024, 7)

function work(rounds: number): string {
  const hash = createHash("sha256")
  for (let i = 0; i < rounds; i++) hash.update(BLOCK)
  return hash.digest("hex")
}

function alone({ costs }: Kind): number {
  const began = performance.now()
  for (const rounds of costs) work(rounds)
  return performance.now() - began
}

async function together({ costs, window }: Kind): Promise<number> {
  const threads = availableParallelism()
  const push = new Push({ balance: "least-loaded", window })
  const pull = new Pull()
  await Promise.all([push.bind(JOBS), pull.bind(RESULTS)])
  const workers = Array.from({ length: threads }, () => new Worker(new URL(import.meta.url)))
  await Promise.all([push.waitForPeers(threads), pull.waitForPeers(threads)])
  // Each has loaded and compiled what it needs.
  for (let i = 0; i < 50 * threads; i++) await push.send("20")
  for (let i = 0; i < 50 * threads; i++) await pull.receive()
  const began = performance.now()
  const sending = (async () => {
    for (const rounds of costs) await push.send(`${rounds}`)
  })()
  for (let i = 0; i < costs.length; i++) await pull.receive()
  const took = performance.now() - began
  await sending
  await Promise.all(workers.map((worker) => worker.terminate()))
  await Promise.all([push.close(), pull.close()])
  return took
}

async function serve(): Promise<void> {
  const pull = new Pull()
  const push = new Push()
  pull.connect(JOBS)
  push.connect(RESULTS)
  for await (const [rounds] of pull) await push.send(work(Number(String(rounds))))
}

async function main(): Promise<void> {
  console.log(machine())
  const rows: string[][] = []
  for (const kind of KINDS) {
    const single: number[] = []
    const shared: number[] = []
    for (let run = 0; run < RUNS; run++) {
      single.push(alone(kind))
      shared.push(await together(kind))
    }
    const one = summarize(single).median
    const many = summarize(shared).median
    const ratio = many / (kind.beside === "ideal" ? one / availableParallelism() : one)
    rows.push([
      kind.name,
      `${one.toFixed(0)} ms`,
      `${many.toFixed(0)} ms`,
      `${ratio.toFixed(2)} × ${kind.beside}`,
      `≤ ${kind.limit}`,
      ratio <= kind.limit ? "✓" : "✗",
    ])
  }
  const heading = ["", "one thread", `${availableParallelism()} threads`, "ratio", "limit", ""]
  console.log(
    columns(
      [heading, ...rows],
      heading.map((_, column) => (column === 0 ? "left" : "right")),
    ),
  )
}

void (isMainThread ? main() : serve())
