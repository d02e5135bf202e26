// A process: a subscriber that cannot keep up, because it rests after every few quotes.

import { setTimeout as rest } from "node:timers/promises"
import { Subscriber } from "brokerless"
import { now } from "../clock.ts"
import { Latency } from "../latency.ts"
import { quoteCodec } from "../market/quote.ts"
import { play } from "../role.ts"

const quotesBetweenRests = 400
const restMilliseconds = 5

export interface SlowBrief {
  readonly endpoint: string
}

export interface SlowReport {
  readonly is: "heard"
  readonly count: number
  /** Quotes that came after one with a higher number. */
  readonly outOfOrder: number
  readonly latencies: Uint32Array
  readonly endedAt: number
}

play<SlowBrief, SlowReport>(async ({ endpoint }, director) => {
  const subscriber = new Subscriber({ codec: quoteCodec, receiveHighWaterMark: 100 })
  subscriber.subscribe()
  subscriber.connect(endpoint)

  // When the publisher is gone, what has arrived is still read.
  subscriber.events.once("peer:leave", () => subscriber.drain())

  const latency = new Latency()
  let count = 0
  let last = -1
  let outOfOrder = 0
  for await (const [, quote] of subscriber) {
    latency.add(now() - quote.sentAt)
    if (quote.serial <= last) outOfOrder++
    last = quote.serial
    if (++count % quotesBetweenRests === 0) await rest(restMilliseconds)
  }
  director.tell({ is: "heard", count, outOfOrder, latencies: latency.counts, endedAt: now() })
})
