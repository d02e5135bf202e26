// What every worker must know before it may work: how much delay is usual at each airport, as it was known on each
// day of the quarter. Told in full each time, day by day; the newest word on an airport counts.

import { emptyChecksum, foldNumber, foldText } from "../checksum.ts"
import type { Flight } from "../flights.ts"

/** One word of a telling. */
export interface Setting {
  /** Which telling this belongs to, from 1. */
  readonly telling: number
  readonly day: string
  readonly airport: string
  /** The average delay there up to that day, in whole minutes. */
  readonly allowance: number
  /** Whether it is the last of its telling. */
  readonly last: boolean
  /** By the clock that all processes share. */
  readonly sentAt: number
}

/** What a telling says, apart from which one it is and when it is told. */
export type Fact = Pick<Setting, "day" | "airport" | "allowance">

/** All facts of one telling, worked out from the flights themselves. */
export function factsOf(flights: readonly Flight[]): Fact[] {
  const facts: Fact[] = []
  const known = new Map<string, { delay: number; flights: number }>()
  for (const [index, { date, delay, origin }] of flights.entries()) {
    const before = known.get(origin) ?? { delay: 0, flights: 0 }
    known.set(origin, { delay: before.delay + delay, flights: before.flights + 1 })

    const day = dayOf(date)
    const next = flights[index + 1]
    if (next !== undefined && dayOf(next.date) === day) continue
    for (const [airport, so] of known) {
      // Plus nought, because rounding makes -0 and JSON does not know it.
      facts.push({ day, airport, allowance: Math.round(so.delay / so.flights) + 0 })
    }
  }
  return facts
}

function dayOf(date: string): string {
  return date.slice(0, "2001/01/01".length)
}

/** The allowances as they stand when everything has been told. */
export class Allowances {
  readonly #newest = new Map<string, Fact>()

  /** The allowance of an airport, in minutes. */
  of(airport: string): number {
    return this.#newest.get(airport)!.allowance
  }

  /** Takes in a fact, unless a newer one is known. */
  learn(fact: Fact): void {
    const known = this.#newest.get(fact.airport)
    if (known === undefined || known.day <= fact.day) this.#newest.set(fact.airport, fact)
  }
}

/** What somebody has heard of one telling, boiled down to two numbers. */
export class Told {
  count = 0
  checksum: number = emptyChecksum

  add({ day, airport, allowance }: Fact): void {
    this.count++
    this.checksum = foldNumber(foldText(foldText(this.checksum, day), airport), allowance)
  }
}
