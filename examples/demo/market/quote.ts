// What travels on the feed: a topic such as `close/2008-09-15`, and one figure of one day.

import type { Codec } from "brokerless"
import { type Day, figures } from "../prices.ts"

/** A figure as it is published. */
export interface Quote {
  /** Its number on this feed, from 0. */
  readonly serial: number
  readonly value: number
  /** By the clock that all processes share. */
  readonly sentAt: number
}

/** What ends the feed, for everybody who subscribes to it beside the quotes. */
export const endTopic = "end"

/** A quote in 24 octets. */
export const quoteCodec: Codec<Quote> = {
  encode({ serial, value, sentAt }) {
    const octets = Buffer.allocUnsafe(24)
    octets.writeDoubleLE(serial, 0)
    octets.writeDoubleLE(value, 8)
    octets.writeDoubleLE(sentAt, 16)
    return octets
  },
  decode: (octets) => ({
    serial: octets.readDoubleLE(0),
    value: octets.readDoubleLE(8),
    sentAt: octets.readDoubleLE(16),
  }),
}

/** Everything there is to publish, in the order of the market: day by day, and each day's figures in turn. */
export function tape(days: readonly Day[]): { topic: string; value: number }[] {
  return days.flatMap((day) => figures.map((figure) => ({ topic: `${figure}/${day.date}`, value: day[figure] })))
}
