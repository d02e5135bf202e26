// What becomes of messages for a subscriber whose queue is full. Whatever the choice, the counts add up: what was sent,
// times the subscribers, is what was received plus what was dropped, by reason.

import { type DropReason, type Overflow, type Peer, Publisher, Subscriber, XPublisher } from "brokerless"
import { describe, expect, it } from "vitest"
import { dropped, END, gather, receivedBefore, sendSurely, subscribe, subscriptionsOf } from "../support/pubsub.ts"
import { turns, waits } from "../support/sockets.ts"
import { TRANSPORTS, type TransportCase } from "../support/transports.ts"

const QUICK = { reconnectInterval: 1, receiveTimeout: 30_000 } as const
const TOPICS = ["A", "B", "C"]
const MARK = 6

/** Big enough to fill what the kernel keeps for a connection after a few hundred messages. */
function load(transport: TransportCase): Buffer {
  return Buffer.alloc(transport.name === "inproc" ? 1 : 64 * 1024)
}

/** A publisher with that overflow, and subscribers to everything that do not read. */
async function stalled(transport: TransportCase, overflow: Overflow, subscribers: Subscriber[]): Promise<Publisher> {
  const publisher = new Publisher({ overflow, sendHighWaterMark: MARK, linger: 0 })
  await gather(publisher, transport, ...subscribers)
  for (const subscriber of subscribers) await subscribe(publisher, subscriber, "")
  return publisher
}

function slow(): Subscriber {
  return new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
}

/** Sends [topic, number, load] over and over until each peer has lost so many. Returns how many were sent. */
async function sendUntilLost(
  publisher: Publisher,
  peers: readonly Peer[],
  lost: number,
  body: Buffer,
): Promise<number> {
  let sent = 0
  while (peers.some((peer) => dropped(peer.stats) < lost)) {
    expect(sent).toBeLessThan(5000)
    await publisher.send([TOPICS[sent % TOPICS.length] as string, `${sent}`, body])
    sent++
  }
  return sent
}

/** The numbers of the messages that reach a subscriber, of which so many are still to come. */
async function numbers(subscriber: Subscriber, count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) found.push(Number((await subscriber.receive())[1]))
  return found
}

function rising(list: readonly number[]): boolean {
  return list.every((number, i) => i === 0 || number > (list[i - 1] as number))
}

describe.each(TRANSPORTS)("overflow over $name", (transport) => {
  for (const [overflow, reason] of [
    ["drop", "high-water-mark"],
    ["drop-oldest", "replaced"],
    ["conflate", "replaced"],
  ] as const satisfies [Overflow, DropReason][]) {
    it(`PUBSUB-6: "${overflow}": received and dropped add up, and every drop has a reason and an event`, async () => {
      await using one = slow()
      await using two = slow()
      await using publisher = await stalled(transport, overflow, [one, two])
      const { peers } = publisher
      const announced = new Map<string, number>()
      publisher.events.on("message:dropped", ({ peer, reason, count }) => {
        const what = `${peer?.id} ${reason}`
        announced.set(what, (announced.get(what) ?? 0) + count)
      })
      const slows: (Peer | undefined)[] = []
      publisher.events.on("peer:slow", (event) => slows.push(event.peer))
      const sent = await sendUntilLost(publisher, peers, 20, load(transport))
      expect(slows).toEqual(expect.arrayContaining([...peers]))
      let received = 0
      for (const [i, subscriber] of [one, two].entries()) {
        const { stats } = peers[i] as Peer
        expect(dropped(stats)).toBe(stats.dropped[reason])
        const list = await numbers(subscriber, sent - dropped(stats))
        received += list.length
        for (let topic = 0; topic < TOPICS.length; topic++) {
          const ofTopic = list.filter((number) => number % TOPICS.length === topic)
          expect(rising(ofTopic)).toBe(true)
          // Where the newest wins, the newest of each topic is there.
          if (overflow !== "drop") expect(ofTopic.at(-1)).toBeGreaterThanOrEqual(sent - TOPICS.length)
        }
        // A newer message takes the place of the older one of its topic; nothing else changes the order.
        if (overflow !== "conflate") expect(rising(list)).toBe(true)
        // Where the oldest stay, nothing is missing before the first loss.
        if (overflow === "drop") expect(list.slice(0, MARK)).toEqual(Array.from({ length: MARK }, (_, n) => n))
      }
      const lost = dropped(publisher.stats)
      expect(sent * 2).toBe(received + lost)
      // Nothing more is on its way, and the subscribers are well again.
      await sendSurely(publisher, END)
      expect(await receivedBefore(one)).toEqual([])
      expect(await receivedBefore(two)).toEqual([])
      await publisher.close()
      expect(Object.fromEntries(announced)).toEqual(
        Object.fromEntries(peers.map((peer) => [`${peer.id} ${reason}`, dropped(peer.stats)])),
      )
    })
  }

  it('"conflate" keeps the newest message of each topic, which is the whole first frame', async () => {
    await using subscriber = slow()
    await using publisher = await stalled(transport, "conflate", [subscriber])
    const peer = publisher.peers[0] as Peer
    const body = load(transport)
    let sent = await sendUntilLost(publisher, [peer], 1, body)
    // The queue is full. Of topics that begin alike, none takes the place of another.
    const newest = new Map<string, number>()
    for (let round = 0; round < 4; round++) {
      for (const topic of ["A", "AA", "AAA", ""]) {
        newest.set(topic, sent)
        await publisher.send([topic, `${sent++}`, body])
      }
    }
    const last = new Map<string, number>()
    for (let left = sent - dropped(peer.stats); left > 0; left--) {
      const [topic, number] = await subscriber.receive()
      last.set(String(topic), Number(number))
    }
    for (const [topic, number] of newest) expect([topic, last.get(topic)]).toEqual([topic, number])
    expect(peer.stats.dropped.replaced).toBe(dropped(peer.stats))
  })

  it('"wait": send waits for the slowest, and nothing is lost', async () => {
    await using one = slow()
    await using two = slow()
    await using publisher = await stalled(transport, "wait", [one, two])
    const body = load(transport)
    let sent = 0
    while (publisher.trySend(["", `${sent}`, body])) {
      expect(++sent).toBeLessThan(5000)
      await turns(1)
    }
    await expect(publisher.send("timeout", { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    const stop = new AbortController()
    const aborted = publisher.send("aborted", { signal: stop.signal })
    const waiting = [publisher.send(["", `${sent++}`, body]), publisher.send(["", `${sent++}`, body])]
    stop.abort()
    await expect(aborted).rejects.toMatchObject({ code: "ABORT_ERR" })
    expect(await numbers(one, sent - 2)).toEqual(Array.from({ length: sent - 2 }, (_, n) => n))
    // One of them reading is not enough.
    expect(await waits(waiting[0] as Promise<void>)).toBe(true)
    expect(await numbers(two, sent - 2)).toEqual(Array.from({ length: sent - 2 }, (_, n) => n))
    await Promise.all(waiting)
    expect([await numbers(one, 2), await numbers(two, 2)]).toEqual([
      [sent - 2, sent - 1],
      [sent - 2, sent - 1],
    ])
    expect(dropped(publisher.stats)).toBe(0)
  })

  it('"wait" does not wait for those who did not ask, nor for one who left', async () => {
    const leaver = slow()
    await using prompt = new Subscriber(QUICK)
    await using publisher = new Publisher({ overflow: "wait", sendHighWaterMark: 2, linger: 0 })
    await gather(publisher, transport, leaver, prompt)
    await subscribe(publisher, leaver, "A")
    await subscribe(publisher, prompt, "A", "B")
    const body = load(transport)
    let sent = 0
    for (; publisher.trySend(["A", `${sent}`, body]); sent++) {
      expect(sent).toBeLessThan(5000)
      expect(await numbers(prompt, 1)).toEqual([sent])
    }
    await publisher.send(["B", "1"])
    expect(await numbers(prompt, 1)).toEqual([1])
    const waiting = publisher.send(["A", "2"])
    await leaver.close()
    await waiting
    expect(await numbers(prompt, 1)).toEqual([2])
    const { stats } = publisher
    expect(dropped(stats)).toBe(stats.dropped["peer-left"] + stats.dropped["in-flight"])
    expect(dropped(stats) + stats.messagesSent).toBe(2 * sent + 2)
  })

  it('"disconnect" ends the connection of one whose queue is full, with what it had not got counted', async () => {
    await using full = new Subscriber({ ...QUICK, receiveHighWaterMark: 1, reconnectInterval: -1 })
    await using prompt = new Subscriber(QUICK)
    await using publisher = await stalled(transport, "disconnect", [full, prompt])
    const [fullPeer, promptPeer] = publisher.peers as [Peer, Peer]
    const leave = publisher.events.once("peer:leave")
    const body = load(transport)
    let sent = 0
    while (publisher.peers.length === 2) {
      expect(sent).toBeLessThan(5000)
      await publisher.send(["", `${sent}`, body])
      expect(await numbers(prompt, 1)).toEqual([sent++])
    }
    expect(await leave).toMatchObject({ peer: fullPeer, error: { code: "EHOSTUNREACH" } })
    let received = 0
    const left = full.peers.length === 0 ? Promise.resolve() : full.events.once("peer:leave").then(() => {})
    let over = false
    void left.then(() => {
      over = true
    })
    while (!over || full.readable) {
      if (full.tryReceive() === undefined) await turns(1)
      else received++
    }
    expect(fullPeer.stats.dropped["high-water-mark"]).toBe(1)
    expect(received + dropped(fullPeer.stats)).toBe(sent)
    expect(dropped(promptPeer.stats)).toBe(0)
    expect(sent * 2).toBe(sent + received + dropped(publisher.stats))
  })

  it("OPT-6: conflate: true of a Publisher keeps the newest message of each queue", async () => {
    await using subscriber = slow()
    await using publisher = new Publisher({ conflate: true, linger: 0 })
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    const peer = publisher.peers[0] as Peer
    const body = Buffer.alloc(load(transport).length)
    let sent = 0
    for (; dropped(peer.stats) < 10; sent++) {
      expect(sent).toBeLessThan(5000)
      await publisher.send(Buffer.concat([Buffer.from(`${sent} `), body]))
    }
    expect(publisher.stats.queuedMessages).toBe(1)
    const list: number[] = []
    for (let left = sent - dropped(peer.stats); left > 0; left--) {
      list.push(Number.parseInt(String((await subscriber.receive())[0]?.subarray(0, 8)), 10))
    }
    expect(rising(list)).toBe(true)
    expect(list.at(-1)).toBe(sent - 1)
    expect(peer.stats.dropped.replaced).toBe(dropped(peer.stats))
  })

  it("OPT-6: conflate: true of a Subscriber keeps the newest message of each publisher", async () => {
    await using one = new Publisher()
    await using two = new Publisher()
    await using subscriber = new Subscriber({ ...QUICK, conflate: true })
    await gather(one, transport, subscriber)
    await gather(two, transport, subscriber)
    await subscribe(one, subscriber, "")
    await subscribe(two, subscriber, "")
    for (let i = 0; i < 100; i++) {
      await one.send(`one ${i}`)
      await two.send(`two ${i}`)
    }
    while (subscriber.stats.messagesReceived < 200) await turns(1)
    const kept = (await subscriber.receiveMany()).map(String)
    expect(kept.sort()).toEqual(["one 99", "two 99"])
    expect(subscriber.stats.dropped.replaced).toBe(198)
    expect(subscriber.readable).toBe(false)
  })

  it("an XPublisher has the same choice", async () => {
    await using subscriber = slow()
    await using publisher = new XPublisher({ overflow: "drop-oldest", sendHighWaterMark: MARK, linger: 0 })
    subscriber.subscribe()
    await gather(publisher, transport, subscriber)
    await subscriptionsOf(publisher, 1)
    const peer = publisher.peers[0] as Peer
    let sent = 0
    for (; dropped(peer.stats) < 10; sent++) {
      expect(sent).toBeLessThan(5000)
      await publisher.send(["", `${sent}`, load(transport)])
    }
    const list = await numbers(subscriber, sent - dropped(peer.stats))
    expect(rising(list)).toBe(true)
    expect(list.slice(-MARK)).toEqual(Array.from({ length: MARK }, (_, n) => sent - MARK + n))
    expect(peer.stats.dropped.replaced).toBe(dropped(peer.stats))
  })
})
