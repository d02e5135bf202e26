// Several publishers of one feed, publishers that start again, and publishers that are not heard.

import { StateError } from "brokerless"
import { type FeedEndpoints, FeedPublisher, type FeedUpdate } from "brokerless/patterns/feed"
import { describe, expect, it } from "vitest"
import { FaultProxy } from "../../../test/support/fault-proxy.ts"
import { ANYWHERE, collect, converged, follow, json, publish, publishThroughProxy, stateOf, until } from "./stage.ts"

function values(updates: readonly FeedUpdate<number>[]): (number | undefined)[] {
  return updates.map(({ value }) => value)
}

describe("replicas of a feed", () => {
  it("are taken once per update, from whichever comes first", async () => {
    const one = await publish({ epoch: "today" })
    const two = await publish({ epoch: "today" })
    await using _ = one.publisher
    await using __ = two.publisher
    await using subscriber = follow([one.endpoints, two.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await until(() => one.publisher.stats.interests + two.publisher.stats.interests === 2, "both are followed")
    for (let i = 1; i <= 500; i++) {
      const both = [one, two].map(({ publisher }) => publisher)
      for (const publisher of i % 2 === 0 ? both : both.reverse()) await publisher.publish(`topic/${i % 7}`, i)
    }
    await converged(subscriber, one.publisher)
    await until(() => subscriber.stats.doubles === 500, "the second of each came, too")
    expect(values(updates)).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
    expect(subscriber.stats).toMatchObject({ live: 500, gaps: 0, recovered: 0, epochs: 1 })
  })

  it("stand in for each other: what one loses is not asked for while the other one has it", async () => {
    const one = await publishThroughProxy({ epoch: "today" })
    const two = await publish({ epoch: "today" })
    await using _ = one.publisher
    await using __ = two.publisher
    await using subscriber = follow([one.endpoints, two.endpoints], { arbitrationDelay: 5000 })
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await until(() => one.publisher.stats.interests + two.publisher.stats.interests === 2, "both are followed")
    const asked = (): number => one.publisher.stats.questions + two.publisher.stats.questions
    const before = asked()
    const publishBoth = async (i: number): Promise<void> => {
      await one.publisher.publish("a", i)
      await two.publisher.publish("a", i)
    }
    await publishBoth(1)
    await one.unheard(() => publishBoth(2))
    await until(() => one.publisher.stats.interests === 1, "the first one is back")
    await publishBoth(3)
    await converged(subscriber, two.publisher)
    expect(values(updates)).toEqual([1, 2, 3])
    expect(asked()).toBe(before)
  })

  it("count anew when one takes the place of another, so that nothing seems to have arrived that has not", async () => {
    const one = await publish({ epoch: "today" })
    const two = await publish({ epoch: "today" })
    await using subscriber = follow([one.endpoints, two.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await until(() => one.publisher.stats.interests + two.publisher.stats.interests === 2, "both are followed")
    await two.publisher.publish("a", 1)
    await until(() => updates.length === 1, "the first is there")
    // One that said nothing yet is followed at the same place by one that has said a lot before anybody came.
    await one.publisher.close()
    const three = new FeedPublisher({ codec: json, heartbeatInterval: 20 })
    await using _ = three
    await three.catchUp(two.endpoints.recovery)
    for (let i = 2; i <= 50; i++) await three.publish(`b/${i}`, i)
    await three.bind(one.endpoints)
    await converged(subscriber, three)
    expect(values(updates)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
    expect(subscriber.stats).toMatchObject({ lost: 0, epochs: 1 })
    await two.publisher.close()
  })

  it("carry the feed on when one leaves", async () => {
    const one = await publish({ epoch: "today" })
    const two = await publish({ epoch: "today" })
    await using _ = two.publisher
    await using subscriber = follow([one.endpoints, two.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await until(() => one.publisher.stats.interests + two.publisher.stats.interests === 2, "both are followed")
    for (const { publisher } of [one, two]) await publisher.publish("a", 1)
    const failover = subscriber.events.once("failover")
    await one.publisher.close()
    const { updates: from } = one.endpoints
    expect(await failover).toEqual({
      type: "failover",
      from,
      to: two.endpoints.updates,
      epoch: two.publisher.epoch,
    })
    await two.publisher.publish("a", 2)
    await converged(subscriber, two.publisher)
    expect(values(updates)).toEqual([1, 2])
    expect(subscriber.stale).toBe(false)
  })

  it("come back by catching up with one that is there", async () => {
    const one = await publish({ epoch: "today" })
    await using _ = one.publisher
    for (let i = 1; i <= 100; i++) await one.publisher.publish(`topic/${i % 10}`, i)
    await one.publisher.delete("topic/3")
    await using two = new FeedPublisher({ codec: json, heartbeatInterval: 20 })
    await two.catchUp(one.endpoints.recovery)
    expect(two.epoch).toBe(one.publisher.epoch)
    expect(two.sequence).toBe(101)
    expect([...two.topics()].sort()).toEqual([...one.publisher.topics()].sort())
    const endpoints = await two.bind(ANYWHERE)
    await using subscriber = follow([one.endpoints, endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await one.publisher.publish("topic/3", 103)
    await two.publish("topic/3", 103)
    await one.publisher.close()
    await two.publish("topic/3", 104)
    await converged(subscriber, two)
    expect(values(updates).slice(-2)).toEqual([103, 104])
    expect(subscriber.stats).toMatchObject({ gaps: 0, epochs: 1, topics: 10 })
    await expect(two.catchUp(one.endpoints.recovery, { timeout: 50 })).rejects.toThrow(Error)
  })

  it("cannot catch up once they have published", async () => {
    const one = await publish()
    const two = await publish()
    await using _ = one.publisher
    await using __ = two.publisher
    await two.publisher.publish("a", 1)
    await expect(two.publisher.catchUp(one.endpoints.recovery)).rejects.toBeInstanceOf(StateError)
    expect(two.publisher.sequence).toBe(1)
  })
})

describe("publishers with epochs of their own", () => {
  it("are followed one at a time; the next one's state replaces the last one's, nothing twice", async () => {
    const main = await publish()
    const backup = await publish()
    await using _ = backup.publisher
    await using subscriber = follow([main.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    for (const { publisher } of [main, backup]) {
      await publisher.publish("same", 1)
      await publisher.publish("other", 1)
    }
    await main.publisher.publish("gone", 1)
    await backup.publisher.publish("other", 2)
    await subscriber.close()

    await using second = follow([main.endpoints, backup.endpoints])
    const seen = collect(second)
    second.subscribe()
    await second.ready()
    await until(() => backup.publisher.stats.interests === 1, "the backup is heard")
    const chosen = second.epoch
    const [leaver, stayer] = chosen === main.publisher.epoch ? [main, backup] : [backup, main]
    if (leaver === main) await until(() => seen.length === 3, "the state of the first one is told")
    const failover = second.events.once("failover")
    await leaver.publisher.close()
    expect(await failover).toMatchObject({ to: stayer.endpoints.updates, epoch: stayer.publisher.epoch })
    await converged(second, stayer.publisher)
    expect(second.epoch).toBe(stayer.publisher.epoch)
    if (leaver === main) {
      expect(stateOf(second)).toEqual({ other: 2, same: 1 })
      expect(seen.slice(3).map(({ topic, value }) => `${topic}=${value}`)).toEqual(["other=2", "gone=undefined"])
    } else expect(stateOf(second)).toEqual({ gone: 1, other: 1, same: 1 })
    expect(updates.length).toBeLessThanOrEqual(3)
    await main.publisher.close()
  })

  it("begin a new one when they start again: what is gone is deleted, what is equal is not told", async () => {
    const first = await publish()
    await using subscriber = follow([first.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    for (const topic of ["a", "b", "c"]) await first.publisher.publish(topic, 1)
    await subscriber.ready()
    await converged(subscriber, first.publisher)
    await until(() => updates.length === 3, "all three are told")
    await first.publisher.close()
    const second = new FeedPublisher({ codec: json, heartbeatInterval: 20 })
    await using _ = second
    await second.publish("b", 1)
    await second.publish("c", 2)
    await second.bind(first.endpoints)
    await converged(subscriber, second)
    expect(stateOf(subscriber)).toEqual({ b: 1, c: 2 })
    const news = updates.slice(3).map(({ topic, value, epoch }) => `${topic}=${value} ${epoch === second.epoch}`)
    expect(news).toEqual(["c=2 true", "a=undefined true"])
    expect(subscriber.stats.epochs).toBe(2)
  })

  it("are believed even if a named epoch begins again with other updates", async () => {
    const first = await publish({ epoch: "careless" })
    await using subscriber = follow([first.endpoints])
    subscriber.subscribe()
    for (let i = 1; i <= 50; i++) await first.publisher.publish("a", i)
    await subscriber.ready()
    await converged(subscriber, first.publisher)
    await first.publisher.close()
    await using second = new FeedPublisher({ codec: json, heartbeatInterval: 20, epoch: "careless" })
    await second.publish("b", 1)
    await second.bind(first.endpoints)
    await converged(subscriber, second)
    expect(stateOf(subscriber)).toEqual({ b: 1 })
  })
})

describe("a publisher that is not heard", () => {
  it("makes the feed stale, and fresh when it is heard again", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    await using proxy = await FaultProxy.before(endpoints.updates)
    const through: FeedEndpoints = { updates: proxy.endpoint, recovery: endpoints.recovery }
    await using subscriber = follow([through], { staleAfter: 300 })
    subscriber.subscribe()
    expect(subscriber.stale).toBe(true)
    const fresh = subscriber.events.once("fresh")
    await subscriber.ready()
    await fresh
    expect(subscriber.stale).toBe(false)
    const stale = subscriber.events.once("stale")
    const connection = await proxy.connection(0)
    connection.stall()
    await stale
    expect(subscriber.stale).toBe(true)
    await publisher.publish("a", 1)
    const again = subscriber.events.once("fresh")
    connection.resume()
    await again
    await converged(subscriber, publisher)
    expect(stateOf(subscriber)).toEqual({ a: 1 })
    expect(subscriber.stats.epochs).toBe(1)
  })
})
