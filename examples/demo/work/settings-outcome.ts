// What must come of part 3: every worker that was there has heard every setting of every telling.

import { showChecksum } from "../checksum.ts"
import { Latency } from "../latency.ts"
import { count } from "../print.ts"
import { exactly, type Outcome, reasonsOf, totalDropped } from "../report.ts"
import type { ForemanReport } from "./foreman.ts"
import { type Fact, Told } from "./settings.ts"
import { firstWorkers, newcomer } from "./staff.ts"
import type { WorkerReport } from "./worker.ts"

export function settingsOutcome(
  facts: readonly Fact[],
  tellings: number,
  told: Extract<ForemanReport, { is: "told" }>,
  workers: readonly ({ readonly name: string } & WorkerReport)[],
): Outcome {
  const goal = new Told()
  for (const fact of facts) goal.add(fact)

  const lost = totalDropped(told.dropped)

  return {
    title: "Settings: one Fanout tells all workers the same",
    summary: `${count(facts.length)} settings told ${tellings} times to ${firstWorkers.length} workers`,
    rows: [
      {
        name: "all workers",
        over: "tcp",
        messages: told.messages,
        seconds: told.seconds,
        latency: new Latency(...workers.map(({ latencies }) => latencies)),
        perWrite: told.perWrite,
        lost: { messages: lost, reason: reasonsOf(told.dropped) },
      },
    ],
    checks: [
      exactly("settings the foreman sent", told.messages, tellings * firstWorkers.length * facts.length),
      exactly("settings dropped", lost, 0),
      ...workers.map(({ name, told }) => {
        const whole = Array.from({ length: name === newcomer ? 1 : tellings }, () => show(goal))
        return exactly(`${name} heard`, [...told.values()].map(show).join(" and "), whole.join(" and "))
      }),
    ],
  }
}

function show({ count: settings, checksum }: { readonly count: number; readonly checksum: number }): string {
  return `${count(settings)} settings, checksum ${showChecksum(checksum)}`
}
