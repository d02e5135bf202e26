// A million small messages in a tight loop of `await send`, with default options: a subscriber that keeps up loses
// nothing, in the same process or in another, and of ten every message is either received or counted as dropped.

import { Publisher, Subscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import type { Said } from "../programs/subscribers.ts"
import { Program } from "../support/program.ts"
import { dropped, gather, subscribe } from "../support/pubsub.ts"
import { turns } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

const MILLION = 1_000_000

/** Sends a million messages of 16 octets, each numbered; looks after every hundred whether it may go on. */
async function sendMillion(publisher: Publisher, mayGoOn = (): boolean => true): Promise<void> {
  for (let i = 0; i < MILLION; i++) {
    if (i % 100 === 0) while (!mayGoOn()) await turns(1)
    const message = Buffer.allocUnsafe(16)
    message.writeUInt32BE(i, 0)
    await publisher.send(message)
  }
}

async function count(subscriber: Subscriber): Promise<{ received: number; outOfOrder: number }> {
  let received = 0
  let outOfOrder = 0
  void subscriber.events.once("peer:leave").then(() => subscriber.drain())
  for await (const [frame] of subscriber) {
    if (frame?.readUInt32BE(0) !== received++) outOfOrder++
  }
  return { received, outOfOrder }
}

describe.each(TRANSPORTS)("a million messages over $name", (transport) => {
  it("arrive at a subscriber in the same process without a drop", { timeout: 120_000 }, async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber({ reconnectInterval: -1 })
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    const counting = count(subscriber)
    await sendMillion(publisher)
    await publisher.close()
    expect({ ...(await counting), dropped: dropped(publisher.stats) }).toEqual({
      received: MILLION,
      outOfOrder: 0,
      dropped: 0,
    })
  })
})

describe.each(TRANSPORTS.filter(({ name }) => name !== "inproc"))("a million messages over $name", (transport) => {
  it("arrive at a subscriber in another process that keeps up without a drop", { timeout: 120_000 }, async () => {
    await using publisher = new Publisher()
    await using program = new Program<Said>("subscribers", await publisher.bind(transport.any()), 1)
    // First this, because it also tells of a program that could not start.
    expect(await program.next()).toEqual({ what: "joined" })
    await publisher.waitForSubscribers("")
    // A process can be without a processor for longer than any mark lasts: then it is waited for.
    const { sendHighWaterMark = 0 } = publisher.options
    await sendMillion(publisher, () => publisher.stats.queuedMessages < sendHighWaterMark / 2)
    await publisher.close()
    expect({ said: await program.next(), dropped: dropped(publisher.stats) }).toEqual({
      said: { what: "received", counts: [MILLION], outOfOrder: 0 },
      dropped: 0,
    })
  })

  it("to ten in another process: received and dropped add up", { timeout: 120_000 }, async () => {
    await using publisher = new Publisher()
    await using program = new Program<Said>("subscribers", await publisher.bind(transport.any()), 10)
    // First this, because it also tells of a program that could not start.
    expect(await program.next()).toEqual({ what: "joined" })
    await publisher.waitForSubscribers("", 10)
    await sendMillion(publisher)
    await publisher.close()
    const said = await program.next()
    if (said.what !== "received") throw new Error(`The subscribers told of ${said.what}`)
    const received = said.counts.reduce((sum, each) => sum + each, 0)
    expect(said.outOfOrder).toBe(0)
    expect(received + dropped(publisher.stats)).toBe(10 * MILLION)
    expect(dropped(publisher.stats)).toBe(publisher.stats.dropped["high-water-mark"])
  })
})
