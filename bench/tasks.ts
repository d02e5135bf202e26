// Tasks to worker threads: ours and piscina's, on the same jobs, alternating, medians. See README.md.

import { parseArgs } from "node:util"
import { machine } from "./report.ts"
import { summarize } from "./statistics.ts"
import { type Pool, piscinaPool, tasksPool } from "./tasks-pools.ts"

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    threads: { type: "string", default: "2" },
    window: { type: "string", default: "1000" },
    only: { type: "string", default: "" },
  },
})
const [runs, seconds, threads, window] = [values.runs, values.seconds, values.threads, values.window].map(positive) as [
  number,
  number,
  number,
  number,
]

interface Contender {
  readonly name: string
  open(): Promise<Pool>
}

const JOBS: readonly { readonly name: string; readonly task: number; readonly unit: string }[] = [
  { name: "tiny: n → n + 1", task: 0, unit: "tasks/s" },
  { name: "hash: SHA-256 of 2.5 MiB", task: 1, unit: "tasks/s" },
]
const CONTENDERS: readonly Contender[] = [
  { name: "tasks over inproc", open: () => tasksPool("inproc://tasks", threads) },
  { name: "tasks over ipc", open: () => tasksPool("ipc://*", threads) },
  { name: "tasks over tcp", open: () => tasksPool("tcp://127.0.0.1:*", threads) },
  { name: "piscina", open: () => piscinaPool(threads, 1) },
  { name: "piscina, 32 tasks per thread", open: () => piscinaPool(threads, 32) },
]

console.log(machine())
console.log(
  `${runs} runs of about ${seconds} s each, alternating; ${threads} threads, ${window} tasks at once; medians`,
)
for (const job of JOBS) {
  if (!job.name.includes(values.only)) continue
  const figures = new Map<string, number[]>()
  for (let run = 0; run < runs; run++) {
    for (let i = 0; i < CONTENDERS.length; i++) {
      const contender = CONTENDERS[(i + run) % CONTENDERS.length] as Contender
      const figure = await trial(contender, job.task)
      figures.set(contender.name, [...(figures.get(contender.name) ?? []), figure])
    }
  }
  console.log(`\n${job.name}`)
  for (const { name } of CONTENDERS) {
    const { median, lowest, highest } = summarize(figures.get(name) as number[])
    const rounded = [median, lowest, highest].map((figure) => Math.round(figure).toLocaleString("en"))
    console.log(`  ${name.padEnd(30)} ${rounded[0]} ${job.unit}   (${rounded[1]} – ${rounded[2]})`)
  }
}

/** Tasks per second, after a warm-up. */
async function trial(contender: Contender, task: number): Promise<number> {
  const pool = await contender.open()
  try {
    await lap(pool, task, seconds / 2)
    return await lap(pool, task, seconds)
  } finally {
    await pool.close()
  }
}

/** Keeps `window` tasks under way until the time is over; what was done in it, per second. */
async function lap(pool: Pool, task: number, seconds: number): Promise<number> {
  const begun = performance.now()
  const end = begun + seconds * 1000
  let done = 0
  const chain = async (): Promise<void> => {
    while (performance.now() < end) {
      const result = await pool.run(task)
      if (typeof result !== "number") throw new Error(`A task came to ${String(result)}`)
      done++
    }
  }
  await Promise.all(Array.from({ length: window }, chain))
  return (done * 1000) / (performance.now() - begun)
}

function positive(text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`A number above 0 is expected, got ${text}`)
  return number
}
