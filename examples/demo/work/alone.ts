// A process: the same computation as all workers together, done by one. What comes out is what must come out.

import { setImmediate as turn } from "node:timers/promises"
import { now } from "../clock.ts"
import { readAirports, readFlights } from "../flights.ts"
import { play } from "../role.ts"
import { type Assessment, assess, nothing, sum } from "./assessment.ts"
import { Allowances, factsOf } from "./settings.ts"

export type AloneReport = { readonly is: "computed"; readonly total: Assessment; readonly seconds: number }

play<undefined, AloneReport>(async (_, director) => {
  const flights = readFlights()
  const places = readAirports()
  const allowances = new Allowances()
  for (const fact of factsOf(flights)) allowances.learn(fact)

  const startedAt = now()
  let total = nothing
  let done = 0
  director.showProgress(() => done)
  for (const flight of flights) {
    total = sum(total, assess(flight, places, allowances))
    if (++done % 200 === 0) await turn()
  }
  director.tell({ is: "computed", total, seconds: (now() - startedAt) / 1000 })
})
