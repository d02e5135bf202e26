// What clients ask for and servers answer: the market as it stood on a day.

import type { Day } from "../prices.ts"

export interface Question {
  readonly date: string
}

export interface Snapshot {
  /** The day and the two weeks of trade before it, oldest first. */
  readonly days: readonly Day[]
  readonly highest: number
  readonly lowest: number
  /** Shares traded in all these days. */
  readonly volume: number
}

export interface AnsweredSnapshot {
  /** Who answered, and in which of its lives. */
  readonly server: string
  readonly snapshot: Snapshot
}

const daysOfTrade = 10

/** The market on the day at `index`. */
export function snapshotAt(prices: readonly Day[], index: number): Snapshot {
  const days = prices.slice(Math.max(0, index + 1 - daysOfTrade), index + 1)
  return {
    days,
    highest: Math.max(...days.map((day) => day.high)),
    lowest: Math.min(...days.map((day) => day.low)),
    volume: days.reduce((sum, day) => sum + day.volume, 0),
  }
}
