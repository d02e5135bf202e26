// Sockets with the codecs of `brokerless/codec`: every class that takes one, over every transport; and what becomes of
// messages that do not decode.

import {
  type Codec,
  CodecError,
  Dealer,
  Fanout,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  Subscriber,
} from "brokerless"
import { json, msgpack, text, validated } from "brokerless/codec"
import { describe, expect, it } from "vitest"
import { z } from "zod"
import { link, take } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"
import { octetsOf } from "./values.ts"

interface Job {
  readonly id: number
  readonly tags: readonly string[]
}

const jobs = (id: number): Job => ({ id, tags: ["a", "é", "x".repeat(id % 300)] })
const schema = z.object({ id: z.number(), tags: z.array(z.string()) })

const CODECS: readonly (readonly [name: string, codec: Codec<unknown>, make: (id: number) => unknown])[] = [
  ["msgpack", msgpack(), jobs],
  ["json", json(), jobs],
  ["text", text() as unknown as Codec<unknown>, (id) => `text ${id} é ${"x".repeat(id % 300)}`],
  ["validated", validated(msgpack(), schema) as unknown as Codec<unknown>, jobs],
]

const CASES = TRANSPORTS.flatMap(({ name, any }) => CODECS.map((row) => [row[0], name, any, row[1], row[2]] as const))

describe.each(CASES)("%s over %s", (_codec, _transport, any, codec, make) => {
  it("carries thousands of values from Push to Pull, in order, none mixed up with another", async () => {
    await using push = new Push({ codec })
    await using pull = new Pull({ codec })
    await link(pull, push, any())
    const count = 3000
    const sending = (async () => {
      for (let id = 0; id < count; id++) await push.send(make(id))
    })()
    const received = await take(pull, count)
    await sending
    expect(received).toEqual(Array.from({ length: count }, (_, id) => make(id)))
  })

  it("serves every other class", async () => {
    await using fanout = new Fanout({ codec })
    await using one = new Pull({ codec })
    await using two = new Pull({ codec })
    await link(one, fanout, any())
    await link(two, fanout, any())
    await fanout.send(make(1))
    expect(await Promise.all([one.receive(), two.receive()])).toEqual([make(1), make(1)])

    for (const socket of [() => new Pair({ codec }), () => new Dealer({ codec })]) {
      await using here = socket()
      await using over = socket()
      await link(here, over, any())
      await here.send(make(2))
      expect(await over.receive()).toEqual(make(2))
    }

    await using publisher = new Publisher({ codec })
    await using subscriber = new Subscriber({ codec })
    subscriber.subscribe("topic")
    await link(publisher, subscriber, any())
    await publisher.waitForSubscribers("topic")
    await publisher.send(["topic/é", make(3)])
    expect(await subscriber.receive()).toEqual(["topic/é", make(3)])

    await using router = new Router({ codec })
    await using dealer = new Dealer({ codec, routingId: "dealer" })
    await link(router, dealer, any())
    await router.send(["dealer", make(4)])
    expect(await dealer.receive()).toEqual(make(4))
    await dealer.send(make(5))
    expect(await router.receive()).toEqual([Buffer.from("dealer"), make(5)])

    await using request = new Request({ codec })
    await using reply = new Reply({ codec })
    await link(reply, request, any())
    const service = reply.serve((question) => question)
    expect(await Promise.all([request.request(make(6)), request.request(make(7))])).toEqual([make(6), make(7)])
    await reply.close()
    await service
  })
})

describe.each(["inproc", "tcp"] as const)("over %s", (name) => {
  const { any } = transport(name)

  it.each([
    ["msgpack()", msgpack<Job>() as Codec<Job>, "d6 ff 00000000", /extension type -1/],
    ["msgpack(), truncated", msgpack<Job>(), "81 a2 6964", /ends in the middle/],
    ["json()", json<Job>(), "7b 7d 7d", /not JSON/],
    ["validated()", validated(msgpack(), schema) as Codec<Job>, "81 a2 6964 a1 37", /schema refused a value: id: /],
  ])("%s: what does not decode is counted and announced as message:invalid, and the next comes", async (...row) => {
    const [, codec, octets, reason] = row
    await using raw = new Push()
    await using pull = new Pull({ codec })
    await link(pull, raw, any())
    const announced = pull.events.once("message:invalid")
    await raw.send(octetsOf(octets))
    await raw.send(codec.encode({ id: 1, tags: [] }))
    expect(await pull.receive()).toEqual({ id: 1, tags: [] })
    const { error, count, peer } = await announced
    expect(error).toBeInstanceOf(CodecError)
    expect(error.message).toMatch(reason)
    expect(count).toBe(1)
    expect(peer).toBe(pull.peers[0])
    expect(pull.stats.invalid).toBe(1)
    expect(pull.stats.messagesReceived).toBe(2)
  })

  it("what does not encode rejects its send, and nothing is sent of it", async () => {
    const codec = validated(msgpack(), schema)
    await using push = new Push({ codec })
    await using pull = new Pull({ codec })
    await link(pull, push, any())
    await expect(push.send({ id: "1", tags: [] } as never)).rejects.toThrow(CodecError)
    await expect(push.send({ id: "1", tags: [] } as never)).rejects.toThrow(/could not encode .*schema refused.*id/)
    await push.send({ id: 1, tags: [] })
    expect(await pull.receive()).toEqual({ id: 1, tags: [] })
    expect(push.stats.messagesSent).toBe(1)
  })

  it("an answer that the schema refuses rejects its request", async () => {
    await using request = new Request({
      codec: { encode: text().encode, decode: validated(json(), z.number()).decode },
    })
    await using reply = new Reply()
    await link(reply, request, any())
    const answers = ["42", '"no number"']
    const service = reply.serve(() => answers.shift() ?? null)
    expect(await request.request("how many")).toBe(42)
    await expect(request.request("how many")).rejects.toThrow(CodecError)
    await reply.close()
    await service
  })

  it("what a schema transforms is what iteration gives", async () => {
    const codec = validated(json(), z.object({ at: z.iso.datetime().transform((at) => new Date(at)) }))
    await using push = new Push({ codec })
    await using pull = new Pull({ codec })
    await link(pull, push, any())
    await push.send({ at: "2026-11-27T10:00:00Z" })
    for await (const { at } of pull) {
      expect(at.getUTCFullYear()).toBe(2026)
      break
    }
  })

  it("octets in a value share no memory with those of another receiver", async () => {
    const codec = msgpack<{ octets: Uint8Array }>()
    await using fanout = new Fanout({ codec })
    await using one = new Pull({ codec })
    await using two = new Pull({ codec })
    await link(one, fanout, any())
    await link(two, fanout, any())
    await fanout.send({ octets: Buffer.from("octets") })
    const [first, second] = await Promise.all([one.receive(), two.receive()])
    first.octets.fill(0)
    expect(String(second.octets)).toBe("octets")
  })
})
