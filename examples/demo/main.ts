// The main job: every pattern of the library at work in processes of their own, on real data, with figures that are
// known beforehand. Ends with a report, and with exit code 1 if any figure is not what it must be.
//
//   npm run demo

import { now } from "./clock.ts"
import { Crew } from "./crew.ts"
import { flood } from "./flood/flood.ts"
import { marketFeed } from "./market/market-feed.ts"
import { red } from "./print.ts"
import { Progress } from "./progress.ts"
import { type Outcome, printReport } from "./report.ts"
import { snapshots } from "./snapshots/snapshots.ts"
import { threadWork } from "./threads/thread-work.ts"
import { flightWork } from "./work/flight-work.ts"

const mostSeconds = 120

const startedAt = now()
const crew = new Crew()
const progress = new Progress()
const lines = {
  market: progress.line("market feed"),
  flood: progress.line("flood"),
  flights: progress.line("flights"),
  settings: progress.line("settings"),
  threads: progress.line("threads"),
  snapshots: progress.line("snapshots"),
}

async function allParts(): Promise<Outcome[]> {
  const [market, deluge] = await Promise.all([
    marketFeed(crew, lines.market).then((outcome) => lines.market.finish(outcome)),
    flood(crew, lines.flood).then((outcome) => lines.flood.finish(outcome)),
  ])
  const { flights, settings, alone } = await flightWork(crew, lines)
  lines.flights.finish(flights)
  lines.settings.finish(settings)
  const threads = lines.threads.finish(await threadWork(crew, lines.threads, alone))
  const answers = lines.snapshots.finish(await snapshots(crew, lines.snapshots))
  return [market, deluge, flights, settings, threads, answers]
}

// Whatever ends this process ends its crew, see crew.ts.
process.once("SIGINT", () => process.exit(130))
process.once("SIGTERM", () => process.exit(143))

const watchdog = setTimeout(() => crew.fail(new Error(`not done after ${mostSeconds} s`)), mostSeconds * 1000)
progress.start()
try {
  const outcomes = await Promise.race([allParts(), crew.failed])
  clearTimeout(watchdog)
  progress.stop()
  process.exitCode = printReport(outcomes, (now() - startedAt) / 1000) ? 0 : 1
} catch (error) {
  progress.stop()
  console.error(red(`\nThe demo failed: ${error instanceof Error ? error.message : error}\n`))
  process.exit(1)
}
