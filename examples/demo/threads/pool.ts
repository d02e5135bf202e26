// A process: hands out flights to threads of its own, as many as there are cores, and gathers what they find. They meet
// by name; nothing else is shared.

import { availableParallelism } from "node:os"
import { extname } from "node:path"
import { Worker } from "node:worker_threads"
import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { readFlights } from "../flights.ts"
import { play } from "../role.ts"
import { type Assessment, nothing, sum } from "../work/assessment.ts"
import { type Finding, findings, type Job, jobs } from "./talk.ts"

export type PoolReport = {
  readonly is: "found"
  readonly threads: number
  readonly total: Assessment
  readonly findings: number
  readonly seconds: number
  readonly dropped: Readonly<Record<string, number>>
}

play<undefined, PoolReport>(async (_, director) => {
  const flights = readFlights()
  const threads = availableParallelism()
  const outbox = new Push({ codec: json<Job>(), balance: "least-loaded", window: 16 })
  const inbox = new Pull({ codec: json<Finding>() })
  await Promise.all([outbox.bind(jobs), inbox.bind(findings)])
  for (let i = 0; i < threads; i++) new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url))
  await outbox.waitForPeers(threads)

  const startedAt = now()
  const handing = (async () => {
    for (const [id, flight] of flights.entries()) await outbox.send({ id, flight })
    await outbox.close()
  })()
  const seen = new Set<number>()
  let total = nothing
  director.showProgress(() => seen.size)
  while (seen.size < flights.length) {
    const { id, assessment } = await inbox.receive()
    seen.add(id)
    total = sum(total, assessment)
  }
  const seconds = (now() - startedAt) / 1000
  await handing
  await inbox.close()
  const { dropped } = outbox.stats
  director.tell({ is: "found", threads, total, findings: seen.size, seconds, dropped })
})
