// Sockets of values: a codec on every class that takes one, and what becomes of what does not encode or decode.

import {
  CodecError,
  Dealer,
  Fanout,
  MessageError,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { json } from "../support/json.ts"
import { link, receiveText, text, turns } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"

interface Job {
  readonly id: number
  readonly tags: readonly string[]
}

const JOB: Job = { id: 7, tags: ["a", "é"] }
const codec = json<Job>()
const { any } = transport("inproc")

describe.each(TRANSPORTS)("values over $name", ({ any: some }) => {
  it("Push and Pull", async () => {
    await using push = new Push({ codec })
    await using pull = new Pull({ codec })
    await link(pull, push, some())
    await push.send(JOB)
    const job = await pull.receive()
    expect(job).toEqual(JOB)
    expect(job).not.toBe(JOB)
  })

  it("Fanout gives everybody a value of his own", async () => {
    await using fanout = new Fanout({ codec })
    await using one = new Pull({ codec })
    await using two = new Pull({ codec })
    await link(one, fanout, some())
    await link(two, fanout, some())
    await fanout.send(JOB)
    const [first, second] = await Promise.all([one.receive(), two.receive()])
    expect([first, second]).toEqual([JOB, JOB])
    expect(first).not.toBe(second)
  })

  it("Pair, and Dealer with Dealer, both ways", async () => {
    for (const make of [() => new Pair({ codec }), () => new Dealer({ codec })]) {
      await using one = make()
      await using two = make()
      await link(one, two, some())
      await one.send(JOB)
      const job = await two.receive()
      await two.send({ ...job, id: job.id + 1 })
      expect(await one.receive()).toEqual({ ...JOB, id: 8 })
    }
  })

  it("Request and Reply, in lock step, by request() and by serve()", async () => {
    await using request = new Request({ codec })
    await using reply = new Reply({ codec })
    await link(reply, request, some())
    await request.send(JOB)
    expect(await reply.receive()).toEqual(JOB)
    await reply.send({ ...JOB, id: 8 })
    expect(await request.receive()).toEqual({ ...JOB, id: 8 })
    const service = reply.serve((job) => ({ ...job, id: job.id * 2 }))
    expect(await request.request(JOB)).toEqual({ ...JOB, id: 14 })
    await reply.close()
    await service
  })

  it("Publisher and Subscriber: [topic, value]", async () => {
    await using publisher = new Publisher({ codec })
    await using subscriber = new Subscriber({ codec })
    subscriber.subscribe("jobs.")
    await link(publisher, subscriber, some())
    await publisher.waitForSubscribers("jobs.")
    await publisher.send(["news.", JOB])
    await publisher.send(["jobs.é", JOB])
    expect(await subscriber.receive()).toEqual(["jobs.é", JOB])
  })

  it("Router: [routingId, value]", async () => {
    await using router = new Router({ codec })
    await using dealer = new Dealer({ codec, routingId: "D" })
    await link(router, dealer, some())
    await dealer.send(JOB)
    const [routingId, job] = await router.receive()
    expect([String(routingId), job]).toEqual(["D", JOB])
    await router.send([routingId, { ...job, id: 8 }])
    expect(await dealer.receive()).toEqual({ ...JOB, id: 8 })
  })

  it("a value travels as one frame that any other socket can read", async () => {
    await using push = new Push({ codec })
    await using pull = new Pull()
    await link(pull, push, some())
    await push.send(JOB)
    expect(await receiveText(pull)).toEqual([JSON.stringify(JOB)])
  })

  it("what does not decode is not delivered, but counted and announced", async () => {
    await using push = new Push()
    await using pull = new Pull({ codec })
    await link(pull, push, some())
    const told = pull.events.once("message:invalid")
    await push.send("{")
    await push.send(["{}", "{}"])
    await push.send(JSON.stringify(JOB))
    expect(await pull.receive()).toEqual(JOB)
    expect(await told).toMatchObject({ error: expect.any(CodecError), peer: pull.peers[0] })
    expect(pull.stats.invalid).toBe(2)
    expect(pull.peers[0]?.stats.invalid).toBe(2)
  })
})

describe("values", () => {
  it("differ by direction, if the codec says so", async () => {
    const stamped = {
      encode: (value: number) => String(value),
      decode: (frame: Buffer) => ({ value: Number(frame) }),
    }
    await using push = new Push({ codec: stamped })
    await using pull = new Pull({ codec: stamped })
    await link(pull, push, any())
    await push.send(5)
    expect(await pull.receive()).toEqual({ value: 5 })
  })

  it("undefined and null are values, where the codec has words for them", async () => {
    const loose = {
      encode: (value: unknown) => (value === undefined ? "" : JSON.stringify(value)),
      decode: (frame: Buffer): unknown => (frame.length === 0 ? undefined : JSON.parse(frame.toString())),
    }
    await using push = new Push({ codec: loose })
    await using pull = new Pull({ codec: loose })
    await link(pull, push, any())
    await push.send(null)
    await push.send(undefined)
    await push.send([1, 2])
    expect([await pull.receive(), await pull.receive(), await pull.receive()]).toEqual([null, undefined, [1, 2]])
  })

  it("that cannot be encoded reject the send, and nothing is sent", async () => {
    await using push = new Push({ codec: json<unknown>() })
    await using pull = new Pull()
    await link(pull, push, any())
    const loop: { self?: unknown } = {}
    loop.self = loop
    await expect(push.send(loop)).rejects.toMatchObject({
      name: "CodecError",
      code: "EBADMSG",
      cause: expect.any(Error),
    })
    expect(() => push.trySend(() => {})).toThrow(CodecError)
    await turns()
    expect(pull.tryReceive()).toBeUndefined()
    expect(push.stats.messagesSent).toBe(0)
  })

  it("a codec that returns no frame rejects the send", async () => {
    await using push = new Push({ codec: { encode: (_: number) => 5 as never, decode: () => 5 } })
    await expect(push.send(5)).rejects.toBeInstanceOf(CodecError)
  })

  it.each([["topic"], [["topic"]], [["topic", JOB, 1]], [[5, JOB]]])("Publisher refuses %o", async (message) => {
    await using publisher = new Publisher({ codec })
    await expect(publisher.send(message as never)).rejects.toBeInstanceOf(MessageError)
    expect(publisher.stats.dropped["no-peer"]).toBe(0)
  })

  it.each([["id"], [["id"]], [["id", JOB, 1]], [[5, JOB]]])("Router refuses %o", async (message) => {
    await using router = new Router({ codec })
    await expect(router.send(message as never)).rejects.toBeInstanceOf(MessageError)
  })

  it("a topic that is not UTF-8 is not delivered, but counted and announced", async () => {
    await using publisher = new Publisher()
    await using subscriber = new Subscriber({ codec })
    subscriber.subscribe()
    await link(publisher, subscriber, any())
    await publisher.waitForSubscribers("")
    const told = subscriber.events.once("message:invalid")
    await publisher.send([Buffer.of(0xff, 0xfe), JSON.stringify(JOB)])
    await publisher.send(["no value"])
    await publisher.send(["good", JSON.stringify(JOB)])
    expect(await subscriber.receive()).toEqual(["good", JOB])
    expect((await told).error).toBeInstanceOf(CodecError)
    expect(subscriber.stats.invalid).toBe(2)
  })

  it("a request in lock step whose answer does not decode is told, and the next can be asked", async () => {
    await using request = new Request({ codec })
    await using router = new Router()
    await link(router, request, any())
    await request.send(JOB)
    const asked = await router.receive()
    await router.send([...asked.slice(0, -1), "{"])
    await expect(request.receive()).rejects.toBeInstanceOf(CodecError)
    expect(request.stats.invalid).toBe(1)
    await request.send(JOB)
    await router.send(await router.receive())
    expect(await request.receive()).toEqual(JOB)
  })

  it("a request in lock step that does not decode leaves REP ready", async () => {
    await using reply = new Reply({ codec })
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    await dealer.send(["", "{"])
    await dealer.send(["", JSON.stringify(JOB)])
    expect(await reply.receive()).toEqual(JOB)
    await reply.send(JOB)
    expect(text(await dealer.receive())).toEqual(["", JSON.stringify(JOB)])
    expect(reply.stats.invalid).toBe(1)
  })

  it("over inproc no two sockets share a value, nor a sender with itself", async () => {
    const shared = { id: 1, tags: ["x"] }
    await using push = new Push({ codec: json<typeof shared>() })
    await using pull = new Pull({ codec: json<typeof shared>() })
    await link(pull, push, any())
    await push.send(shared)
    shared.tags.push("changed afterwards")
    const received = await pull.receive()
    expect(received).toEqual({ id: 1, tags: ["x"] })
    received.id = 5
    expect(shared.id).toBe(1)
  })

  it("are what iteration, receiveMany, receiveFrom, streams and trySend speak of", async () => {
    await using push = new Push({ codec })
    await using pull = new Pull({ codec })
    await link(pull, push, any())
    const writer = push.toWritableStream().getWriter()
    for (let id = 0; id < 4; id++) await writer.write({ id, tags: [] })
    expect(push.trySend({ id: 4, tags: [] })).toBe(true)
    expect(pull.tryReceive()).toEqual({ id: 0, tags: [] })
    expect((await pull.receiveFrom()).message).toEqual({ id: 1, tags: [] })
    expect(await pull.receiveMany(1)).toEqual([{ id: 2, tags: [] }])
    for await (const { id } of pull) {
      expect(id).toBe(3)
      break
    }
    const reader = pull.toReadableStream().getReader()
    expect((await reader.read()).value).toEqual({ id: 4, tags: [] })
    await reader.cancel()
  })

  it("XPublisher and XSubscriber take no codec", () => {
    expect(() => new XPublisher({ codec } as never)).toThrow(expect.objectContaining({ name: "OptionError" }))
    expect(() => new XSubscriber({ codec } as never)).toThrow(expect.objectContaining({ name: "OptionError" }))
  })
})
