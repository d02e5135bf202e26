// Twenty thousand flights inside the United States in the first quarter of 2001, and where the airports lie.

import { readDataset, readTable } from "./dataset.ts"

/** One flight. Its number in the table is its name. */
export interface Flight {
  /** When it left, as `2001/01/01 00:47`. */
  readonly date: string
  /** Minutes late; negative when it was early. */
  readonly delay: number
  /** Miles, as the airline counts them. */
  readonly distance: number
  readonly origin: string
  readonly destination: string
}

/** Where an airport lies, in radians. */
export interface Place {
  readonly latitude: number
  readonly longitude: number
}

/** All flights, in the order in which they left. */
export function readFlights(): Flight[] {
  return JSON.parse(readDataset("flights-20k.json")) as Flight[]
}

/** The airports by their code. Names may hold commas, so the columns are counted from both ends. */
export function readAirports(): ReadonlyMap<string, Place> {
  const radians = (degrees: string | undefined) => (Number(degrees) * Math.PI) / 180
  return new Map(
    readTable("airports.csv").map((cells) => [
      cells[0]!,
      { latitude: radians(cells.at(-2)), longitude: radians(cells.at(-1)) },
    ]),
  )
}
