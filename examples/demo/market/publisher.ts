// A process: publishes the market feed over tcp, ipc and inproc at once, and is the home of the desks over inproc.
// With `overflow: "wait"` it goes at the pace of the slowest desk, and no desk misses a quote.

import { Publisher } from "brokerless"
import { now } from "../clock.ts"
import { readPrices } from "../prices.ts"
import { play } from "../role.ts"
import { type Desk, wants } from "./desks.ts"
import { type Heard, listen } from "./listen.ts"
import { endTopic, quoteCodec, tape } from "./quote.ts"
import { Tally } from "./tally.ts"

export interface PublisherBrief {
  readonly desks: readonly Desk[]
  readonly replays: number
}

export type PublisherReport =
  | { readonly is: "open"; readonly endpoints: Readonly<Record<Desk["transport"], string>> }
  | { readonly is: "published"; readonly startedAt: number; readonly perWrite: number; readonly dropped: number }
  | { readonly is: "heard inside"; readonly heard: readonly Heard[] }

play<PublisherBrief, PublisherReport>(async ({ desks, replays }, director) => {
  const publisher = new Publisher({ codec: quoteCodec, overflow: "wait" })
  const endpoints = {
    tcp: await publisher.bind("tcp://127.0.0.1:*"),
    ipc: await publisher.bind("ipc://*"),
    inproc: await publisher.bind("inproc://market"),
  }
  director.tell({ is: "open", endpoints })

  const inside = desks.filter((desk) => desk.transport === "inproc")
  const tallies = inside.map(() => new Tally())
  const listening = inside.map((desk, seat) => listen(desk, endpoints.inproc, tallies[seat]!))
  const heardInside = () => tallies.reduce((sum, tally) => sum + tally.count, 0)
  director.showProgress(heardInside)

  // The barrier: a feed that starts before everybody listens is a feed of which somebody misses the beginning.
  for (const topic of desks.flatMap((desk) => desk.prefixes)) {
    await publisher.waitForSubscribers(topic, desks.filter((desk) => wants(desk, topic)).length)
  }
  await publisher.waitForSubscribers(endTopic, desks.length)

  const quotes = tape(readPrices())
  const startedAt = now()
  let serial = 0
  for (let replay = 0; replay < replays; replay++) {
    for (const { topic, value } of quotes) {
      await publisher.send([topic, { serial: serial++, value, sentAt: now() }])
    }
  }
  await publisher.send([endTopic, { serial, value: 0, sentAt: now() }])
  const heard = await Promise.all(listening)
  await publisher.close()

  const { messagesSent, writes, dropped } = publisher.stats
  const lost = Object.values(dropped).reduce((sum, messages) => sum + messages, 0)
  // Over inproc nothing is written.
  const perWrite = (messagesSent - heardInside()) / writes
  director.tell({ is: "published", startedAt, perWrite, dropped: lost })
  director.tell({ is: "heard inside", heard })
})
