// What a feed does while nothing goes wrong, and when something is missed.

import { FeedPublisher, FeedSubscriber, type FeedUpdate } from "brokerless/patterns/feed"
import { describe, expect, it } from "vitest"
import { FaultProxy } from "../../../test/support/fault-proxy.ts"
import {
  ANYWHERE,
  collect,
  converged,
  follow,
  json,
  padded,
  publish,
  publishThroughProxy,
  stateOf,
  until,
} from "./stage.ts"

function told(updates: readonly FeedUpdate<number>[]): string[] {
  return updates.map(({ topic, sequence, value, deleted }) => `${topic}#${sequence}=${deleted ? "-" : value}`)
}

describe("a feed", () => {
  it("hands out every update once, numbered per topic and in the feed, in order", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    for (let i = 1; i <= 3; i++) {
      await publisher.publish("a", i)
      await publisher.publish("b", i * 10)
    }
    await publisher.delete("b")
    await until(() => updates.length === 7, "all updates are there")
    expect(told(updates)).toEqual(["a#1=1", "b#1=10", "a#2=2", "b#2=20", "a#3=3", "b#3=30", "b#4=-"])
    expect(updates.map(({ feedSequence }) => feedSequence)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(updates.every(({ recovered, epoch }) => recovered === false && epoch === publisher.epoch)).toBe(true)
    expect(subscriber.get("a")).toBe(3)
    expect(subscriber.has("b")).toBe(false)
    expect(subscriber.get("b")).toBeUndefined()
    expect(subscriber.size).toBe(1)
  })

  it("gives a late joiner the last value of each topic, and nothing that was deleted", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    for (let i = 0; i < 100; i++) await publisher.publish(`topic/${i % 10}`, i)
    await publisher.delete("topic/3")
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    expect(stateOf(subscriber)).toEqual(
      Object.fromEntries([0, 1, 2, 4, 5, 6, 7, 8, 9].map((n) => [`topic/${n}`, 90 + n])),
    )
    await until(() => updates.length === 9, "the loop has the state")
    expect(updates.every(({ recovered, sequence }) => recovered === "snapshot" && sequence === 10)).toBe(true)
    expect(subscriber.stats).toMatchObject({ snapshots: 1, fromSnapshots: 9, live: 0, topics: 9 })
    expect(publisher.stats).toMatchObject({ published: 101, topics: 9, snapshots: 1 })
  })

  it("gives a loop that begins late the current values first", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await publisher.publish("a", 1)
    await publisher.publish("a", 2)
    await using subscriber = follow([endpoints])
    subscriber.subscribe()
    await subscriber.ready()
    const first = collect(subscriber)
    const second = collect(subscriber)
    await publisher.publish("a", 3)
    await until(() => first.length === 2 && second.length === 2, "both loops have got both")
    expect(told(first)).toEqual(["a#2=2", "a#3=3"])
    expect(told(second)).toEqual(told(first))
  })

  it("sends a subscriber only what begins with its prefixes, and counts only that for it", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe("stock/", "stock/a", "rate/eur")
    await subscriber.ready()
    for (let i = 0; i < 200; i++) {
      await publisher.publish("stock/acme", i)
      await publisher.publish("weather/oslo", i)
    }
    await publisher.publish("rate/eur/usd", 1)
    await publisher.publish("rate/gbp", 2)
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual({ "rate/eur/usd": 1, "stock/acme": 199 })
    expect(updates.length).toBe(201)
    // The heartbeats after that prove completeness although half of the feed was never sent here.
    expect(subscriber.stats).toMatchObject({ live: 201, recovered: 0, gaps: 0 })
  })

  it("keeps nothing of what still waits to be looked at when it is unsubscribed from", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints], { maxQueued: 10 })
    subscriber.subscribe("a/", "b/")
    await subscriber.ready()
    await until(() => publisher.stats.interests === 1, "it is followed")
    const slow = subscriber[Symbol.asyncIterator]()
    for (const [from, to] of [
      [0, 100],
      [100, 600],
    ] as const) {
      for (let i = from; i < to; i++) await publisher.publish(`b/${i}`, i)
      // While nobody reads, the first lot is all that is looked at.
      await until(() => subscriber.stats.queued >= 10, "its loop is held up")
    }
    const last = publisher.publish("a/1", 1)
    subscriber.unsubscribe("b/")
    await last
    while ((await slow.next()).value?.topic !== "a/1");
    expect([...subscriber.entries()]).toEqual([["a/1", 1]])
  })

  it("takes further prefixes and lets go of others while it runs", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    for (const topic of ["a/1", "b/1", "c/1"]) await publisher.publish(topic, 1)
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe("a/")
    await subscriber.ready()
    expect(stateOf(subscriber)).toEqual({ "a/1": 1 })
    subscriber.subscribe("b/")
    await subscriber.ready()
    expect(stateOf(subscriber)).toEqual({ "a/1": 1, "b/1": 1 })
    subscriber.subscribe("")
    await subscriber.ready()
    for (const topic of ["a/1", "b/1", "c/1", "d/1"]) await publisher.publish(topic, 2)
    await converged(subscriber, publisher)
    subscriber.unsubscribe()
    expect(stateOf(subscriber)).toEqual({ "a/1": 2, "b/1": 2 })
    subscriber.unsubscribe("a/")
    await publisher.publish("a/1", 3)
    await publisher.publish("b/1", 3)
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual({ "b/1": 3 })
    expect(told(updates).filter((line) => line.startsWith("b/1"))).toEqual(["b/1#1=1", "b/1#2=2", "b/1#3=3"])
  })

  it("starts the numbers of a topic again only after its deletion has left the history", async () => {
    const { publisher, endpoints } = await publish({ historyMessages: 5 })
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe("a")
    await subscriber.ready()
    await publisher.publish("a", 1)
    await publisher.delete("a")
    await publisher.publish("a", 2)
    await publisher.delete("a")
    for (let i = 0; i < 10; i++) await publisher.publish("other", i)
    await publisher.publish("a", 3)
    await until(() => updates.length === 5, "all updates are there")
    expect(told(updates)).toEqual(["a#1=1", "a#2=-", "a#3=2", "a#4=-", "a#1=3"])
    expect(subscriber.stats.gaps).toBe(0)
  })

  it("carries frames as they are without a codec", async () => {
    await using publisher = new FeedPublisher({ heartbeatInterval: 20 })
    const endpoints = await publisher.bind({ updates: "ipc://*", recovery: "ipc://*" })
    await publisher.publish("text", "grüße")
    await publisher.publish("octets", new Uint8Array([0, 255]))
    await publisher.publish("empty", null)
    await using subscriber = new FeedSubscriber({ sources: [endpoints] })
    subscriber.subscribe()
    await subscriber.ready()
    expect(String(subscriber.get("text"))).toBe("grüße")
    expect(subscriber.get("octets")).toEqual(Buffer.from([0, 255]))
    expect(subscriber.get("empty")).toEqual(Buffer.alloc(0))
  })

  it("sends a large snapshot in parts while the feed goes on", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const topics = Array.from({ length: 20_000 }, (_, i) => `a/long/name/of/a/topic/${i}`)
    for (const topic of topics) await publisher.publish(topic, 0)
    await using subscriber = follow([endpoints])
    subscriber.subscribe()
    const ready = subscriber.ready()
    for (const [i, topic] of topics.entries()) {
      if (i % 3 === 0) await publisher.delete(topic)
      else await publisher.publish(topic, i)
    }
    await ready
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual(
      Object.fromEntries(
        topics
          .map((topic, i) => [topic, i])
          .filter(([, i]) => (i as number) % 3 !== 0)
          .sort(),
      ),
    )
    expect(publisher.stats.questions).toBeGreaterThan(2)
  })

  it("tells a topic whose value does not decode, and has none rather than an old one", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const codec = {
      encode: json.encode,
      decode: (frame: Buffer) => {
        if (String(frame) === "13") throw new RangeError("no luck")
        return json.decode(frame)
      },
    }
    await using subscriber = new FeedSubscriber({ codec, sources: [endpoints] })
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    const invalid = subscriber.events.once("invalid")
    await publisher.publish("a", 12)
    await publisher.publish("a", 13)
    expect((await invalid).error.message).toBe("no luck")
    expect(subscriber.has("a")).toBe(false)
    await publisher.publish("a", 14)
    await until(() => updates.length === 2, "the next value came")
    expect(told(updates)).toEqual(["a#1=12", "a#3=14"])
    expect(subscriber.stats).toMatchObject({ invalid: 1, gaps: 0 })
  })
})

describe("what is missed", () => {
  it("is noticed as soon as the connection is back, and comes from the history in order", async () => {
    const { publisher, endpoints, unheard } = await publishThroughProxy({ heartbeatInterval: 60_000 })
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await publisher.publish("a", 1)
    await until(() => updates.length === 1, "the first came")
    const behind = subscriber.events.once("behind")
    const recovered = subscriber.events.once("recovered")
    await unheard(async () => {
      await publisher.publish("a", 2)
      await publisher.publish("a", 3)
    })
    expect(await behind).toMatchObject({ position: 0, sequence: 3 })
    expect(await recovered).toMatchObject({ updates: 2, sequence: 3 })
    await publisher.publish("a", 4)
    await until(() => updates.length === 4, "all are there")
    expect(told(updates)).toEqual(["a#1=1", "a#2=2", "a#3=3", "a#4=4"])
    expect(subscriber.stats).toMatchObject({ gaps: 0, recovered: 2, lost: 0, live: 2 })
  })

  it("is noticed by a heartbeat when nothing follows it", async () => {
    const { publisher, endpoints, unheard } = await publishThroughProxy()
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe("a")
    await subscriber.ready()
    await unheard(async () => {
      await publisher.publish("a", 1)
      await publisher.publish("b", 1)
      await publisher.publish("a", 2)
    })
    await until(() => updates.length === 2, "all are there")
    expect(told(updates)).toEqual(["a#1=1", "a#2=2"])
    expect(updates.every(({ recovered }) => recovered === "history")).toBe(true)
  })

  it("is noticed by counting when a full queue has dropped it and its topics are silent afterwards", async () => {
    const { publisher, endpoints } = await publish({ sendHighWaterMark: 5, overflow: "drop" }, ANYWHERE, padded(65_536))
    await using _ = publisher
    await using proxy = await FaultProxy.before(endpoints.updates)
    await using subscriber = follow([{ ...endpoints, updates: proxy.endpoint }])
    const updates = collect(subscriber)
    subscriber.subscribe("a/")
    await subscriber.ready()
    const connection = await proxy.connection(0)
    connection.stall("back")
    let published = 0
    while (publisher.stats.updates.dropped["high-water-mark"] < 50) {
      await publisher.publish(`a/${published++}`, published)
      await publisher.publish(`b/${published}`, published)
    }
    connection.resume()
    await converged(subscriber, publisher)
    expect(subscriber.size).toBe(published)
    expect(subscriber.stats).toMatchObject({ lost: 0, snapshots: 1, gaps: 0 })
    // Heartbeats may be among the fifty: one for each interval that the loop above took.
    expect(subscriber.stats.recovered).toBeGreaterThan(25)
    expect(subscriber.stats.live + subscriber.stats.recovered).toBe(published)
    await until(() => updates.length === published, "each is told once")
  })

  it("does not matter to a subscriber that conflates: it gets the newest of each topic", async () => {
    const { publisher, endpoints } = await publish({ sendHighWaterMark: 50 })
    await using _ = publisher
    await using subscriber = follow([endpoints], { conflate: true })
    subscriber.subscribe()
    await subscriber.ready()
    const updates = subscriber[Symbol.asyncIterator]()
    for (let i = 0; i < 1000; i++) void publisher.publish(`topic/${i % 10}`, i)
    await converged(subscriber, publisher)
    const seen = []
    for (let i = 0; i < 10; i++) seen.push((await updates.next()).value)
    expect(seen.map((update) => update?.value).sort()).toEqual(Array.from({ length: 10 }, (_, i) => 990 + i))
    expect(subscriber.stats).toMatchObject({ queued: 0, gaps: 0, lost: 0 })
    expect(publisher.stats.updates.dropped.replaced + subscriber.stats.conflated).toBeGreaterThan(900)
    // A subscriber that wants all of them has the history for what the queue has conflated.
    await using other = follow([endpoints])
    other.subscribe()
    await other.ready()
    for (let i = 1000; i < 2000; i++) void publisher.publish(`topic/${i % 10}`, i)
    await converged(other, publisher)
    expect(other.stats.live + other.stats.recovered).toBe(1000)
  })

  it("is not read any more while a loop is full, and comes later", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints], { maxQueued: 10, staleAfter: 100 })
    subscriber.subscribe()
    await subscriber.ready()
    const loop = subscriber[Symbol.asyncIterator]()
    for (let i = 1; i <= 20_000; i++) await publisher.publish(`topic/${i % 100}`, i)
    await until(() => subscriber.stats.queued >= 10, "the loop is full")
    expect(subscriber.stats.queued).toBeLessThan(3000)
    const values = []
    while (values.length < 20_000) values.push((await loop.next()).value?.value)
    expect(values.toSorted((a, b) => (a ?? 0) - (b ?? 0))).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1))
    expect(subscriber.stale).toBe(false)
  })

  it("is replaced by a snapshot when the history does not reach, and counted", async () => {
    const { publisher, endpoints, unheard } = await publishThroughProxy({ historyMessages: 10 })
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await publisher.publish("gone", 0)
    await subscriber.ready()
    const lost = subscriber.events.once("lost")
    await unheard(async () => {
      await publisher.delete("gone")
      for (let i = 1; i <= 100; i++) await publisher.publish("a", i)
      for (let i = 1; i <= 20; i++) await publisher.publish("b", i)
    })
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual({ a: 100, b: 20 })
    // Two topics that nothing was known of: 99 and 19 of their updates are gone.
    expect((await lost).updates).toBe(118)
    expect(told(updates).slice(1).sort()).toEqual(["a#100=100", "b#20=20", "gone#1=-"])
  })

  it("is known to be lost as soon as its own topic has had too many since", async () => {
    const { publisher, endpoints, unheard } = await publishThroughProxy({ historyMessagesPerTopic: 3 })
    await using _ = publisher
    await using subscriber = follow([endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await unheard(async () => {
      for (let i = 1; i <= 10; i++) await publisher.publish("busy", i)
      await publisher.publish("quiet", 1)
    })
    await converged(subscriber, publisher)
    expect(told(updates)).toEqual(["busy#8=8", "busy#9=9", "busy#10=10", "quiet#1=1"])
    expect(subscriber.stats).toMatchObject({ lost: 7, recovered: 4, snapshots: 1 })
  })
})
