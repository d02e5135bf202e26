// Publish and subscribe with theirs: subscriptions at every moment, how they are counted, and what passes between
// XPublisher and XSubscriber.

import { Publisher, Subscriber, XPublisher, XSubscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { frames, Meeting } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

const SUBSCRIBE = 1
const CANCEL = 0

/** A subscription, or its end, as a message. */
function wish(octet: typeof SUBSCRIBE | typeof CANCEL, topic: string): Buffer[] {
  return [Buffer.concat([Buffer.of(octet), Buffer.from(topic)])]
}

/** Publishes `topic` again and again, until one of them was received. */
async function untilHeard(
  publisher: { send(message: string[]): Promise<void> },
  subscriber: { receive(): Promise<Buffer[]> },
  topic: string,
): Promise<void> {
  let heard = false
  const receiving = subscriber.receive().then((message) => {
    heard = true
    return message
  })
  while (!heard) {
    await publisher.send([topic])
    await turns(1)
  }
  expect(await receiving).toEqual(frames(topic))
}

/** What is received up to and including the frame `last`, without it. */
async function upTo(last: string, subscriber: { receive(): Promise<Buffer[]> }): Promise<string[]> {
  const heard: string[] = []
  for (;;) {
    const message = String((await subscriber.receive())[0])
    if (message === last) return heard
    heard.push(message)
  }
}

describe("our Publisher, their Subscriber", () => {
  it("PUBSUB-1, PUBSUB-2, PUBSUB-15: gets what begins with a prefix it asked for, once", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher())
    const theirs = meeting.theirs(new zmq.Subscriber())
    theirs.subscribe("a", "ab", "c", Buffer.of(0, 255))
    await meeting.join(ours, theirs)
    await Promise.all(["ab", "c", Buffer.of(0, 255)].map((topic) => ours.waitForSubscribers(topic)))
    for (const topic of ["x", "a", "ab", "abc", "b", "", "C", "cab", "end of a"]) await ours.send([topic, "body"])
    await ours.send(Buffer.of(0, 255, 0))
    await ours.send("c end")
    expect(await upTo("c end", theirs)).toEqual(["a", "ab", "abc", "cab", Buffer.of(0, 255, 0).toString()])
  })

  it.each([
    ["before connecting, we bind", true, true],
    ["after connecting, we bind", true, false],
    ["before binding, we connect", false, true],
    ["after binding, we connect", false, false],
  ])("PUBSUB-11: subscribes %s", async (_, weBind, before) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher())
    const theirs = meeting.theirs(new zmq.Subscriber())
    if (before) theirs.subscribe("topic")
    await (weBind ? meeting.join(ours, theirs) : meeting.join(theirs, ours))
    if (!before) theirs.subscribe("topic")
    const receiving = theirs.receive()
    await ours.waitForSubscribers("topic")
    await ours.send(["other", "1"])
    await ours.send(["topic", "2"])
    expect(await receiving).toEqual(frames("topic", "2"))
  })

  it("PUBSUB-12: one CANCEL of theirs undoes any number of their equal subscriptions", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher())
    const theirs = meeting.theirs(new zmq.Subscriber())
    await meeting.join(ours, theirs)
    theirs.subscribe("a", "a", "a", "stays")
    await ours.waitForSubscribers("stays")
    theirs.unsubscribe("a", "a")
    theirs.subscribe("mark 1")
    await ours.waitForSubscribers("mark 1")
    expect(ours.subscriptions.map(String)).toEqual(["a", "mark 1", "stays"])
    theirs.unsubscribe("a")
    theirs.subscribe("mark 2")
    await ours.waitForSubscribers("mark 2")
    expect(ours.subscriptions.map(String)).toEqual(["mark 1", "mark 2", "stays"])
  })

  it("PUBSUB-30: takes topics of 245 and 246 octets, and of 1000", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher())
    const theirs = meeting.theirs(new zmq.Subscriber())
    const topics = [245, 246, 1000].map((size) => `${size}`.padEnd(size, "."))
    theirs.subscribe(...topics)
    await meeting.join(ours, theirs)
    await Promise.all(topics.map((topic) => ours.waitForSubscribers(topic)))
    expect(ours.subscriptions.map(String)).toEqual([topics[2], topics[0], topics[1]])
    for (const topic of topics) {
      await ours.send([topic, "body"])
      expect(await theirs.receive()).toEqual(frames(topic, "body"))
    }
  })

  it("PUBSUB-39: sends what does not match when both invert", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher({ invertMatching: true }))
    const theirs = meeting.theirs(new zmq.Subscriber({ invertMatching: true }))
    theirs.subscribe("not this")
    await meeting.join(ours, theirs)
    while (ours.subscriptions.length === 0) await turns(1)
    for (const topic of ["not this one", "that one", "not this", "end"]) await ours.send(topic)
    expect(await upTo("end", theirs)).toEqual(["that one"])
  })

  it("PUBSUB-5, PUBSUB-6: drops for one that does not read, counts it, and serves the other", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Publisher({ sendHighWaterMark: 10 }))
    const stuck = meeting.theirs(new zmq.Subscriber({ receiveHighWaterMark: 10 }))
    const reading = meeting.theirs(new zmq.Subscriber({ receiveHighWaterMark: 0 }))
    for (const theirs of [stuck, reading]) {
      theirs.subscribe()
      await meeting.join(ours, theirs)
    }
    await ours.waitForSubscribers("", 2)
    const count = 2000
    for (let i = 0; i < count; i++) {
      await ours.send([String(i), Buffer.alloc(10_000)])
      expect(String((await reading.receive())[0])).toBe(String(i))
    }
    const dropped = ours.stats.dropped["high-water-mark"]
    expect(dropped).toBeGreaterThan(0)
    for (let received = 0; received + dropped < count; received++) await stuck.receive()
    stuck.receiveTimeout = 0
    await expect(stuck.receive()).rejects.toMatchObject({ code: "EAGAIN" })
  })
})

describe("our Subscriber, their publisher", () => {
  it.each([
    ["before connecting, they bind", false, true],
    ["after connecting, they bind", false, false],
    ["before binding, they connect", true, true],
    ["after binding, they connect", true, false],
  ])("PUBSUB-20: subscribes %s", async (_, weBind, before) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber())
    const theirs = meeting.theirs(new zmq.Publisher())
    if (before) ours.subscribe("topic")
    await (weBind ? meeting.join(ours, theirs) : meeting.join(theirs, ours))
    if (!before) ours.subscribe("topic")
    await untilHeard(theirs, ours, "topic")
    await theirs.send(["other", "1"])
    await theirs.send(["topic end", "2"])
    expect(new Set(await upTo("topic end", ours))).not.toContain("other")
  })

  it("PUBSUB-18, PUBSUB-19: says every subscription, and the end of the last of equal ones", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber())
    const theirs = meeting.theirs(new zmq.XPublisher({ verbosity: "allSubsUnsubs" }))
    await meeting.join(theirs, ours)
    ours.subscribe("a", "a", "b")
    ours.unsubscribe("a")
    ours.unsubscribe("never subscribed")
    ours.subscribe("c")
    ours.unsubscribe("a")
    for (const [octet, topic] of [
      [SUBSCRIBE, "a"],
      [SUBSCRIBE, "a"],
      [SUBSCRIBE, "b"],
      [SUBSCRIBE, "c"],
      [CANCEL, "a"],
    ] as const) {
      expect(await theirs.receive()).toEqual(wish(octet, topic))
    }
    for (const topic of ["a", "b", "c"]) await theirs.send(topic)
    expect([await ours.receive(), await ours.receive()]).toEqual([frames("b"), frames("c")])
  })

  it("PUBSUB-22: 1500 subscriptions made while connecting all arrive, whatever the marks", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber({ receiveHighWaterMark: 1, reconnectInterval: 10 }))
    const theirs = meeting.theirs(new zmq.XPublisher({ receiveHighWaterMark: 0 }))
    const endpoint = await meeting.wildcard("ipc")
    ours.connect(endpoint)
    const topics = Array.from({ length: 1500 }, (_, i) => `topic ${i}`)
    ours.subscribe(...topics)
    await theirs.bind(endpoint)
    const arrived = new Set<string>()
    while (arrived.size < topics.length) arrived.add(String((await theirs.receive())[0]?.subarray(1)))
    expect([...arrived].sort()).toEqual([...topics].sort())
  })

  it("PUBSUB-30: topics of 245 and 246 octets, and of 1000, are understood", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber())
    const theirs = meeting.theirs(new zmq.XPublisher())
    await meeting.join(theirs, ours)
    for (const size of [245, 246, 1000]) {
      const topic = `${size}`.padEnd(size, ".")
      ours.subscribe(topic)
      expect(await theirs.receive()).toEqual(wish(SUBSCRIBE, topic))
      await theirs.send([topic, "body"])
      expect(await ours.receive()).toEqual(frames(topic, "body"))
    }
  })

  it("PUBSUB-16: drops what it did not ask for, when theirs sends more", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber())
    const theirs = meeting.theirs(new zmq.XPublisher({ manual: true }))
    await meeting.join(theirs, ours)
    ours.subscribe("mine")
    expect(await theirs.receive()).toEqual(wish(SUBSCRIBE, "mine"))
    const everything = theirs as unknown as { setStringOption(id: number, value: string): void }
    everything.setStringOption(6, "")
    for (const topic of ["other", "mine 1", "", "mine 2"]) await theirs.send(topic)
    expect([await ours.receive(), await ours.receive()]).toEqual([frames("mine 1"), frames("mine 2")])
    expect(ours.stats.messagesReceived).toBe(4)
  })
})

describe("XPublisher and XSubscriber", () => {
  it("PUBSUB-31, PUBSUB-35: ours hears what theirs wants and says", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new XPublisher())
    const theirs = meeting.theirs(new zmq.XSubscriber())
    await meeting.join(ours, theirs)
    for (const message of [wish(SUBSCRIBE, "a"), frames("up", "", "stream"), wish(CANCEL, "a"), frames("")]) {
      await theirs.send(message)
      expect(await ours.receive()).toEqual(message)
    }
  })

  it("PUBSUB-25, PUBSUB-26: theirs hears what ours wants and says, also one that comes later", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new XSubscriber())
    const [first, later] = [meeting.theirs(new zmq.XPublisher()), meeting.theirs(new zmq.XPublisher())]
    await meeting.join(first, ours)
    await ours.send(wish(SUBSCRIBE, "a"))
    await ours.send(wish(SUBSCRIBE, "b"))
    await ours.send(wish(CANCEL, "b"))
    for (const wanted of [wish(SUBSCRIBE, "a"), wish(SUBSCRIBE, "b"), wish(CANCEL, "b")]) {
      expect(await first.receive()).toEqual(wanted)
    }
    await meeting.join(later, ours)
    expect(await later.receive()).toEqual(wish(SUBSCRIBE, "a"))
    await ours.send(["up", "stream"])
    for (const theirs of [first, later]) {
      expect(await theirs.receive()).toEqual(frames("up", "stream"))
      await theirs.send(["a", "down"])
      expect(await ours.receive()).toEqual(frames("a", "down"))
    }
  })

  it.each([
    [null, ["+a", "-a"]],
    ["allSubs", ["+a", "+a", "+a", "-a"]],
    ["allSubsUnsubs", ["+a", "+a", "+a", "-a", "-a"]],
  ] as const)("PUBSUB-32, PUBSUB-33: with verbosity %s ours and theirs report the same", async (verbosity, reports) => {
    await using meeting = new Meeting()
    const publishers = [
      meeting.ours(new XPublisher({ verbosity })),
      meeting.theirs(new zmq.XPublisher({ verbosity })),
    ] as const
    for (const publisher of publishers) {
      const endpoint = await meeting.bind(publisher)
      const ours = meeting.ours(new Subscriber())
      const theirs = meeting.theirs(new zmq.Subscriber())
      ours.connect(endpoint)
      theirs.connect(endpoint)
      await ours.waitForPeers()
      const told: string[] = []
      const until = async (report: string) => {
        for (;;) {
          const frame = (await publisher.receive())[0] as Buffer
          const read = `${frame[0] === SUBSCRIBE ? "+" : "-"}${frame.subarray(1)}`
          if (read === report) return
          told.push(read)
        }
      }
      // Each step is followed by a mark of its own, so that the next comes after it.
      ours.subscribe("a", "a", "1")
      await until("+1")
      theirs.subscribe("a", "2")
      await until("+2")
      ours.unsubscribe("a", "a")
      ours.subscribe("3")
      await until("+3")
      theirs.unsubscribe("a")
      theirs.subscribe("4")
      await until("+4")
      expect(told).toEqual(reports)
    }
  })

  it("PUBSUB-34: ours reports the end of what theirs wanted when it goes", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new XPublisher())
    const [staying, going] = [meeting.theirs(new zmq.Subscriber()), meeting.theirs(new zmq.Subscriber())]
    await meeting.join(ours, staying)
    staying.subscribe("both")
    expect(await ours.receive()).toEqual(wish(SUBSCRIBE, "both"))
    await meeting.join(ours, going)
    going.subscribe("both", "its own")
    expect(await ours.receive()).toEqual(wish(SUBSCRIBE, "its own"))
    going.close()
    expect(await ours.receive()).toEqual(wish(CANCEL, "its own"))
    expect(ours.tryReceive()).toBeUndefined()
  })

  it("PUBSUB-36: ours with manual subscribes theirs to what it likes", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new XPublisher({ manual: true }))
    const theirs = meeting.theirs(new zmq.XSubscriber())
    await meeting.join(ours, theirs)
    await theirs.send(wish(SUBSCRIBE, "a"))
    expect(await ours.receive()).toEqual(wish(SUBSCRIBE, "a"))
    await ours.send("a 1")
    ours.subscribe("b")
    for (const topic of ["a 2", "b 3"]) await ours.send(topic)
    expect(await theirs.receive()).toEqual(frames("b 3"))
    await theirs.send(wish(CANCEL, "a"))
    expect(await ours.receive()).toEqual(wish(CANCEL, "a"))
    ours.unsubscribe("b")
    ours.subscribe("c")
    for (const topic of ["b 4", "c 5"]) await ours.send(topic)
    expect(await theirs.receive()).toEqual(frames("c 5"))
  })

  it("PUBSUB-37: the welcome message of either reaches the subscriber of the other", async () => {
    await using meeting = new Meeting()
    for (const [publisher, subscriber] of [
      [meeting.ours(new XPublisher({ welcomeMessage: "welcome" })), meeting.theirs(new zmq.Subscriber())],
      [meeting.theirs(new zmq.XPublisher({ welcomeMessage: "welcome" })), meeting.ours(new Subscriber())],
    ] as const) {
      subscriber.subscribe("welcome")
      await meeting.join(publisher, subscriber)
      const receiving = subscriber.receive()
      // Sockets of theirs act only while something is asked of them.
      expect(await publisher.receive()).toEqual(wish(SUBSCRIBE, "welcome"))
      expect(await receiving).toEqual(frames("welcome"))
    }
  })

  it("PUBSUB-21: after a reconnect every live topic is subscribed again, once", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber({ reconnectInterval: 5 }))
    const endpoint = await meeting.wildcard("ipc")
    const first = meeting.theirs(new zmq.XPublisher({ verbosity: "allSubsUnsubs" }))
    await first.bind(endpoint)
    ours.connect(endpoint)
    ours.subscribe("a", "a", "gone", "b")
    ours.unsubscribe("gone")
    await ours.waitForPeers()
    const left = ours.events.once("peer:leave")
    first.close()
    await left
    const again = meeting.theirs(new zmq.XPublisher({ verbosity: "allSubsUnsubs" }))
    await again.bind(endpoint)
    const told = [await again.receive(), await again.receive()]
    expect(told.map(([frame]) => String(frame?.subarray(1))).sort()).toEqual(["a", "b"])
    ours.subscribe("the next")
    expect(await again.receive()).toEqual(wish(SUBSCRIBE, "the next"))
    expect(ours.stats.reconnects).toBe(1)
  })
})
