// The work itself: what there is to find out about one flight. Always the same for the same flight and settings,
// and made of whole numbers, so that a sum does not depend on who computed what in which order.

import { createHash } from "node:crypto"
import type { Flight, Place } from "../flights.ts"
import type { Allowances } from "./settings.ts"

/** What is found out about a flight, and the sum of it over many. */
export interface Assessment {
  /** Minutes late beyond what is usual at the airport. */
  readonly late: number
  /** Miles between the airports along a great circle. */
  readonly miles: number
  /** A fingerprint that takes a while to compute, in 32 bits. */
  readonly fingerprint: number
}

/** No flight at all. */
export const nothing: Assessment = { late: 0, miles: 0, fingerprint: 0 }

const earthRadiusMiles = 3958.8
const hashesPerFlight = 100

/** Assesses one flight; costs a fifth of a millisecond or so. */
export function assess(flight: Flight, places: ReadonlyMap<string, Place>, allowances: Allowances): Assessment {
  const { date, delay, origin, destination } = flight
  let digest = createHash("sha256").update(`${date} ${origin} ${destination} ${delay}`).digest()
  for (let round = 1; round < hashesPerFlight; round++) digest = createHash("sha256").update(digest).digest()
  return {
    late: Math.max(0, delay - allowances.of(origin)),
    miles: Math.round(distance(places.get(origin)!, places.get(destination)!) * earthRadiusMiles),
    fingerprint: digest.readUInt32LE(0),
  }
}

/** The sum of two. */
export function sum(a: Assessment, b: Assessment): Assessment {
  return {
    late: a.late + b.late,
    miles: a.miles + b.miles,
    fingerprint: (a.fingerprint + b.fingerprint) >>> 0,
  }
}

/** For people. */
export function showAssessment({ late, miles, fingerprint }: Assessment): string {
  const hex = fingerprint.toString(16).padStart(8, "0")
  return `${late.toLocaleString("en-US")} min late, ${miles.toLocaleString("en-US")} miles, ${hex}`
}

/** The angle between two places (haversine), in radians. */
function distance(from: Place, to: Place): number {
  const haversine = (angle: number) => Math.sin(angle / 2) ** 2
  const latitudes = haversine(to.latitude - from.latitude)
  const longitudes = haversine(to.longitude - from.longitude)
  return 2 * Math.asin(Math.sqrt(latitudes + Math.cos(from.latitude) * Math.cos(to.latitude) * longitudes))
}
