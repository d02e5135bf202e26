// What must come of part 2: everything but what died with the killed worker, which is little and known by name.

import { type Flight, readAirports } from "../flights.ts"
import { Latency } from "../latency.ts"
import { bold, count, ranges } from "../print.ts"
import { exactly, type Outcome, within } from "../report.ts"
import type { AloneReport } from "./alone.ts"
import { type Assessment, assess, nothing, showAssessment, sum } from "./assessment.ts"
import { Allowances, type Fact } from "./settings.ts"
import type { SinkReport } from "./sink.ts"
import { doomed, newcomer, slow, staff, survivors } from "./staff.ts"
import type { VentilatorReport } from "./ventilator.ts"

export function workOutcome(
  flights: readonly Flight[],
  facts: readonly Fact[],
  mostInHands: number,
  alone: AloneReport,
  sent: Extract<VentilatorReport, { is: "sent" }>,
  gathered: Extract<SinkReport, { is: "gathered" }>,
): Outcome {
  const { missing, done, repeated } = gathered
  const doneBy = (name: string) => done.get(name) ?? 0
  const unanswered = (name: string) => (sent.handed.get(name) ?? 0) - doneBy(name)
  const answered = flights.length - missing.length
  const seconds = (gathered.endedAt - sent.startedAt) / 1000

  // The one process alone did them all: what it found and the workers did not must be what was lost.
  const lost = sumOf(
    missing.map((id) => flights[id]!),
    facts,
  )

  return {
    title: `Flights: ${count(flights.length)} of them, balance "least-loaded"`,
    summary: `${count(answered)} assessed, ${missing.length} lost with the ${doomed}`,
    rows: [
      {
        name: "all workers",
        over: "tcp",
        messages: answered,
        seconds,
        latency: new Latency(gathered.latencies),
        perWrite: sent.perWrite,
        lost: { messages: missing.length, reason: `with the ${doomed}` },
      },
      ...staff.map((name) => ({ name, messages: doneBy(name) })),
      { name: "one process alone", messages: flights.length, seconds: alone.seconds },
    ],
    checks: [
      exactly(
        "found together, and with what was lost",
        showAssessment(sum(gathered.total, lost)),
        showAssessment(alone.total),
      ),
      exactly("results that came twice", repeated, 0),
      within(`lost with the ${doomed}`, missing.length, 0, mostInHands),
      exactly(`handed to the ${doomed} and not answered`, unanswered(doomed), missing.length),
      exactly(
        "handed to anybody else and not answered",
        survivors.reduce((sum, name) => sum + unanswered(name), 0),
        0,
      ),
      within(`done by the ${slow}`, doneBy(slow), 1, flights.length * 0.15),
      within(`done by the ${newcomer}`, doneBy(newcomer), 1, flights.length),
    ],
    notes: [
      `${bold(`Lost with the ${doomed}`)}, killed with ${count(doneBy(doomed))} flights done: ` +
        `${missing.length} in its hands (at most ${mostInHands})\n  flights ${ranges(missing)}`,
    ],
  }
}

function sumOf(flights: readonly Flight[], facts: readonly Fact[]): Assessment {
  const places = readAirports()
  const allowances = new Allowances()
  for (const fact of facts) allowances.learn(fact)
  return flights.reduce((total, flight) => sum(total, assess(flight, places, allowances)), nothing)
}
