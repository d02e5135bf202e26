// What peers say that they should not, and a consumer that was written by hand from the README.

import { Dealer } from "brokerless"
import { json } from "brokerless/codec"
import { Consumer, Exchange } from "brokerless/patterns/exchange"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { Meeting } from "../../../test/support/meeting.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()
const SIGNATURE = Buffer.from("EXCHANGE1")
const JOIN = [SIGNATURE, Buffer.from([1]), Buffer.from([0, 0, 0, 5]), Buffer.from("mine")]

function tag(number: number): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(BigInt(number))
  return octets
}

/** Messages that are nearly, or not at all, of the protocol. */
const messages = fc.array(
  fc.tuple(
    fc.constantFrom(SIGNATURE, SIGNATURE, SIGNATURE, Buffer.from("EXCHANGE2"), Buffer.alloc(0)),
    fc.oneof(fc.nat(20), fc.nat(255)).map((kind) => Buffer.from([kind])),
    fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 20 }).map((octets) => Buffer.from(octets)),
        fc.constantFrom(Buffer.from("kh"), Buffer.from("k"), Buffer.from("h"), Buffer.from("#.a"), tag(1)),
        fc.constantFrom(
          Buffer.from('{"a":{"b":1}}'),
          Buffer.from([0xff, 0xfe]),
          Buffer.alloc(9000),
          Buffer.alloc(4, 1),
        ),
      ),
      { maxLength: 5 },
    ),
  ),
  { minLength: 1, maxLength: 4 },
)

describe("an exchange", () => {
  it("survives whatever consumers say, and serves the others", async () => {
    await using meeting = new Meeting()
    await using exchange = new Exchange({ codec })
    await using consumer = new Consumer({ codec })
    const endpoint = await exchange.bind("tcp://127.0.0.1:*")
    consumer.bindQueue("honest.#")
    consumer.connect(endpoint)
    await exchange.waitForQueues("honest")
    await fc.assert(
      fc.asyncProperty(messages, fc.boolean(), async (hostile, joins) => {
        const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
        dealer.connect(endpoint)
        await dealer.waitForPeers()
        if (joins) await dealer.send(JOIN)
        for (const [signature, kind, rest] of hostile) await dealer.send([signature, kind, ...rest])
        await dealer.close()
        expect(await exchange.publish("honest.x", "still here")).toBeGreaterThanOrEqual(1)
        expect((await consumer.receive()).value).toBe("still here")
      }),
      { numRuns: 100 },
    )
  })

  it("disconnects who acknowledges what it was not sent", async () => {
    await using meeting = new Meeting()
    await using exchange = new Exchange({ codec })
    const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
    dealer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    const invalid = exchange.events.once("invalid")
    await dealer.send(JOIN)
    await dealer.send([SIGNATURE, Buffer.from([4]), tag(1)])
    await invalid
    await until(() => exchange.stats.consumers === 0, "it is gone")
    expect(exchange.stats).toMatchObject({ invalid: 1 })
    expect(exchange.peers).toEqual([])
  })

  it("sends nobody more than maxPrefetch ahead", async () => {
    await using meeting = new Meeting()
    await using exchange = new Exchange({ codec, maxPrefetch: 10, overflow: "drop", maxQueued: 10 })
    const dealer = meeting.ours(new Dealer())
    dealer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    await dealer.send([SIGNATURE, Buffer.from([1]), Buffer.from([0, 0, 0xff, 0xff]), "greedy"])
    await dealer.send([SIGNATURE, Buffer.from([2]), "k", "#"])
    await exchange.waitForQueues("x")
    for (let i = 0; i < 30; i++) await exchange.publish("x", `${i}`)
    expect(exchange.stats).toMatchObject({ unacknowledged: 10, waiting: 10, dropped: { overflow: 10 } })
    await exchange.close({ timeout: 0 })
  })
})

describe("a consumer", () => {
  it("survives whatever exchanges say, and takes from the others", async () => {
    await using meeting = new Meeting()
    await using exchange = new Exchange({ codec })
    await using consumer = new Consumer({ codec, prefetch: 4 })
    consumer.bindQueue("#")
    const endpoint = await consumer.bind("tcp://127.0.0.1:*")
    exchange.connect(endpoint)
    await exchange.waitForQueues("x")
    await fc.assert(
      fc.asyncProperty(messages, async (hostile) => {
        const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
        dealer.connect(endpoint)
        await dealer.waitForPeers()
        for (const [signature, kind, rest] of hostile) await dealer.send([signature, kind, ...rest])
        await dealer.close()
        await exchange.publish("x", "still here")
        let value = ""
        while (value !== "still here") ({ value } = await consumer.receive())
        expect(value).toBe("still here")
      }),
      { numRuns: 100 },
    )
  })

  it("disconnects an exchange that sends more than it was allowed", async () => {
    await using meeting = new Meeting()
    await using consumer = new Consumer({ codec, prefetch: 2, acknowledge: "manual" })
    const dealer = meeting.ours(new Dealer({ reconnectInterval: -1 }))
    dealer.connect(await consumer.bind("tcp://127.0.0.1:*"))
    const invalid = consumer.events.once("invalid")
    for (let i = 0; i < 3; i++) {
      await dealer.send([SIGNATURE, Buffer.from([17]), tag(i), Buffer.alloc(1), "key", "", '"x"'])
    }
    await invalid
    expect(consumer.stats).toMatchObject({ received: 2, invalid: 1 })
  })
})

describe("a peer written by hand, with a socket of theirs", () => {
  it("consumes as the README says", async () => {
    await using meeting = new Meeting()
    await using exchange = new Exchange({ codec })
    const dealer = meeting.theirs(new zmq.Dealer())
    dealer.connect(await exchange.bind("tcp://127.0.0.1:*"))
    await dealer.send(JOIN)
    await dealer.send([SIGNATURE, Buffer.from([2]), "k", "a.#"])
    await exchange.waitForQueues("a.b")
    await exchange.publish("a.b", "hello", { headers: { n: 1 } })
    const [signature, kind, first, deliveries, key, headers, body] = (await dealer.receive()) as Buffer[]
    expect([String(signature), kind, deliveries]).toEqual(["EXCHANGE1", Buffer.from([17]), Buffer.from([0])])
    expect([key, headers, body].map(String)).toEqual(["a.b", '{"n":1}', '"hello"'])
    await dealer.send([SIGNATURE, Buffer.from([5]), Buffer.from([1]), first!])
    const again = (await dealer.receive()) as Buffer[]
    expect(again[3]).toEqual(Buffer.from([1]))
    await dealer.send([SIGNATURE, Buffer.from([4]), again[2]!])
    await until(() => exchange.stats.acknowledged === 1, "it is acknowledged")
    expect(exchange.stats).toMatchObject({ delivered: 2, redelivered: 1, unacknowledged: 0 })
    await dealer.send([SIGNATURE, Buffer.from([2]), "h", '{"a":1}'])
    expect((await dealer.receive()).map(String).slice(2)).toEqual(['{"a":1}', "this exchange takes bindings by key"])
  })
})
