// A desk at work: it subscribes, reads to the end of the feed, and says what it heard.

import { Subscriber } from "brokerless"
import { now } from "../clock.ts"
import { Latency } from "../latency.ts"
import type { Desk } from "./desks.ts"
import { endTopic, quoteCodec } from "./quote.ts"
import type { Tally } from "./tally.ts"

/** What a desk has heard. */
export interface Heard {
  readonly count: number
  readonly checksum: number
  readonly latencies: Uint32Array
  readonly endedAt: number
}

/** Listens until the feed ends. `tally` shows meanwhile how far it is. */
export async function listen(desk: Desk, endpoint: string, tally: Tally): Promise<Heard> {
  const subscriber = new Subscriber({ codec: quoteCodec })
  const latency = new Latency()
  subscriber.subscribe(...desk.prefixes, endTopic)
  subscriber.connect(endpoint)

  for await (const [topic, quote] of subscriber) {
    if (topic === endTopic) break
    tally.add(topic, quote.value)
    latency.add(now() - quote.sentAt)
  }
  const endedAt = now()
  await subscriber.close()

  return { count: tally.count, checksum: tally.checksum, latencies: latency.counts, endedAt }
}
