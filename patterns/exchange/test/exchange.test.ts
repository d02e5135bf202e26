// Exchanges and consumers within one process: routing, queues, acknowledgement, bounds and ends.

import { AbortError, ClosedError, TimeoutError, UnreachableError } from "brokerless"
import { json } from "brokerless/codec"
import { Consumer, type ConsumerOptions, Exchange, type ExchangeOptions } from "brokerless/patterns/exchange"
import { describe, expect, it } from "vitest"
import { deferred } from "../../../test/support/deferred.ts"
import { waits } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()

/** An exchange, and consumers at it; all is closed with it. */
class Post implements AsyncDisposable {
  readonly exchange: Exchange<string>
  readonly #consumers: Consumer<string>[] = []
  #endpoint: Promise<string>

  constructor(options: ExchangeOptions = {}, endpoint = "tcp://127.0.0.1:*") {
    this.exchange = new Exchange({ ...options, codec })
    this.#endpoint = this.exchange.bind(endpoint)
  }

  async consumer(
    bindings: Parameters<Consumer["bindQueue"]>[0][],
    options: ConsumerOptions = {},
  ): Promise<Consumer<string>> {
    const consumer = new Consumer({ ...options, codec })
    this.#consumers.push(consumer)
    for (const binding of bindings) consumer.bindQueue(binding)
    const joined = this.exchange.events.once("join")
    consumer.connect(await this.#endpoint)
    await joined
    const bound = this.exchange.type === "fanout" ? Math.min(1, bindings.length) : bindings.length
    const there = (): boolean =>
      (this.exchange.queues.findLast(({ name }) => name === consumer.queue)?.bindings.length ?? 0) >= bound
    await until(there, "the consumer's queue is bound")
    return consumer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#consumers.map((consumer) => consumer.close({ timeout: 0 })))
    await this.exchange.close({ timeout: 0 })
  }
}

async function values(consumer: Consumer<string>, count: number): Promise<string[]> {
  const all: string[] = []
  while (all.length < count) all.push((await consumer.receive()).value)
  return all
}

describe("routing", () => {
  it("direct: to the queues bound to that very key", async () => {
    await using post = new Post({ type: "direct" })
    const errors = await post.consumer(["error"])
    const all = await post.consumer(["error", "info", "*"])
    await post.exchange.waitForQueues("*")
    expect(await post.exchange.publish("error", "e")).toBe(2)
    expect(await post.exchange.publish("info", "i")).toBe(1)
    expect(await post.exchange.publish("*", "star")).toBe(1)
    expect(await post.exchange.publish("debug", "d")).toBe(0)
    expect(await values(errors, 1)).toEqual(["e"])
    expect(await values(all, 3)).toEqual(["e", "i", "star"])
    expect(post.exchange.stats).toMatchObject({ published: 4, routed: 4, unroutable: 1, bindings: 4 })
  })

  it("topic: to the queues with a pattern that matches, once each", async () => {
    await using post = new Post({ type: "topic" })
    const orders = await post.consumer(["order.#", "order.*.created", "#.created"])
    const german = await post.consumer(["*.de.*"])
    await post.exchange.waitForQueues("order.de.created", 2)
    expect(await post.exchange.publish("order.de.created", "1")).toBe(2)
    expect(await post.exchange.publish("order.fr.paid", "2")).toBe(1)
    expect(await post.exchange.publish("refund.de.paid", "3")).toBe(1)
    expect(await values(orders, 2)).toEqual(["1", "2"])
    expect(await values(german, 2)).toEqual(["1", "3"])
  })

  it("headers: to the queues whose headers the message has, all or any", async () => {
    await using post = new Post({ type: "headers" })
    const both = await post.consumer([{ "x-match": "all", format: "pdf", pages: 1 }])
    const either = await post.consumer([{ "x-match": "any", format: "pdf", draft: null }])
    await post.exchange.waitForQueues("", 2, { headers: { format: "pdf", pages: 1 } })
    expect(await post.exchange.publish("", "1", { headers: { format: "pdf", pages: 1 } })).toBe(2)
    expect(await post.exchange.publish("", "2", { headers: { format: "pdf", pages: "1" } })).toBe(1)
    expect(await post.exchange.publish("", "3", { headers: { draft: false } })).toBe(1)
    expect(await post.exchange.publish("", "4", { headers: { pages: 1 } })).toBe(0)
    const delivery = await both.receive()
    expect([delivery.value, delivery.headers]).toEqual(["1", { format: "pdf", pages: 1 }])
    expect(await values(either, 3)).toEqual(["1", "2", "3"])
  })

  it("fanout: to every queue that is bound", async () => {
    await using post = new Post({ type: "fanout" })
    const one = await post.consumer([""])
    const two = await post.consumer(["whatever", "else"])
    await post.exchange.waitForQueues("", 2)
    expect(await post.exchange.publish("any key", "x")).toBe(2)
    expect([...(await values(one, 1)), ...(await values(two, 1))]).toEqual(["x", "x"])
  })

  it("follows bindings that are made and taken back while it runs", async () => {
    await using post = new Post()
    const consumer = await post.consumer([])
    expect(await post.exchange.publish("a", "nobody")).toBe(0)
    const bound = post.exchange.events.once("bind")
    consumer.bindQueue("a")
    expect(await bound).toMatchObject({ queue: "", binding: "a" })
    expect(await post.exchange.publish("a", "somebody")).toBe(1)
    const unbound = post.exchange.events.once("unbind")
    consumer.unbindQueue("a")
    await unbound
    expect(await post.exchange.publish("a", "nobody")).toBe(0)
  })

  it("refuses bindings of another type of exchange, and says so", async () => {
    await using post = new Post({ type: "headers" })
    const consumer = await post.consumer([])
    const refused = consumer.events.once("refuse")
    consumer.bindQueue("a.key")
    expect(await refused).toMatchObject({
      binding: "a.key",
      reason: "this exchange takes bindings by key".replace("key", "headers"),
    })
    expect(post.exchange.stats.refused).toBe(1)
  })
})

describe.each(["tcp://127.0.0.1:*", "ipc://*", "inproc://exchange-*"])("consumers over %s", (wildcard) => {
  const endpoint = (): string => wildcard.replace("exchange-*", `exchange-${Math.random()}`)

  it("of one name share a queue, each message for one of them", async () => {
    await using post = new Post({}, endpoint())
    const group: Consumer<string>[] = []
    for (let i = 0; i < 3; i++) {
      group.push(await post.consumer(["#"], { queue: "workers", prefetch: 4, acknowledge: "manual" }))
    }
    const own = await post.consumer(["#"], { prefetch: 100 })
    await post.exchange.waitForQueues("x", 2)
    for (let i = 0; i < 12; i++) expect(await post.exchange.publish("x", `${i}`)).toBe(2)
    const shares = await Promise.all(group.map((consumer) => values(consumer, 4)))
    expect(shares.flat().sort()).toEqual(Array.from({ length: 12 }, (_, i) => `${i}`).sort())
    expect(await values(own, 12)).toHaveLength(12)
    expect(post.exchange.queues.map(({ name, consumers }) => [name, consumers])).toContainEqual(["workers", 3])
  })
})

describe("a queue", () => {
  it("gives more to who is quicker", async () => {
    await using post = new Post()
    const quick = await post.consumer(["#"], { queue: "q", prefetch: 2 })
    await post.consumer(["#"], { queue: "q", prefetch: 2, acknowledge: "manual" })
    for (let i = 0; i < 50; i++) await post.exchange.publish("x", `${i}`)
    expect(await values(quick, 48)).toHaveLength(48)
    await until(() => post.exchange.stats.unacknowledged === 2, "the slow one alone has something to do")
    expect(post.exchange.stats.waiting).toBe(0)
  })

  it("gives what a lost consumer had not acknowledged to another, in order and marked", async () => {
    await using post = new Post()
    const first = await post.consumer(["#"], { queue: "q", prefetch: 3, acknowledge: "manual" })
    for (const text of ["a", "b", "c", "d"]) await post.exchange.publish("x", text)
    const delivery = await first.receive()
    delivery.acknowledge()
    await until(() => post.exchange.stats.acknowledged === 1, "it is acknowledged")
    await first.close({ timeout: 0 })
    const second = await post.consumer(["#"], { queue: "q", prefetch: 10, acknowledge: "manual" })
    const got: [string, number][] = []
    for (let i = 0; i < 3; i++) {
      const { value, redeliveries } = await second.receive()
      got.push([value, redeliveries])
    }
    expect(got).toEqual([
      ["b", 1],
      ["c", 1],
      ["d", 1],
    ])
    expect(post.exchange.stats).toMatchObject({ redelivered: 3, unacknowledged: 3, waiting: 0 })
  })

  it("takes messages while nobody is there, and its bindings with it, for keepQueues", async () => {
    await using post = new Post({ keepQueues: 60_000 })
    const first = await post.consumer(["a.*"], { queue: "q" })
    await post.exchange.waitForQueues("a.b")
    const left = post.exchange.events.once("leave")
    await first.close()
    await left
    expect(await post.exchange.publish("a.b", "kept")).toBe(1)
    const second = await post.consumer([], { queue: "q" })
    expect(await values(second, 1)).toEqual(["kept"])
  })

  it("ends when nobody comes back, and what it held is counted", async () => {
    await using post = new Post({ keepQueues: 30 })
    const consumer = await post.consumer(["#"], { queue: "q", acknowledge: "manual" })
    await post.exchange.publish("x", "1")
    await consumer.receive()
    const unbound = post.exchange.events.once("unbind")
    await consumer.close({ timeout: 0 })
    await unbound
    expect(post.exchange.stats).toMatchObject({ queues: 0, bindings: 0, waiting: 0, bytes: 0, dropped: { gone: 1 } })
    expect(await post.exchange.publish("x", "2")).toBe(0)
  })

  it("without a name ends with its consumer", async () => {
    await using post = new Post()
    const consumer = await post.consumer(["#"], { prefetch: 1, acknowledge: "manual" })
    await post.exchange.publish("x", "1")
    await post.exchange.publish("x", "2")
    const unbound = post.exchange.events.once("unbind")
    await consumer.close({ timeout: 0 })
    await unbound
    expect(post.exchange.stats).toMatchObject({ queues: 0, dropped: { gone: 2 } })
  })

  it("hands out again what is rejected, until maxDeliveries, and tells of its end", async () => {
    await using post = new Post({ maxDeliveries: 3 })
    const consumer = await post.consumer(["#"], { queue: "q", acknowledge: "manual" })
    const dead = post.exchange.events.once("dead")
    await post.exchange.publish("k", "poison")
    for (let i = 0; i < 3; i++) {
      const delivery = await consumer.receive()
      expect(delivery.redeliveries).toBe(i)
      delivery.reject()
      delivery.reject()
      delivery.acknowledge()
    }
    const { body, ...facts } = await dead
    expect(body.map(String)).toEqual(['"poison"'])
    expect(facts).toEqual({ type: "dead", queue: "q", key: "k", deliveries: 3, reason: "deliveries" })
    expect(post.exchange.stats).toMatchObject({ delivered: 3, redelivered: 2, bytes: 0, dropped: { deliveries: 1 } })
    expect(consumer.stats).toMatchObject({ requeued: 3, acknowledged: 0 })
  })

  it("gives up at once what is rejected for good, or does not decode", async () => {
    await using exchange = new Exchange({})
    await using consumer = new Consumer({ codec, acknowledge: "manual" })
    consumer.bindQueue("#")
    consumer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    await exchange.waitForQueues("x")
    await exchange.publish("x", "{ no JSON")
    await exchange.publish("x", '"well"')
    const { value, reject } = await consumer.receive().then((delivery) => ({
      value: delivery.value,
      reject: () => delivery.reject({ requeue: false }),
    }))
    expect(value).toBe("well")
    reject()
    await until(() => exchange.stats.dropped.rejected === 2, "both are given up")
    expect(consumer.stats).toMatchObject({ invalid: 1, rejected: 2 })
    expect(exchange.stats).toMatchObject({ unacknowledged: 0, bytes: 0 })
  })
})

describe("a full queue", () => {
  it("makes publish wait, and loses nothing", async () => {
    await using post = new Post({ maxQueued: 5 })
    const consumer = await post.consumer(["#"], { prefetch: 1, acknowledge: "manual" })
    await post.exchange.waitForQueues("x")
    for (let i = 0; i < 6; i++) await post.exchange.publish("x", `${i}`)
    const waiting = [6, 7, 8].map((i) => post.exchange.publish("x", `${i}`))
    expect(await waits(Promise.any(waiting))).toBe(true)
    expect(post.exchange.stats).toMatchObject({ waiting: 5, unacknowledged: 1, publishing: 3 })
    const got: string[] = []
    while (got.length < 9) {
      const delivery = await consumer.receive()
      got.push(delivery.value)
      delivery.acknowledge()
    }
    expect(got).toEqual(Array.from({ length: 9 }, (_, i) => `${i}`))
    expect(await Promise.all(waiting)).toEqual([1, 1, 1])
  })

  it("lets who waits give up, and then the message is nowhere", async () => {
    await using post = new Post({ maxQueued: 1 })
    await post.consumer(["#"], { prefetch: 1, acknowledge: "manual" })
    await post.exchange.waitForQueues("x")
    for (let i = 0; i < 2; i++) await post.exchange.publish("x", `${i}`)
    const stop = new AbortController()
    const aborted = expect(post.exchange.publish("x", "2", { signal: stop.signal })).rejects.toThrow(AbortError)
    const timed = expect(post.exchange.publish("x", "3", { timeout: 10 })).rejects.toThrow(TimeoutError)
    stop.abort()
    await Promise.all([aborted, timed])
    const closed = expect(post.exchange.publish("x", "4")).rejects.toThrow(ClosedError)
    await post.exchange.close({ timeout: 0 })
    await closed
    expect(post.exchange.stats).toMatchObject({ routed: 2, publishing: 0, dropped: { closed: 2 } })
  })

  it.each([
    ["drop", ["0", "1", "2"]],
    ["drop-oldest", ["0", "4", "5"]],
  ] as const)("drops with %s, counted", async (overflow, kept) => {
    await using post = new Post({ maxQueued: 2, overflow })
    const consumer = await post.consumer(["#"], { prefetch: 1 })
    await post.exchange.waitForQueues("x")
    const dead: string[] = []
    post.exchange.events.on("dead", ({ reason, body }) => dead.push(`${reason} ${body}`))
    // The first is with the consumer, which is given no time to say that it has it.
    for (let i = 0; i < 6; i++) void post.exchange.publish("x", `${i}`)
    expect(post.exchange.stats).toMatchObject({ published: 6, routed: 6, waiting: 2, dropped: { overflow: 3 } })
    expect(await values(consumer, 3)).toEqual(kept)
    expect(dead).toHaveLength(3)
  })

  it("is full by octets, what is not acknowledged included, and an empty one takes one of any size", async () => {
    await using post = new Post({ maxQueuedBytes: 1000 })
    const consumer = await post.consumer(["#"], { prefetch: 100, acknowledge: "manual" })
    await post.exchange.waitForQueues("x")
    await post.exchange.publish("x", "x".repeat(5000))
    const next = post.exchange.publish("x", "y")
    expect(await waits(next)).toBe(true)
    const delivery = await consumer.receive()
    delivery.acknowledge()
    expect(await next).toBe(1)
    expect((await consumer.receive()).value).toBe("y")
  })
})

describe("a consumer", () => {
  it("runs a handler, acknowledges what is done and gives back what failed", async () => {
    await using post = new Post()
    const consumer = await post.consumer(["#"], { queue: "q" })
    await post.exchange.waitForQueues("x")
    let [running, most] = [0, 0]
    const seen: string[] = []
    const stop = new AbortController()
    const failure = consumer.events.once("failure")
    const consuming = consumer.consume(
      async ({ value, redeliveries }) => {
        running++
        most = Math.max(most, running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        if (value === "3" && redeliveries === 0) throw new Error("not yet")
        seen.push(value)
      },
      { concurrency: 4, signal: stop.signal },
    )
    for (let i = 0; i < 20; i++) await post.exchange.publish("x", `${i}`)
    await until(() => post.exchange.stats.acknowledged === 20, "all are acknowledged")
    stop.abort()
    await consuming
    expect((await failure).error).toEqual(new Error("not yet"))
    expect(seen.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(4)
    expect(consumer.stats).toMatchObject({ failed: 1, requeued: 1, acknowledged: 20 })
  })

  it("takes from several exchanges", async () => {
    await using one = new Exchange({ codec })
    await using two = new Exchange({ codec })
    await using consumer = new Consumer({ codec, queue: "q" })
    consumer.bindQueue("#")
    for (const exchange of [one, two]) consumer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    await Promise.all([one.waitForQueues("x"), two.waitForQueues("x")])
    await Promise.all([one.publish("x", "one"), two.publish("x", "two")])
    expect((await values(consumer, 2)).sort()).toEqual(["one", "two"])
  })

  it("ends its loop when it is closed, and gives back what it has not handed out", async () => {
    await using post = new Post()
    const consumer = await post.consumer(["#"], { queue: "q" })
    for (let i = 0; i < 5; i++) await post.exchange.publish("x", `${i}`)
    await until(() => consumer.stats.waiting === 5, "all have come")
    const seen: string[] = []
    for await (const { value } of consumer) {
      seen.push(value)
      if (seen.length === 2) void consumer.close()
    }
    expect(seen).toEqual(["0", "1"])
    await until(() => post.exchange.stats.unacknowledged === 0, "it has left")
    expect(post.exchange.stats).toMatchObject({ acknowledged: 2, waiting: 3 })
    expect(consumer.stats).toMatchObject({ returned: 3 })
    const second = await post.consumer([], { queue: "q" })
    expect(await values(second, 3)).toEqual(["2", "3", "4"])
  })

  it("finishes the handlers that run when it is closed", async () => {
    await using post = new Post()
    const consumer = await post.consumer(["#"], { queue: "q" })
    const go = deferred<void>()
    const consuming = consumer.consume(() => go.promise)
    await post.exchange.publish("x", "1")
    await until(() => consumer.stats.handed === 1, "it runs")
    const closing = consumer.close()
    go.resolve()
    await closing
    await consuming
    await until(() => post.exchange.stats.acknowledged === 1, "it is acknowledged")
    expect(post.exchange.stats).toMatchObject({ waiting: 0, unacknowledged: 0 })
  })

  it("gives up waiting by time and signal", async () => {
    await using post = new Post()
    const consumer = await post.consumer(["#"])
    await expect(consumer.receive({ timeout: 5 })).rejects.toThrow(TimeoutError)
    const stop = new AbortController()
    const receiving = consumer.receive({ signal: stop.signal })
    stop.abort()
    await expect(receiving).rejects.toThrow(AbortError)
    const last = expect(consumer.receive()).rejects.toThrow(ClosedError)
    await consumer.close()
    await last
  })
})

describe("an exchange", () => {
  it("rejects what nobody wants if it is mandatory, and tells of it if not", async () => {
    await using strict = new Exchange({ codec, mandatory: true })
    await expect(strict.publish("x", "y")).rejects.toThrow(UnreachableError)
    await using mild = new Exchange({ codec })
    const told = mild.events.once("unroutable")
    expect(await mild.publish("x", "y")).toBe(0)
    expect(await told).toMatchObject({ key: "x" })
  })

  it("hands out what waits, and waits until it is acknowledged, when it is closed", async () => {
    const exchange = new Exchange({ codec })
    await using consumer = new Consumer({ codec, prefetch: 2 })
    consumer.bindQueue("#")
    consumer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    await exchange.waitForQueues("x")
    for (let i = 0; i < 100; i++) await exchange.publish("x", `${i}`)
    const closing = exchange.close()
    await expect(exchange.publish("x", "late")).rejects.toThrow(ClosedError)
    expect(await values(consumer, 100)).toHaveLength(100)
    await closing
    expect(exchange.stats).toMatchObject({ acknowledged: 100, dropped: { closed: 0 } })
  })

  it("refuses what is over its limits, and says so", async () => {
    await using post = new Post({ maxBindingsPerConsumer: 2, maxBindings: 3, maxQueues: 2 })
    const one = await post.consumer(["a", "b"])
    const refusals: string[] = []
    one.events.on("refuse", ({ binding }) => refusals.push(binding))
    one.bindQueue("c")
    await until(() => refusals.length === 1, "the third is refused")
    const two = await post.consumer(["a"])
    two.events.on("refuse", ({ binding }) => refusals.push(binding))
    two.bindQueue("d")
    await until(() => refusals.length === 2, "the fourth of all is refused")
    const words = Array.from({ length: 40 }, () => "w").join(".")
    one.unbindQueue("b")
    one.bindQueue(words)
    await until(() => refusals.length === 3, "a long pattern is refused")
    expect(refusals).toEqual(["c", "d", words])
    const three = new Consumer({ codec, queue: "third" })
    const refused = three.events.once("refuse")
    three.bindQueue("a")
    three.connect(post.exchange.endpoints[0] as string)
    expect(await refused).toMatchObject({ binding: "third" })
    expect(post.exchange.stats).toMatchObject({ queues: 2, invalid: 0, refused: 4 })
    await three.close()
  })

  it("names options and arguments that it does not take", async () => {
    expect(() => new Exchange({ codec, type: "x-delayed" } as never)).toThrow(/"type" of an Exchange.*"fanout"/)
    expect(() => new Consumer({ codec, queue: "q".repeat(256) })).toThrow(/"queue"/)
    expect(() => new Consumer({ codec, prefetch: 0 })).toThrow(/"prefetch"/)
    await using exchange = new Exchange({ codec })
    await expect(exchange.publish("k".repeat(256), "")).rejects.toThrow(/routing key/)
    await using consumer = new Consumer({ codec })
    expect(() => consumer.bindQueue("k".repeat(256))).toThrow(/255/)
    await expect(consumer.consume("no function" as never)).rejects.toThrow(/function/)
  })
})
