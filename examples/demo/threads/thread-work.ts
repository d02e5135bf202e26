// Part 5: the flights once more, by the threads of one process, which meet over inproc. Not one may be lost, and what
// comes of it is what came of the process that did them all alone.

import type { Crew } from "../crew.ts"
import { readFlights } from "../flights.ts"
import { count } from "../print.ts"
import type { Line } from "../progress.ts"
import { exactly, type Outcome, totalDropped } from "../report.ts"
import type { AloneReport } from "../work/alone.ts"
import { showAssessment } from "../work/assessment.ts"
import type { PoolReport } from "./pool.ts"

export async function threadWork(crew: Crew, line: Line, alone: AloneReport): Promise<Outcome> {
  const flights = readFlights().length
  const pool = crew.start<undefined, PoolReport>("pool", "threads/pool", undefined)
  line.begin(flights, [pool])
  const found = await pool.report("found")
  await crew.allEnded()
  return {
    title: `Threads: ${count(flights)} flights, ${found.threads} threads of one process`,
    summary: `${count(found.findings)} assessed by ${found.threads} threads, none lost`,
    rows: [
      { name: "all threads", over: "inproc", messages: found.findings, seconds: found.seconds },
      { name: "one process alone", messages: flights, seconds: alone.seconds },
    ],
    checks: [
      exactly("found together", showAssessment(found.total), showAssessment(alone.total)),
      exactly("findings", found.findings, flights),
      exactly("jobs dropped", totalDropped(found.dropped), 0),
    ],
  }
}
