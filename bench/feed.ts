// A feed of 1 000 topics to 50 subscribers: how many updates it carries, and how long one takes at a given rate. The
// publisher is one process, all subscribers another, over loopback tcp.
//
//   node build/bench/feed.js [--seconds 5] [--size 100] [--subscribers 50]

import { fork } from "node:child_process"
import { once } from "node:events"
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { type FeedEndpoints, FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { columns } from "./columns.ts"
import { disturbance, machine } from "./report.ts"
import { quantile } from "./statistics.ts"

const TOPICS = 1000
/** Updates per second for the measurements of latency. */
const RATES = [100, 500, 1000, 2000]
const ANYWHERE: FeedEndpoints = { updates: "tcp://127.0.0.1:*", recovery: "tcp://127.0.0.1:*" }

/** What the process of the subscribers is told, and what it answers. */
type Order =
  | { readonly what: "join"; readonly endpoints: FeedEndpoints; readonly count: number }
  | { readonly what: "expect"; readonly updates: number }
type Report =
  | { readonly what: "joined" }
  | { readonly what: "expecting" }
  | { readonly what: "received"; readonly seconds: number; readonly microseconds: number[]; readonly recovered: number }

if (process.argv[2] === "subscribers") subscribe()
else await main()

/** The process of the subscribers: each counts what its loop is handed, and how long that took. */
function subscribe(): void {
  let expected = 0
  let received = 0
  let first = 0n
  let latencies = new Float64Array(0)
  /** What each subscriber is still to get. */
  let missing: number[] = []
  const subscribers: FeedSubscriber[] = []

  const count = (subscriber: number, value: Buffer): void => {
    const now = process.hrtime.bigint()
    // What comes twice to one is no substitute for what another does not get.
    if ((missing[subscriber] as number)-- <= 0) throw new Error("A subscriber got more than was published")
    if (received === 0) first = now
    latencies[received++] = Number(now - value.readBigUInt64BE(0)) / 1000
    if (received === expected) report(Number(now - first) / 1e9)
  }
  const report = (seconds: number): void => {
    latencies.sort()
    const microseconds = [0.5, 0.99, 0.999, 1].map((share) => quantile(latencies, share))
    const recovered = subscribers.reduce((sum, { stats }) => sum + stats.recovered + stats.gaps, 0)
    process.send?.({ what: "received", seconds, microseconds, recovered } satisfies Report)
  }
  process.on("message", async (order: Order) => {
    if (order.what === "expect") {
      expected = order.updates * subscribers.length
      received = 0
      missing = subscribers.map(() => order.updates)
      latencies = new Float64Array(expected)
      process.send?.({ what: "expecting" } satisfies Report)
      return
    }
    for (let i = 0; i < order.count; i++) {
      const subscriber = new FeedSubscriber({ sources: [order.endpoints] })
      subscribers.push(subscriber)
      subscriber.subscribe()
    }
    await Promise.all(subscribers.map((subscriber) => subscriber.ready()))
    for (const [index, subscriber] of subscribers.entries()) {
      void (async () => {
        for await (const { value } of subscriber) if (value !== undefined) count(index, value)
      })()
    }
    process.send?.({ what: "joined" } satisfies Report)
  })
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "5" },
      size: { type: "string", default: "100" },
      subscribers: { type: "string", default: "50" },
    },
  })
  const [seconds, size, count] = [values.seconds, values.size, values.subscribers].map(Number) as [
    number,
    number,
    number,
  ]
  const child = fork(fileURLToPath(import.meta.url), ["subscribers"], { execArgv: [] })
  const failed = (): never => {
    console.error("The process of the subscribers has ended: nothing was measured")
    process.exit(1)
  }
  child.once("exit", failed)
  const ask = async (order: Order): Promise<Report> => {
    const answer = once(child, "message")
    child.send(order)
    return (await answer)[0] as Report
  }
  const topics = Array.from({ length: TOPICS }, (_, i) => `market/instrument/${i}`)
  // Nobody may miss anything: the slowest subscriber sets the pace.
  const publisher = new FeedPublisher({ overflow: "wait" })
  const endpoints = await publisher.bind(ANYWHERE)
  let turn = 0
  const publish = (stamp: bigint): Promise<void> => {
    const value = Buffer.alloc(size)
    value.writeBigUInt64BE(stamp, 0)
    return publisher.publish(topics[turn++ % TOPICS] as string, value)
  }
  console.log(machine())
  const warning = disturbance()
  if (warning !== undefined) console.log(warning)
  console.log(`${TOPICS} topics, ${count} subscribers, ${size} B\n`)
  await ask({ what: "join", endpoints, count })

  const run = async (updates: number, act: () => Promise<void>) => {
    await ask({ what: "expect", updates })
    const received = once(child, "message")
    await act()
    const [report] = (await received) as [Extract<Report, { what: "received" }>]
    return report
  }
  const flood = async (updates: number): Promise<void> => {
    for (let i = 0; i < updates; i++) await publish(process.hrtime.bigint())
  }
  const rows = [["", "in all", "updates", "deliveries", "p50", "p99", "p99.9", "longest", "recovered"]]
  const row = (name: string, updates: number, { seconds, microseconds, recovered }: Awaited<ReturnType<typeof run>>) =>
    rows.push([
      name,
      `${updates}`,
      perSecond(updates / seconds),
      perSecond((updates * count) / seconds),
      ...microseconds.map(milliseconds),
      `${recovered}`,
    ])

  // Laps until one tells how many fill the time.
  let lap = 500
  let last = await run(lap, () => flood(lap))
  while (last.seconds < seconds / 4) {
    lap *= 2
    last = await run(lap, () => flood(lap))
  }
  const updates = Math.max(1, Math.round((lap / last.seconds) * seconds))
  row("as fast as it goes", updates, await run(updates, () => flood(updates)))
  for (const rate of RATES) {
    const paced = Math.round(rate * seconds)
    row(`${rate} updates/s`, paced, await run(paced, () => evenly(paced, rate, publish)))
  }
  const alignments = rows[0]?.map((_, column) => (column === 0 ? "left" : "right")) ?? []
  console.log(columns(rows, alignments))
  child.off("exit", failed)
  child.kill()
  await publisher.close({ linger: 0 })
}

/**
 * So many calls at an even pace. Each is told when it was due, and that is where its latency begins: a call that comes
 * late, because the one before it had to wait, has already kept somebody waiting.
 */
async function evenly(calls: number, rate: number, act: (due: bigint) => Promise<void>): Promise<void> {
  const begin = process.hrtime.bigint()
  for (let i = 0; i < calls; i++) {
    const due = begin + BigInt(Math.round((i / rate) * 1e9))
    for (let left = due - process.hrtime.bigint(); left > 0n; left = due - process.hrtime.bigint()) {
      // Timers come up to a millisecond late, or more: the rest is waited for turn by turn.
      if (left > 3_000_000n) await sleep(Number(left) / 1e6 - 2)
      else await nextTurn()
    }
    await act(due)
  }
}

function perSecond(value: number): string {
  return value >= 1e6 ? `${(value / 1e6).toFixed(2)} M/s` : `${(value / 1e3).toFixed(1)} k/s`
}

function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(2)} ms`
}
