// What every socket that sends promises: when send waits and when it does not, in order, and giving up.

import {
  AbortError,
  ClosedError,
  type CommonOptions,
  Dealer,
  Fanout,
  MessageError,
  OptionError,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type SendOptions,
  type Socket,
  Subscriber,
  TimeoutError,
  UnreachableError,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { fill, join, link, receiveText, type Sender, take, takeText, text, turns, waits } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"

const { any, named } = transport("inproc")
const SMALL = { sendHighWaterMark: 2, linger: 0 } as const

/** Those whose send waits while nobody is connected, and somebody for each to talk to. */
const WAITING: readonly [name: string, make: (options: SendOptions & CommonOptions) => Sender, peer: () => Socket][] = [
  ["Push", (options) => new Push(options), () => new Pull({ receiveHighWaterMark: 1 })],
  ["Dealer", (options) => new Dealer(options), () => new Dealer({ receiveHighWaterMark: 1 })],
  ["Request", (options) => new Request(options), () => new Reply({ receiveHighWaterMark: 1 })],
  ["Pair", (options) => new Pair(options), () => new Pair({ receiveHighWaterMark: 1 })],
]

describe.each(TRANSPORTS)("with nobody connected, over $name,", ({ any: some, named: name }) => {
  it.each(WAITING)("%s waits", async (_name, make, makePeer) => {
    await using socket = make({})
    const endpoint = await socket.bind(some())
    expect(socket.writable).toBe(false)
    const waiting = socket.send("x")
    expect(await waits(waiting)).toBe(true)
    await using peer = makePeer()
    peer.connect(endpoint)
    await waiting
    while (!peer.readable) await turns(1)
    expect(peer.stats.messagesReceived).toBe(1)
  })

  it.each(WAITING)("%s queues for a connected endpoint, unless immediate", async (kind, make) => {
    const endpoint = await name()
    await using eager = make({ linger: 0 })
    eager.connect(endpoint)
    expect(eager.writable).toBe(true)
    await eager.send("x", { timeout: 0 })
    expect(eager.stats.queuedMessages).toBe(1)
    await using patient = make({ linger: 0, immediate: true })
    patient.connect(endpoint)
    expect(patient.writable).toBe(false)
    await expect(patient.send("x", { timeout: 0 })).rejects.toBeInstanceOf(TimeoutError)
    expect(kind).toBe(eager.constructor.name)
  })

  it("Fanout waits for the first peer", async () => {
    await using fanout = new Fanout()
    fanout.connect(await name())
    await expect(fanout.send("x", { timeout: 0 })).rejects.toBeInstanceOf(TimeoutError)
    expect(fanout.stats.queuedMessages).toBe(0)
  })

  it.each([
    ["Publisher", (): Sender => new Publisher()],
    ["Publisher that waits when subscribers are full", (): Sender => new Publisher({ overflow: "wait" })],
    ["XPublisher", (): Sender => new XPublisher()],
    ["XSubscriber", (): Sender => new XSubscriber()],
  ])("%s discards, and counts", async (_name, make) => {
    await using socket = make()
    await socket.bind(some())
    expect(socket.writable).toBe(true)
    for (let i = 0; i < 3; i++) await socket.send("x", { timeout: 0 })
    expect(socket.stats.dropped["no-peer"]).toBe(3)
  })
})

describe("with every eligible peer at its mark,", () => {
  it.each(WAITING.filter(([name]) => name !== "Request"))("%s waits", async (_name, make, makePeer) => {
    await using socket = make(SMALL)
    await using peer = makePeer()
    await link(socket, peer, any())
    await fill(socket, "x")
    expect(socket.writable).toBe(false)
    const waiting = socket.send("y")
    expect(await waits(waiting)).toBe(true)
    expect(await takeText(peer as Pull, 4)).toEqual(["x", "x", "x", "y"])
    await waiting
  })

  it("Request waits, with requests that are unanswered", async () => {
    await using request = new Request(SMALL)
    await using router = new Router()
    await link(router, request, any())
    const asked = [request.request("1"), request.request("2"), request.request("3")]
    const asking = await take(router, 2)
    await turns()
    expect(router.tryReceive()).toBeUndefined()
    await router.send(asking[0] as Buffer[])
    asking.push(...(await take(router, 1)))
    for (const message of asking.slice(1)) await router.send(message)
    expect((await Promise.all(asked)).map(text)).toEqual([["1"], ["2"], ["3"]])
  })

  it("Reply waits up to sendTimeout", async () => {
    await using reply = new Reply({ sendHighWaterMark: 1, sendTimeout: 5 })
    await using dealer = new Dealer({ receiveHighWaterMark: 1 })
    await link(reply, dealer, any())
    // One fits into each of the queues; for the third there is no room.
    for (let i = 0; i < 2; i++) {
      await dealer.send(["", "question"])
      await reply.receive()
      await reply.send(`${i}`)
    }
    await dealer.send(["", "question"])
    await reply.receive()
    await expect(reply.send("2")).rejects.toBeInstanceOf(TimeoutError)
    // The answer is still owed.
    const waiting = reply.send("2", { timeout: -1 })
    expect(await waits(waiting)).toBe(true)
    expect(await takeText(dealer, 3)).toEqual(["|0", "|1", "|2"])
    await waiting
    expect(reply.stats.dropped["high-water-mark"]).toBe(0)
  })

  it("Reply whose asker has gone discards, and counts", async () => {
    await using reply = new Reply({ sendHighWaterMark: 1 })
    await using dealer = new Dealer({ receiveHighWaterMark: 1 })
    await link(reply, dealer, any())
    for (let i = 0; i < 3; i++) {
      await dealer.send(["", "question"])
      await reply.receive()
      if (i < 2) await reply.send(`${i}`)
    }
    const waiting = reply.send("2")
    expect(await waits(waiting)).toBe(true)
    await dealer.close()
    await waiting
    expect(reply.stats.dropped.unroutable).toBe(1)
    expect(reply.stats.dropped["peer-left"]).toBe(1)
  })

  it("Router discards, and counts; mandatory, it waits up to sendTimeout", async () => {
    await using router = new Router({ ...SMALL })
    await using strict = new Router({ ...SMALL, mandatory: true, sendTimeout: 5 })
    for (const socket of [router, strict]) {
      await using dealer = new Dealer({ routingId: "D", receiveHighWaterMark: 1 })
      await link(socket, dealer, any())
      for (let i = 0; i < 3; i++) await socket.send(["D", "x"])
      if (socket === router) {
        await socket.send(["D", "x"])
        expect(socket.stats.dropped["high-water-mark"]).toBe(1)
      } else {
        await expect(socket.send(["D", "x"])).rejects.toBeInstanceOf(TimeoutError)
        expect(socket.trySend(["D", "x"])).toBe(false)
        await expect(socket.send(["E", "x"])).rejects.toBeInstanceOf(UnreachableError)
      }
    }
  })

  it("XSubscriber discards, and counts", async () => {
    await using xsubscriber = new XSubscriber(SMALL)
    await using xpublisher = new XPublisher({ receiveHighWaterMark: 1 })
    await link(xpublisher, xsubscriber, any())
    for (let i = 0; i < 10; i++) await xsubscriber.send("x", { timeout: 0 })
    expect(xsubscriber.stats.dropped["high-water-mark"]).toBe(7)
  })

  it('Publisher does what overflow says: "drop" does not wait, "wait" does', async () => {
    for (const overflow of ["drop", "wait"] as const) {
      await using publisher = new Publisher({ ...SMALL, overflow })
      await using subscriber = new Subscriber({ receiveHighWaterMark: 1 })
      subscriber.subscribe()
      await link(publisher, subscriber, any())
      await publisher.waitForSubscribers("")
      for (let i = 0; i < 3; i++) await publisher.send(`${i}`)
      const fourth = publisher.send("3")
      expect(await waits(fourth)).toBe(overflow === "wait")
      expect(publisher.stats.dropped["high-water-mark"]).toBe(overflow === "wait" ? 0 : 1)
      await take(subscriber, 3)
      await fourth
    }
  })
})

describe("several sends", () => {
  it.each(TRANSPORTS)("may wait, any number of them, and go in order, over $name", async ({ any: some }) => {
    await using push = new Push({ sendHighWaterMark: 1 })
    const endpoint = await push.bind(some())
    const settled: number[] = []
    const sends = Array.from({ length: 200 }, (_, i) => push.send(`${i}`).then(() => settled.push(i)))
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    pull.connect(endpoint)
    expect(await takeText(pull, 200)).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`))
    await Promise.all(sends)
    expect(settled).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  it("whoever comes later waits behind those who wait", async () => {
    await using push = new Push(SMALL)
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await link(pull, push, any())
    await fill(push, "filler")
    const first = push.send("first")
    await pull.receive()
    const second = push.send("second")
    expect(push.trySend("pushy")).toBe(false)
    const got = await takeText(pull, 4)
    await Promise.all([first, second])
    expect(got.slice(-2)).toEqual(["first", "second"])
  })

  it("who gives up was not sent, and is passed over", async () => {
    await using push = new Push(SMALL)
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await link(pull, push, any())
    await fill(push, "filler")
    const aborter = new AbortController()
    const refused = [
      expect(push.send("aborted", { signal: aborter.signal })).rejects.toMatchObject({ cause: "why" }),
      expect(push.send("too late", { timeout: 1 })).rejects.toBeInstanceOf(TimeoutError),
    ]
    const sent = push.send("patient")
    aborter.abort("why")
    await Promise.all(refused)
    expect(await takeText(pull, 4)).toEqual(["filler", "filler", "filler", "patient"])
    await sent
    await turns()
    expect(pull.tryReceive()).toBeUndefined()
  })
})

describe("send", () => {
  it("is refused when its signal has been aborted already", async () => {
    await using push = new Push()
    await using pull = new Pull()
    await link(pull, push, any())
    await expect(push.send("x", { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError)
    await push.send("y")
    expect(await receiveText(pull)).toEqual(["y"])
  })

  it("with timeout 0 fails at once, or goes at once", async () => {
    await using push = new Push()
    await push.bind(any())
    await expect(push.send("x", { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    await using pull = new Pull()
    await link(push, pull, any())
    await push.send("y", { timeout: 0 })
    expect(await receiveText(pull)).toEqual(["y"])
  })

  it("ends with the socket, and is refused afterwards", async () => {
    const push = new Push()
    await push.bind(any())
    const waiting = expect(push.send("x")).rejects.toMatchObject({ name: "ClosedError", code: "EBADF" })
    await push.close()
    await waiting
    await expect(push.send("x")).rejects.toBeInstanceOf(ClosedError)
    expect(() => push.trySend("x")).toThrow(ClosedError)
    expect(push.writable).toBe(false)
  })

  it.each([
    ["undefined", undefined],
    ["a number", 1],
    ["an object", {}],
    ["an empty list", []],
    ["a list with a hole", [undefined]],
    ["a list in a list", [["x"]]],
    ["true", true],
  ])("refuses %s, and nothing is sent", async (_name, message) => {
    await using push = new Push()
    await using pull = new Pull()
    await link(pull, push, any())
    await expect(push.send(message as never)).rejects.toMatchObject({ name: "MessageError", code: "EINVAL" })
    expect(() => push.trySend(message as never)).toThrow(MessageError)
    expect(push.stats.messagesSent).toBe(0)
  })

  it.each([{ timeout: -2 }, { timeout: "1" }, { signal: 1 }, 1])("refuses the options %o", async (options) => {
    await using push = new Push()
    push.connect(await named())
    await expect(push.send("x", options as never)).rejects.toBeInstanceOf(OptionError)
    expect(push.stats.queuedMessages).toBe(0)
  })

  it.each(TRANSPORTS)("takes every kind of memory, over $name", async ({ any: some }) => {
    await using push = new Push()
    await using pull = new Pull()
    await link(pull, push, some())
    const bytes = Uint8Array.of(9, 1, 2, 3, 9)
    const shared = new SharedArrayBuffer(2)
    const kinds = [
      "é",
      null,
      Buffer.of(1),
      bytes.subarray(1, 4),
      new DataView(bytes.buffer, 1, 3),
      Uint16Array.of(0x0201),
      bytes.buffer.slice(1, 4),
      shared,
    ]
    await push.send(kinds)
    expect((await pull.receive()).map((frame) => frame.toString("hex"))).toEqual([
      "c3a9",
      "",
      "01",
      "010203",
      "010203",
      "0102",
      "010203",
      "0000",
    ])
  })

  it("inproc hands over the memory itself", async () => {
    await using push = new Push()
    await using pull = new Pull()
    await link(pull, push, any())
    const frame = Buffer.from("by reference")
    await push.send(frame)
    expect((await pull.receive())[0]).toBe(frame)
  })

  it.each(TRANSPORTS)("drops and counts a message whose memory was taken while it waited, over $name", async (over) => {
    const endpoint = await over.named()
    await using push = new Push({ reconnectInterval: 1 })
    push.connect(endpoint)
    const lost = new Uint8Array(1000)
    await push.send("before")
    await push.send(["with", lost])
    await push.send("after")
    structuredClone(lost, { transfer: [lost.buffer] })
    await using pull = new Pull()
    await pull.bind(endpoint)
    expect(await takeText(pull, 2)).toEqual(["before", "after"])
    expect(push.stats.dropped.detached).toBe(1)
  })

  it("lets timers and I/O have their turn however much is sent", async () => {
    await using push = new Push({ sendHighWaterMark: 0, sendHighWaterMarkBytes: 0, maxBufferedBytes: 0, linger: 0 })
    push.connect(await named())
    let sent = 0
    let atTimer = 0
    setTimeout(() => {
      atTimer = sent
    }, 0)
    for (; sent < 200_000; sent++) await push.send("x")
    expect(atTimer).toBeGreaterThan(0)
    expect(atTimer).toBeLessThan(200_000)
  })
})

describe("trySend and writable", () => {
  it("tell whether there is room now", async () => {
    await using push = new Push(SMALL)
    expect([push.writable, push.trySend("x")]).toEqual([false, false])
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await link(pull, push, any())
    expect(push.writable).toBe(true)
    expect([push.trySend("1"), push.trySend("2"), push.trySend("3")]).toEqual([true, true, true])
    expect([push.writable, push.trySend("4")]).toEqual([false, false])
    await pull.receive()
    expect(push.writable).toBe(true)
  })
})

describe("toWritableStream", () => {
  it("sends what is written, with back-pressure; closing it leaves the socket open", async () => {
    await using push = new Push({ sendHighWaterMark: 1 })
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await link(pull, push, any())
    const writer = push.toWritableStream().getWriter()
    const writes = Array.from({ length: 10 }, (_, i) => writer.write(`${i}`))
    await turns()
    expect(push.stats.messagesSent + push.stats.queuedMessages).toBe(2)
    expect(writer.desiredSize).toBeLessThanOrEqual(0)
    expect(await takeText(pull, 10)).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`))
    await Promise.all(writes)
    await writer.close()
    expect(push.closed).toBe(false)
    await push.send("after")
    expect(await receiveText(pull)).toEqual(["after"])
  })

  it("aborted while it waits, it sends nothing more", async () => {
    await using push = new Push()
    const endpoint = await push.bind(any())
    const writer = push.toWritableStream().getWriter()
    const write = expect(writer.write("never")).rejects.toBeDefined()
    await turns()
    await writer.abort(new Error("enough"))
    await write
    await using pull = new Pull()
    await join(pull, endpoint, push)
    await push.send("only this")
    expect(await receiveText(pull)).toEqual(["only this"])
  })

  it("fails when the socket is closed", async () => {
    const push = new Push()
    const writer = push.toWritableStream().getWriter()
    writer.closed.catch(() => {})
    await push.close()
    await expect(writer.write("x")).rejects.toBeInstanceOf(ClosedError)
  })
})
