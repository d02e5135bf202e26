// Parts 2 and 3: twenty thousand flights, handed out to workers of which one is slow, one is killed half-way, and one
// joins in its place; and before anybody works, a foreman tells them all the same settings. This file is the course of
// events; what must come of them stands in settings-outcome.ts and work-outcome.ts.

import type { Crew, Member } from "../crew.ts"
import { readFlights } from "../flights.ts"
import type { Line } from "../progress.ts"
import type { Outcome } from "../report.ts"
import type { AloneReport } from "./alone.ts"
import type { ForemanBrief, ForemanReport } from "./foreman.ts"
import { factsOf } from "./settings.ts"
import { settingsOutcome } from "./settings-outcome.ts"
import type { SinkBrief, SinkReport } from "./sink.ts"
import { doomed, firstWorkers, newcomer, rests, survivors } from "./staff.ts"
import type { VentilatorBrief, VentilatorReport } from "./ventilator.ts"
import { workOutcome } from "./work-outcome.ts"
import type { WorkerBrief, WorkerReport } from "./worker.ts"

/** What may be under way to one worker, and what may wait inside it: together all that can die with it. */
const window = 64
const receiveHighWaterMark = 16

/** Once for those who are there from the start, once more when the newcomer has joined. */
const tellings = 2

interface Lines {
  readonly flights: Line
  readonly settings: Line
}

interface Outcomes {
  readonly flights: Outcome
  readonly settings: Outcome
  /** What one process finds alone, for others to be compared with. */
  readonly alone: AloneReport
}

export async function flightWork(crew: Crew, lines: Lines): Promise<Outcomes> {
  const flights = readFlights()
  const facts = factsOf(flights)

  const loner = crew.start<undefined, AloneReport>("one alone", "work/alone", undefined)
  lines.flights.begin(flights.length, [loner], "by one process alone")
  const alone = await loner.report("computed")
  await loner.ended

  const sink = crew.start<SinkBrief, SinkReport>("sink", "work/sink", { tasks: flights.length, survivors })
  const ventilator = crew.start<VentilatorBrief, VentilatorReport>("ventilator", "work/ventilator", {
    workers: firstWorkers.length,
    window,
  })
  const foreman = crew.start<ForemanBrief, ForemanReport>("foreman", "work/foreman", {
    workers: firstWorkers.length,
    tellings,
  })
  const settings = (await foreman.report("open")).endpoint
  const tasks = (await ventilator.report("open")).endpoint
  const results = (await sink.report("open")).endpoint

  const workers = new Map<string, Member<WorkerReport>>()
  const hire = (name: string) => {
    const brief = { name, settings, tasks, results, receiveHighWaterMark, rest: rests.get(name) ?? 0 }
    workers.set(name, crew.start<WorkerBrief, WorkerReport>(name, "work/worker", brief))
  }
  for (const name of firstWorkers) hire(name)
  lines.settings.begin(tellings * firstWorkers.length * facts.length, [foreman])
  lines.flights.begin(flights.length, [sink], `by ${firstWorkers.length} workers`)

  await sink.report("half")
  await workers.get(doomed)!.kill()
  hire(newcomer)
  lines.flights.note(`${doomed} killed, ${newcomer} called`)

  const gathered = await sink.report("gathered")
  const sent = await ventilator.report("sent")
  foreman.order("finish")
  const told = await foreman.report("told")
  const dismissed = await Promise.all(
    survivors.map(async (name) => ({ name, ...(await workers.get(name)!.report("dismissed")) })),
  )
  await crew.allEnded()

  return {
    alone,
    flights: workOutcome(flights, facts, window + receiveHighWaterMark, alone, sent, gathered),
    settings: settingsOutcome(facts, tellings, told, dismissed),
  }
}
