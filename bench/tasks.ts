// Tasks to worker threads: ours and piscina's, on the same jobs. All pools are open all the time, and take turns in
// short laps, so that whatever else the machine does meets all of them alike. See README.md.

import { parseArgs } from "node:util"
import { columns } from "./columns.ts"
import { disturbance, machine } from "./report.ts"
import { summarize } from "./statistics.ts"
import { type Pool, piscinaPool, tasksPool } from "./tasks-pools.ts"

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "15" },
    seconds: { type: "string", default: "0.2" },
    threads: { type: "string", default: "2" },
    only: { type: "string", default: "" },
  },
})
const [rounds, seconds, threads] = [values.rounds, values.seconds, values.threads].map(positive) as [
  number,
  number,
  number,
]

/** What is asked for, and how many of it are under way at once. */
interface Case {
  readonly name: string
  readonly task: number
  readonly window: number
}

const CASES: readonly Case[] = [
  { name: "tiny: n → n + 1, 1000 at once", task: 0, window: 1000 },
  { name: "tiny: n → n + 1, one at a time", task: 0, window: 1 },
  { name: "hash: SHA-256 of 2.5 MiB, 100 at once", task: 1, window: 100 },
  { name: "hash: SHA-256 of 2.5 MiB, one at a time", task: 1, window: 1 },
]
/** The first is what the others are put beside. */
const CONTENDERS: readonly { readonly name: string; open(): Promise<Pool> }[] = [
  { name: "piscina", open: () => piscinaPool(threads, 1) },
  { name: "piscina, 32 tasks per thread", open: () => piscinaPool(threads, 32) },
  { name: "tasks over inproc", open: () => tasksPool("inproc://tasks", threads) },
  { name: "tasks over ipc", open: () => tasksPool("ipc://*", threads) },
  { name: "tasks over tcp", open: () => tasksPool("tcp://127.0.0.1:*", threads) },
]
/** Tasks of each kind before anything counts: code that runs once a millisecond takes long to be compiled. */
const WARM_UP = 20_000

console.log(machine())
const warning = disturbance()
if (warning !== undefined) console.log(warning)
console.log(`${rounds} rounds of laps of about ${seconds} s, taking turns; ${threads} threads; medians`)
const pools = await Promise.all(CONTENDERS.map(({ open }) => open()))
for (const pool of pools) {
  await Promise.all(Array.from({ length: WARM_UP }, () => pool.run(0)))
  for (let i = 0; i < WARM_UP / 10; i++) await pool.run(0)
}
for (const each of CASES) {
  if (!each.name.includes(values.only)) continue
  const figures = await measure(each)
  console.log(`\n${each.name}\n${report(figures)}`)
}
await Promise.all(pools.map((pool) => pool.close()))

/** Tasks per second of each contender, round by round; the first to run is another one each time. */
async function measure({ task, window }: Case): Promise<number[][]> {
  const figures: number[][] = pools.map(() => [])
  // The first round warms up what the case does differently.
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < pools.length; i++) {
      const index = (i + round + pools.length) % pools.length
      const figure = await lap(pools[index] as Pool, task, window)
      if (round >= 0) figures[index]?.push(figure)
    }
  }
  return figures
}

/** Keeps `window` tasks under way until the time is over; what was done until the last of them, per second. */
async function lap(pool: Pool, task: number, window: number): Promise<number> {
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

/** The ratio is the median of those of the single rounds, in which both met the same machine. */
function report(figures: readonly number[][]): string {
  const [first] = figures as [number[], ...number[][]]
  const rows = figures.map((own, i) => {
    const { median, lowest, highest } = summarize(own)
    const ratio = summarize(own.map((figure, round) => figure / (first[round] as number))).median
    const count = (figure: number): string => Math.round(figure).toLocaleString("en")
    return [
      CONTENDERS[i]?.name ?? "",
      count(median),
      `${count(lowest)} – ${count(highest)}`,
      `${Math.round(1e6 / median).toLocaleString("en")}`,
      ratio.toFixed(2),
    ]
  })
  return columns(
    [["", "tasks/s", "lowest – highest", "µs each", "× piscina"], ...rows],
    ["left", "right", "right", "right", "right"],
  )
}

function positive(text: string): number {
  const number = Number(text)
  if (!(number > 0)) throw new Error(`A number above 0 is expected, got ${text}`)
  return number
}
