// RFC 29, in its order: PUB, then SUB and XSUB, over every transport.

import { Publisher, Subscriber, XPublisher, XSubscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import {
  asking,
  cancelling,
  dropped,
  END,
  gather,
  receivedBefore,
  sendSurely,
  subscribe,
  subscriptionsOf,
  text,
} from "../support/pubsub.ts"
import { turns } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

/** Reconnects at once, and gives up waiting instead of making a test hang. */
const QUICK = { reconnectInterval: 1, receiveTimeout: 30_000 } as const

describe.each(TRANSPORTS)("PUB over $name", (transport) => {
  // Bigger than what the kernel keeps for a connection, once there are a few hundred of them.
  const load = Buffer.alloc(transport.name === "inproc" ? 1 : 64 * 1024)

  it("PUBSUB-1: sends to each peer with a matching subscription, and to no other", async () => {
    await using publisher = new Publisher()
    await using a = new Subscriber(QUICK)
    await using b = new Subscriber(QUICK)
    await using nothing = new Subscriber(QUICK)
    await gather(publisher, transport, a, b, nothing)
    await subscribe(publisher, a, "A")
    await subscribe(publisher, b, "B")
    await subscribe(publisher, nothing)
    for (const topic of ["A1", "B1", "C1", "A2", END]) await publisher.send(topic)
    expect(await receivedBefore(a)).toEqual(["A1", "A2"])
    expect(await receivedBefore(b)).toEqual(["B1"])
    expect(await receivedBefore(nothing)).toEqual([])
    // What a subscriber did not ask for was not even sent to it.
    expect(publisher.peers.map((peer) => peer.stats.messagesSent)).toEqual([3, 2, 1])
    expect(dropped(publisher.stats)).toBe(0)
  })

  it("PUBSUB-2: compares the subscription with the start of the first frame, octet by octet", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "AB")
    for (const topic of ["A", "AB", "ab", "ABC", "xAB", "B"]) await publisher.send(topic)
    await publisher.send(["x", "AB"])
    await publisher.send(["ABx", "x"])
    await publisher.send(END)
    expect(await receivedBefore(subscriber)).toEqual(["AB", "ABC", "ABx|x"])
  })

  it("PUBSUB-3: the empty subscription matches everything, an empty first frame included", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    await publisher.send("")
    await publisher.send(null)
    await publisher.send(["", "body"])
    await publisher.send("\0")
    await publisher.send(END)
    expect(await receivedBefore(subscriber)).toEqual(["", "", "|body", "\0"])
  })

  it("PUBSUB-4: subscriptions add up: more of them never mean less", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "A", "")
    for (const topic of ["A", "B", "", END]) await publisher.send(topic)
    expect(await receivedBefore(subscriber)).toEqual(["A", "B", ""])
    subscriber.unsubscribe("")
    await subscribe(publisher, subscriber)
    for (const topic of ["A", "B", "", END]) await publisher.send(topic)
    expect(await receivedBefore(subscriber)).toEqual(["A"])
  })

  it("PUBSUB-5: never waits and gives no error, whether nobody is there, nobody wants it, or somebody is full", async () => {
    await using publisher = new Publisher({ sendHighWaterMark: 2, linger: 0 })
    await publisher.send("to nobody")
    expect(publisher.stats.dropped["no-peer"]).toBe(1)
    await using subscriber = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    await gather(publisher, transport, subscriber)
    await publisher.send("nobody asked")
    expect(dropped(publisher.stats)).toBe(1)
    await subscribe(publisher, subscriber, "full")
    for (let i = 0; publisher.stats.dropped["high-water-mark"] < 3 && i < 2000; i++) {
      expect(publisher.trySend(["full", load])).toBe(true)
      await publisher.send(["full", load], { timeout: 0 })
    }
    expect(publisher.stats.dropped["high-water-mark"]).toBeGreaterThanOrEqual(3)
    expect(publisher.writable).toBe(true)
  })

  it("PUBSUB-6: a full subscriber loses messages, and the others lose none", async () => {
    await using publisher = new Publisher({ sendHighWaterMark: 4, linger: 0 })
    await using slow = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    await using prompt = new Subscriber(QUICK)
    await gather(publisher, transport, slow, prompt)
    await subscribe(publisher, slow, "")
    await subscribe(publisher, prompt, "")
    const [slowPeer, promptPeer] = publisher.peers
    let sent = 0
    while ((slowPeer?.stats.dropped["high-water-mark"] ?? 0) < 10 && sent < 3000) {
      await publisher.send([`${sent}`, load])
      expect(String((await prompt.receive())[0])).toBe(`${sent++}`)
    }
    expect(dropped(promptPeer!.stats)).toBe(0)
    const lost = dropped(slowPeer!.stats)
    expect(lost).toBe(slowPeer?.stats.dropped["high-water-mark"])
    expect(lost).toBe(10)
    for (let i = 0; i < sent - lost; i++) expect((await slow.receive()).length).toBe(2)
    await sendSurely(publisher, END)
    expect(await receivedBefore(slow)).toEqual([])
  })

  it("PUBSUB-7: a multipart message reaches a subscriber wholly or not at all", async () => {
    await using publisher = new Publisher({ sendHighWaterMark: 2, linger: 0 })
    await using subscriber = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    const peer = publisher.peers[0]!
    let sent = 0
    for (; dropped(peer.stats) < 5 && sent < 3000; sent++) {
      await publisher.send([`${sent}`, load, "", `${sent}`])
    }
    let last = -1
    for (let i = 0; i < sent - dropped(peer.stats); i++) {
      const frames = await subscriber.receive()
      expect(frames.length).toBe(4)
      expect(String(frames[3])).toBe(String(frames[0]))
      expect(Number(frames[0])).toBeGreaterThan(last)
      last = Number(frames[0])
    }
    await sendSurely(publisher, END)
    expect(await receivedBefore(subscriber)).toEqual([])
  })

  it("PUBSUB-8: drops what a subscriber sends it, counts it, and goes on", async () => {
    await using publisher = new Publisher()
    await using subscriber = new XSubscriber(QUICK)
    await gather(publisher, transport, subscriber)
    const announced = publisher.events.once("message:dropped")
    await subscriber.send(["hello", "there"])
    expect(await announced).toMatchObject({ reason: "unexpected", count: 1 })
    await subscriber.send(asking(END))
    await publisher.waitForSubscribers(END)
    await publisher.send(END)
    expect(await receivedBefore(subscriber)).toEqual([])
    expect(publisher.stats.dropped.unexpected).toBe(1)
  })

  it("PUBSUB-9: does not deliver subscriptions to the application", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "A")
    expect(publisher.readable).toBe(false)
    expect("receive" in publisher || Symbol.asyncIterator in publisher).toBe(false)
  })

  it("PUBSUB-10: the queue of one who leaves is gone, and counted", async () => {
    await using publisher = new Publisher({ linger: 0 })
    const subscriber = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    const peer = publisher.peers[0]!
    const slow = publisher.events.once("peer:slow")
    let sent = 0
    // "drop" discards beyond the mark: what is queued then is a full queue.
    for (; dropped(peer.stats) === 0 && sent < 5000; sent++) await publisher.send([`${sent}`, load])
    await slow
    expect(publisher.stats.queuedMessages).toBeGreaterThan(0)
    const left = publisher.events.once("peer:leave")
    await subscriber.close()
    await left
    expect(publisher.stats.queuedMessages).toBe(0)
    expect(publisher.stats.queuedBytes).toBe(0)
    expect(publisher.stats.dropped["peer-left"]).toBeGreaterThan(0)
    expect(publisher.peers).toEqual([])
  })

  it("PUBSUB-14: topics may hold any octets, up to the configured length", async () => {
    const topics = [
      Buffer.from([0]),
      Buffer.from([0, 0, 1]),
      Buffer.from([255, 254]),
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      Buffer.alloc(4096, 1),
    ]
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, ...topics)
    for (const topic of topics) await publisher.send([topic, "body"])
    await publisher.send([Buffer.from([1]), "nobody asked"])
    await publisher.send([Buffer.from([254, 255]), "nobody asked"])
    await publisher.send(END)
    for (const topic of topics) {
      const [first, second] = await subscriber.receive()
      expect(first?.equals(topic)).toBe(true)
      expect(String(second)).toBe("body")
    }
    expect(await receivedBefore(subscriber)).toEqual([])
  })

  it("PUBSUB-15: overlapping subscriptions of one peer deliver each message once", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "", "A", "AB", "ABC")
    for (const topic of ["ABCD", "A", END]) await publisher.send(topic)
    expect(await receivedBefore(subscriber)).toEqual(["ABCD", "A"])
  })

  it("knows its subscriptions, each once, in the order of their octets", async () => {
    await using publisher = new Publisher()
    await using one = new Subscriber(QUICK)
    await using two = new Subscriber(QUICK)
    await gather(publisher, transport, one, two)
    expect(publisher.subscriptions).toEqual([])
    one.subscribe("B", "A", Buffer.from([255]), "")
    two.subscribe("B", "AA")
    await Promise.all([publisher.waitForSubscribers("B", 2), publisher.waitForSubscribers("AAA", 2)])
    expect(publisher.subscriptions.map((topic) => topic.toString("latin1"))).toEqual(["", "A", "AA", "B", "\xff"])
  })

  it("waits for subscribers: for so many peers as would get the topic now", async () => {
    await using publisher = new Publisher()
    await using one = new Subscriber(QUICK)
    await using two = new Subscriber(QUICK)
    await gather(publisher, transport, one, two)
    one.subscribe("A")
    await publisher.waitForSubscribers("AB")
    await expect(publisher.waitForSubscribers("AB", 2, { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    const stop = new AbortController()
    const aborted = publisher.waitForSubscribers("B", 1, { signal: stop.signal })
    stop.abort("enough")
    await expect(aborted).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough" })
    const both = publisher.waitForSubscribers("AB", 2)
    two.subscribe("")
    await both
    const never = publisher.waitForSubscribers("C", 3)
    const refused = expect(never).rejects.toMatchObject({ code: "EBADF" })
    await publisher.close()
    await refused
  })

  it("PUBSUB-39: inverted, sends what matches no subscription, to those who agree", async () => {
    await using publisher = new Publisher({ invertMatching: true })
    await using one = new Subscriber({ ...QUICK, invertMatching: true })
    await using two = new Subscriber({ ...QUICK, invertMatching: true })
    const counted = publisher.waitForSubscribers("A", 2)
    await gather(publisher, transport, one, two)
    await counted
    one.subscribe("A", "C")
    // Nobody says when an inverted subscription has arrived: fewer would get the topic than before.
    for (let i = 0; publisher.subscriptions.length < 2; i++) {
      expect(i).toBeLessThan(100_000)
      await turns(1)
    }
    for (const topic of ["A1", "B1", "C1", END]) await publisher.send(topic)
    expect(await receivedBefore(one)).toEqual(["B1"])
    expect(await receivedBefore(two)).toEqual(["A1", "B1", "C1"])
    const again = publisher.waitForSubscribers("C", 2)
    one.unsubscribe("C")
    await again
    for (const topic of ["A2", "C2", END]) await publisher.send(topic)
    expect(await receivedBefore(one)).toEqual(["C2"])
  })
})

describe.each(TRANSPORTS)("SUB and XSUB over $name", (transport) => {
  it("PUBSUB-16: SUB delivers only what matches, even if the publisher sends more", async () => {
    await using publisher = new XPublisher({ welcomeMessage: "welcome" })
    await using subscriber = new Subscriber(QUICK)
    subscriber.subscribe("A", END)
    await gather(publisher, transport, subscriber)
    await subscriptionsOf(publisher, 2)
    for (const topic of ["A1", END]) await publisher.send(topic)
    expect(await receivedBefore(subscriber)).toEqual(["A1"])
    // The welcome came all the same.
    expect(subscriber.stats.messagesReceived).toBe(3)
  })

  it("PUBSUB-16: SUB hands out nothing that it has unsubscribed from while it was on its way", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "A", "B")
    for (const topic of ["A1", "B1", END]) await publisher.send(topic)
    subscriber.unsubscribe("A")
    expect(await receivedBefore(subscriber)).toEqual(["B1"])
  })

  it("PUBSUB-17: SUB takes messages from its publishers in fair turns", async () => {
    await using busy = new Publisher()
    await using quiet = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(busy, transport, subscriber)
    await gather(quiet, transport, subscriber)
    await subscribe(busy, subscriber, "")
    await subscribe(quiet, subscriber, "")
    for (let i = 0; i < 100; i++) await busy.send("busy")
    for (let i = 0; i < 10; i++) await quiet.send("quiet")
    while (subscriber.stats.messagesReceived < 110) await turns(1)
    const first = (await subscriber.receiveMany(20)).map(text)
    expect(first.filter((name) => name === "quiet").length).toBe(10)
    expect(first.filter((name) => name === "busy").length).toBe(10)
  })

  it("PUBSUB-18: equal subscriptions are counted; only the last unsubscribe stops delivery", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "A", "A", "A")
    const seen: string[][] = []
    for (let round = 0; round < 4; round++) {
      for (const topic of [`A${round}`, END]) await publisher.send(topic)
      seen.push(await receivedBefore(subscriber))
      subscriber.unsubscribe("A")
      await subscribe(publisher, subscriber)
      subscriber.unsubscribe(END)
    }
    expect(seen).toEqual([["A0"], ["A1"], ["A2"], []])
  })

  it("PUBSUB-19: SUBSCRIBE goes out on every subscribe, CANCEL only when the count reaches zero", async () => {
    await using publisher = new XPublisher({ verbosity: "allSubsUnsubs" })
    await using subscriber = new Subscriber(QUICK)
    await gather(publisher, transport, subscriber)
    subscriber.subscribe("A", "A")
    subscriber.subscribe("A")
    subscriber.unsubscribe("A", "A")
    subscriber.subscribe("B")
    subscriber.unsubscribe("A")
    expect(await subscriptionsOf(publisher, 5)).toEqual(["+A", "+A", "+A", "+B", "-A"])
  })

  it("PUBSUB-21: after a reconnect every live topic is subscribed again, once", async () => {
    await using publisher = new XPublisher({ verbosity: "allSubsUnsubs" })
    await using subscriber = new Subscriber(QUICK)
    subscriber.subscribe("B", "A", "A", "gone")
    subscriber.unsubscribe("gone")
    await gather(publisher, transport, subscriber)
    expect((await subscriptionsOf(publisher, 2)).sort()).toEqual(["+A", "+B"])
    for (let round = 0; round < 3; round++) {
      const back = publisher.events.once("peer:join")
      publisher.peers[0]?.disconnect()
      await back
      const said = await subscriptionsOf(publisher, 4)
      for (const topic of ["A", "B"]) {
        expect(said.filter((each) => each.endsWith(topic))).toEqual([`-${topic}`, `+${topic}`])
      }
    }
    subscriber.subscribe("last")
    expect(await subscriptionsOf(publisher, 1)).toEqual(["+last"])
  })

  it("PUBSUB-22: no subscription is lost, whatever the marks", async () => {
    const count = 3000
    await using publisher = new XPublisher({ receiveHighWaterMark: 1, sendHighWaterMark: 1 })
    await using subscriber = new XSubscriber({ ...QUICK, sendHighWaterMark: 1, receiveHighWaterMark: 1 })
    // Half of them before there is a connection, and half in one go afterwards.
    for (let i = 0; i < count / 2; i++) await subscriber.send(asking(`t${i}`))
    await gather(publisher, transport, subscriber)
    for (let i = count / 2; i < count; i++) expect(subscriber.trySend(asking(`t${i}`))).toBe(true)
    const topics = new Set(await subscriptionsOf(publisher, count))
    expect(topics.size).toBe(count)
    await publisher.send(`t${count - 1}`)
    expect(text(await subscriber.receive())).toBe(`t${count - 1}`)
    expect(dropped(subscriber.stats)).toBe(0)
  })

  it("PUBSUB-23: unsubscribing what was never subscribed sends nothing and changes nothing", async () => {
    await using publisher = new XPublisher({ verbosity: "allSubsUnsubs" })
    await using subscriber = new Subscriber(QUICK)
    await using other = new XSubscriber(QUICK)
    await gather(publisher, transport, subscriber, other)
    subscriber.unsubscribe("never")
    subscriber.subscribe("A")
    subscriber.unsubscribe("", "AA")
    subscriber.subscribe("B")
    expect(await subscriptionsOf(publisher, 2)).toEqual(["+A", "+B"])
    await other.send(cancelling("never"))
    await other.send(asking("C"))
    expect(await subscriptionsOf(publisher, 1)).toEqual(["+C"])
    await publisher.send("A")
    expect(text(await subscriber.receive())).toBe("A")
  })

  it("PUBSUB-24: SUB cannot send", async () => {
    await using subscriber = new Subscriber()
    expect("send" in subscriber || "trySend" in subscriber).toBe(false)
    expect(subscriber.writable).toBe(false)
  })

  it("PUBSUB-25: XSUB sends its messages to all connected publishers", async () => {
    await using one = new XPublisher(QUICK)
    await using two = new XPublisher(QUICK)
    await using subscriber = new XSubscriber(QUICK)
    await subscriber.send("to nobody")
    expect(subscriber.stats.dropped["no-peer"]).toBe(1)
    await gather(one, transport, subscriber)
    await gather(two, transport, subscriber)
    await subscriber.send(["hello", "all"])
    expect(text(await one.receive())).toBe("hello|all")
    expect(text(await two.receive())).toBe("hello|all")
  })

  it("PUBSUB-26: XSUB passes subscriptions to all publishers, those to come included", async () => {
    await using one = new XPublisher(QUICK)
    await using two = new XPublisher(QUICK)
    await using subscriber = new XSubscriber(QUICK)
    await subscriber.send(asking("early"))
    await gather(one, transport, subscriber)
    expect(await subscriptionsOf(one, 1)).toEqual(["+early"])
    await subscriber.send(asking("later"))
    expect(await subscriptionsOf(one, 1)).toEqual(["+later"])
    await subscriber.send(cancelling("early"))
    expect(await subscriptionsOf(one, 1)).toEqual(["-early"])
    await gather(two, transport, subscriber)
    expect(await subscriptionsOf(two, 1)).toEqual(["+later"])
  })

  it("PUBSUB-27: XSUB drops for a full publisher, counts it, and never waits", async () => {
    const load = Buffer.alloc(transport.name === "inproc" ? 1 : 64 * 1024, "x")
    await using full = new XPublisher({ ...QUICK, receiveHighWaterMark: 1 })
    await using prompt = new XPublisher(QUICK)
    await using subscriber = new XSubscriber({ sendHighWaterMark: 2, linger: 0 })
    await gather(full, transport, subscriber)
    await gather(prompt, transport, subscriber)
    const peer = subscriber.peers[0]!
    let sent = 0
    for (; peer.stats.dropped["high-water-mark"] < 5 && sent < 3000; sent++) {
      await subscriber.send([`m${sent}`, load])
      expect(String((await prompt.receive())[0])).toBe(`m${sent}`)
    }
    expect(dropped(subscriber.stats)).toBe(5)
    for (let i = 0; i < sent - 5; i++) await full.receive()
    await sendSurely(subscriber, "last")
    expect(text(await full.receive())).toBe("last")
  })

  it("PUBSUB-28: when a connection is closed on purpose its subscriptions are withdrawn", async () => {
    await using publisher = new XPublisher()
    await using stays = new Publisher()
    await using subscriber = new Subscriber(QUICK)
    const endpoint = await gather(publisher, transport, subscriber)
    await gather(stays, transport, subscriber)
    subscriber.subscribe("A", "B")
    await subscriptionsOf(publisher, 2)
    await stays.waitForSubscribers("A")
    subscriber.disconnect(endpoint)
    expect((await subscriptionsOf(publisher, 2)).sort()).toEqual(["-A", "-B"])
    await stays.send("A still")
    expect(text(await subscriber.receive())).toBe("A still")
  })

  it("PUBSUB-29: SUB at its mark stops reading instead of dropping", async () => {
    await using publisher = new Publisher({ overflow: "wait", sendHighWaterMark: 2 })
    await using subscriber = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    await gather(publisher, transport, subscriber)
    await subscribe(publisher, subscriber, "")
    const load = Buffer.alloc(transport.name === "inproc" ? 1 : 32 * 1024)
    const sending = (async () => {
      for (let i = 0; i < 500; i++) await publisher.send([`${i}`, load])
      // Closing loses nothing of what was accepted, however slowly it is read.
      await publisher.close()
    })()
    for (let i = 0; i < 500; i++) expect(String((await subscriber.receive())[0])).toBe(`${i}`)
    await sending
    expect(dropped(publisher.stats) + dropped(subscriber.stats)).toBe(0)
  })
})
