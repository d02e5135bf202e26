// A process: publishes prices as fast as it can and waits for nobody. With `overflow: "drop"`, the default, what does
// not fit into a subscriber's queue is dropped and counted.

import { Publisher } from "brokerless"
import { now } from "../clock.ts"
import { quoteCodec, tape } from "../market/quote.ts"
import { readPrices } from "../prices.ts"
import { play } from "../role.ts"

export interface FloodBrief {
  readonly replays: number
}

export type FloodReport =
  | { readonly is: "open"; readonly endpoint: string }
  | {
      readonly is: "published"
      readonly startedAt: number
      readonly sent: number
      readonly perWrite: number
      readonly dropped: Readonly<Record<string, number>>
    }

play<FloodBrief, FloodReport>(async ({ replays }, director) => {
  const publisher = new Publisher({ codec: quoteCodec, overflow: "drop", sendHighWaterMark: 100 })
  director.tell({ is: "open", endpoint: await publisher.bind("tcp://127.0.0.1:*") })
  await publisher.waitForSubscribers("")

  const quotes = tape(readPrices())
  const startedAt = now()
  let sent = 0
  director.showProgress(() => sent)
  for (let replay = 0; replay < replays; replay++) {
    for (const { topic, value } of quotes) {
      await publisher.send([topic, { serial: sent++, value, sentAt: now() }])
    }
  }

  // What was accepted still reaches the subscriber, slow as it is.
  await publisher.close()
  const { messagesSent, writes, dropped } = publisher.stats
  director.tell({ is: "published", startedAt, sent, perWrite: messagesSent / writes, dropped })
})
