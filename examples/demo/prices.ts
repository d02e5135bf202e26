// The S&P 500 since the year 2000: 5104 days of trade, six figures each.

import { readTable } from "./dataset.ts"

/** The figures of a day, in the order of the table's columns. */
export const figures = ["open", "high", "low", "close", "adjclose", "volume"] as const

export type Figure = (typeof figures)[number]

/** One day of trade. */
export type Day = Readonly<{ date: string } & Record<Figure, number>>

/** Every day of trade from 2000-01-03 to 2020-04-17. */
export function readPrices(): Day[] {
  return readTable("sp500-2000.csv").map(([date, ...values]) => {
    const [open, high, low, close, adjclose, volume] = values.map(Number)
    return { date: date!, open: open!, high: high!, low: low!, close: close!, adjclose: adjclose!, volume: volume! }
  })
}
