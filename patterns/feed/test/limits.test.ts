// What is accepted, what is refused and how, how it ends, and that nothing grows without limit.

import {
  AbortError,
  ClosedError,
  CodecError,
  MessageError,
  OptionError,
  Subscriber,
  TimeoutError,
  type WaitOptions,
} from "brokerless"
import { FeedLimitError, FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { describe, expect, it } from "vitest"
import { ANYWHERE, collect, converged, follow, json, publish, stateOf, until } from "./stage.ts"

const NOBODY = [{ updates: "inproc://feed-nobody-1", recovery: "inproc://feed-nobody-2" }]

describe("a publisher", () => {
  it("refuses options that do not exist or are not accepted, by name", () => {
    expect(() => new FeedPublisher({ heartbeat: 1 } as object)).toThrow(OptionError)
    expect(() => new FeedPublisher({ heartbeatInterval: 0 })).toThrow(/heartbeatInterval.*at least 1|heartbeatInterval/)
    expect(() => new FeedPublisher({ codec: {} } as object)).toThrow(/codec/)
    expect(() => new FeedPublisher({ overflow: "explode" } as object)).toThrow(/"conflate"/)
  })

  it("refuses topics that are none, values that do not encode, and publishes nothing then", async () => {
    const encode = (_: number): string => {
      throw new RangeError("no")
    }
    await using publisher = new FeedPublisher({ codec: { encode, decode: json.decode } })
    await expect(publisher.publish("", 1)).rejects.toBeInstanceOf(MessageError)
    await expect(publisher.publish("x".repeat(1025), 1)).rejects.toBeInstanceOf(MessageError)
    await expect(publisher.publish("half \ud800", 1)).rejects.toBeInstanceOf(MessageError)
    await expect(publisher.publish("a", 1)).rejects.toBeInstanceOf(CodecError)
    await using raw = new FeedPublisher()
    await expect(raw.publish("a", 1 as never)).rejects.toBeInstanceOf(MessageError)
    expect([publisher.sequence, raw.sequence]).toEqual([0, 0])
  })

  it("waits for the slowest no longer than it is told to, and has published all the same", async () => {
    await using publisher = new FeedPublisher({ codec: json, overflow: "wait", sendHighWaterMark: 1 })
    const source = await publisher.bind({ updates: "inproc://feed-slow", recovery: "inproc://feed-slow-recovery" })
    await using slow = new Subscriber({ receiveHighWaterMark: 1 })
    slow.subscribe("D")
    const joined = publisher.events.once("join")
    slow.connect(source.updates)
    await joined
    let last = 0
    const publishing = async (options: WaitOptions): Promise<void> => {
      for (;;) await publisher.publish("a", ++last, options)
    }
    await expect(publishing({ timeout: 50 })).rejects.toBeInstanceOf(TimeoutError)
    const stop = new AbortController()
    const stopped = expect(publishing({ signal: stop.signal })).rejects.toBeInstanceOf(AbortError)
    stop.abort()
    await stopped
    expect(publisher.sequence).toBe(last)
    await expect(publisher.publish("a", 0, { signal: stop.signal })).rejects.toBeInstanceOf(AbortError)
    await expect(publisher.delete("a", { signal: stop.signal })).rejects.toBeInstanceOf(AbortError)
    expect(publisher.sequence).toBe(last)
    await slow.close()
    await using subscriber = new FeedSubscriber({ codec: json, sources: [source] })
    subscriber.subscribe()
    await subscriber.ready()
    expect(subscriber.get("a")).toBe(last)
  })

  it("has at most maxTopics topics with a value", async () => {
    await using publisher = new FeedPublisher({ codec: json, maxTopics: 2 })
    await publisher.publish("a", 1)
    await publisher.publish("b", 1)
    const refused = publisher.publish("c", 1)
    await expect(refused).rejects.toBeInstanceOf(FeedLimitError)
    await expect(refused).rejects.toMatchObject({ code: "ENOBUFS", limit: "maxTopics" })
    await publisher.publish("a", 2)
    expect(await publisher.delete("b")).toBe(true)
    expect(await publisher.delete("b")).toBe(false)
    await publisher.publish("c", 1)
    expect([...publisher.topics()]).toEqual(["a", "c"])
    expect(publisher.has("b")).toBe(false)
  })

  it("keeps its history within all four limits, and forgets deleted topics with it", async () => {
    await using publisher = new FeedPublisher({
      historyMessages: 100,
      historyBytes: 8000,
      historyMessagesPerTopic: 10,
      historyBytesPerTopic: 3000,
    })
    for (let i = 0; i < 5000; i++) {
      await publisher.publish(`topic/${i}`, "x".repeat(i % 300))
      if (i > 0) await publisher.delete(`topic/${i - 1}`)
      const { historyMessages, historyBytes } = publisher.stats
      if (historyMessages > 100 || historyBytes > 8000) expect.fail(`${historyMessages} ${historyBytes}`)
    }
    expect(publisher.stats.topics).toBe(1)
    for (let i = 0; i < 100; i++) await publisher.publish("busy", "y".repeat(200))
    expect(publisher.stats.historyMessages).toBeGreaterThan(0)
    expect(publisher.stats.historyBytes).toBeLessThanOrEqual(8000)
  })

  it("tells when there are more interests than it may have; others go on", async () => {
    const { publisher, endpoints } = await publish({ maxInterests: 1 })
    await using _ = publisher
    await using first = follow([endpoints])
    first.subscribe("a")
    await first.ready()
    const limit = publisher.events.once("limit")
    await using second = follow([endpoints])
    second.subscribe("b")
    expect(await limit).toMatchObject({ limit: "maxInterests" })
    await publisher.publish("a", 1)
    await converged(first, publisher)
    await first.close()
    await until(() => publisher.stats.interests === 0, "there is room again")
  })

  it("closes once, tells nobody anything afterwards, and publishes no more", async () => {
    const { publisher } = await publish()
    const ended = (async () => {
      for await (const _ of publisher.events);
      return "ended"
    })()
    await Promise.all([publisher.close(), publisher.close()])
    expect(await ended).toBe("ended")
    await expect(publisher.publish("a", 1)).rejects.toBeInstanceOf(ClosedError)
    await expect(publisher.delete("a")).rejects.toBeInstanceOf(ClosedError)
    await expect(publisher.bind(ANYWHERE)).rejects.toBeInstanceOf(ClosedError)
  })

  it("closes with its signal", async () => {
    const end = new AbortController()
    const { publisher } = await publish({ signal: end.signal })
    end.abort()
    await expect(publisher.publish("a", 1)).rejects.toBeInstanceOf(ClosedError)
    await publisher.close()
  })
})

describe("a subscriber", () => {
  it("refuses options and prefixes that are not accepted", async () => {
    expect(() => new FeedSubscriber({ sources: [] })).toThrow(OptionError)
    expect(() => new FeedSubscriber({ sources: [{ updates: "tcp://a:1" }] } as never)).toThrow(/sources/)
    expect(() => new FeedSubscriber({ sources: NOBODY, staleAfter: -1 })).toThrow(/staleAfter/)
    await using subscriber = follow(NOBODY)
    expect(() => subscriber.subscribe("x".repeat(1025))).toThrow(MessageError)
    const many = Array.from({ length: 100 }, (_, i) => `${i}`.padStart(900, "0"))
    expect(() => subscriber.subscribe(...many)).toThrow(/60000/)
  })

  it("waits to be ready as long as it is told to", async () => {
    const subscriber = follow(NOBODY)
    subscriber.subscribe()
    await expect(subscriber.ready({ timeout: 10 })).rejects.toBeInstanceOf(TimeoutError)
    await expect(subscriber.ready({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError)
    const waiting = subscriber.ready()
    await subscriber.close()
    await expect(waiting).rejects.toBeInstanceOf(ClosedError)
    await expect(subscriber.ready()).rejects.toBeInstanceOf(ClosedError)
    expect(() => subscriber.subscribe()).toThrow(ClosedError)
  })

  it("ends its loops with what was there when it closes, by call or by signal", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const end = new AbortController()
    const subscriber = follow([endpoints], { signal: end.signal })
    subscriber.subscribe()
    for (let i = 0; i < 3; i++) await publisher.publish(`${i}`, i)
    await subscriber.ready()
    const loop = subscriber[Symbol.asyncIterator]()
    const idle = collect(subscriber)
    end.abort()
    const left = []
    for await (const { value } of loop) left.push(value)
    expect(left).toEqual([0, 1, 2])
    await subscriber.close()
    expect(idle.length).toBe(3)
    expect(await subscriber[Symbol.asyncIterator]().next()).toMatchObject({ done: false })
  })

  it("can leave a loop and begin another", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints])
    subscriber.subscribe()
    await publisher.publish("a", 1)
    for await (const { value } of subscriber) {
      expect(value).toBe(1)
      break
    }
    expect(subscriber.stats.queued).toBe(0)
    await publisher.publish("a", 2)
    await until(() => subscriber.get("a") === 2, "the next value came")
    for await (const { value } of subscriber) {
      expect(value).toBe(2)
      break
    }
  })

  it("remembers at most maxTopics topics, and says so", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using subscriber = follow([endpoints], { maxTopics: 5 })
    subscriber.subscribe()
    await subscriber.ready()
    const limit = subscriber.events.once("limit")
    for (let i = 0; i < 20; i++) await publisher.publish(`topic/${i % 10}`, i)
    expect(await limit).toMatchObject({ limit: "maxTopics" })
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual({ "topic/0": 10, "topic/1": 11, "topic/2": 12, "topic/3": 13, "topic/4": 14 })
    expect(subscriber.stats).toMatchObject({ refused: 10, gaps: 0, held: 0 })
  })
})
