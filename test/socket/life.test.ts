// A socket's life: its peers and its counters while it is open, draining, closing, and what keeps the process alive.

import {
  AbortError,
  ClosedError,
  Dealer,
  type Event,
  OptionError,
  Pair,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  TimeoutError,
} from "brokerless"
import { describe, expect, it, vi } from "vitest"
import { fill, join, link, receiveText, take, takeText, text, turns, untilPeers, waits } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const
const { any, named } = transport("inproc")

const droppedBy = (socket: Socket) => Object.values(socket.stats.dropped).reduce((sum, count) => sum + count)

describe.each(TRANSPORTS)("over $name", ({ any: some, named: name }) => {
  it("stats add up: sent = received + dropped + queued", async () => {
    await using push = new Push({ sendHighWaterMark: 10, linger: 0 })
    const endpoint = await push.bind(some())
    const pulls = [new Pull({ receiveHighWaterMark: 5 }), new Pull({ receiveHighWaterMark: 5 })]
    for (const pull of pulls) await join(pull, endpoint, push)
    const body = Buffer.alloc(300_000)
    const accepted = await fill(push, body)
    // What is in the hands of a write that has not ended is neither queued nor sent yet: at most one write per peer.
    const inFlight = accepted - push.stats.messagesSent - push.stats.queuedMessages
    expect(inFlight).toBeGreaterThanOrEqual(0)
    expect(inFlight).toBeLessThanOrEqual(2)
    expect(push.stats.queuedMessages).toBe(20)
    expect(push.stats.queuedBytes).toBe(20 * (body.length + 64))
    // The system tells of room only when there is much of it, so reading goes on until one more message is taken.
    const read = pulls.map(() => 0)
    let room = false
    const sent = push.send(body).then(() => {
      room = true
    })
    while (!room) {
      for (const [which, pull] of pulls.entries())
        if (pull.tryReceive() !== undefined) read[which] = (read[which] ?? 0) + 1
      await turns(1)
    }
    await sent
    const more = 1 + (await fill(push, body))
    const { messagesSent, queuedMessages, bytesSent } = push.stats
    expect(bytesSent).toBe(messagesSent * body.length)
    const perPeer = push.peers.map((peer) => peer.stats.messagesSent)
    expect(perPeer.reduce((sum, count) => sum + count)).toBe(messagesSent)
    expect(queuedMessages).toBe(push.peers.reduce((sum, peer) => sum + peer.stats.queuedMessages, 0))
    // What was not read is told at the end.
    for (const [which, pull] of pulls.entries()) {
      expect(pull.stats.messagesReceived).toBe((read[which] ?? 0) + pull.stats.queuedMessages)
      await pull.close()
      expect(pull.stats.messagesReceived).toBe((read[which] ?? 0) + pull.stats.dropped.unread)
      expect(pull.stats.queuedMessages).toBe(0)
    }
    await untilPeers(push, 0)
    expect(push.stats.messagesSent + push.stats.queuedMessages + droppedBy(push)).toBe(accepted + more)
    await push.close()
    expect(push.stats.messagesSent + droppedBy(push)).toBe(accepted + more)
    expect(push.stats.queuedMessages).toBe(0)
    expect(push.stats.queuedBytes).toBe(0)
  })

  it("what a peer sent before it left can be read, and is counted until it is", async () => {
    const pull = new Pull()
    await using push = new Push()
    await link(pull, push, some())
    for (let i = 0; i < 5; i++) await push.send(`${i}`)
    await push.close()
    await untilPeers(pull, 0)
    expect(pull.stats.queuedMessages).toBe(5)
    expect(await takeText(pull, 2)).toEqual(["0", "1"])
    expect(pull.stats.queuedMessages).toBe(3)
    await pull.close()
    expect(pull.stats.dropped.unread).toBe(3)
    expect(pull.stats).toMatchObject({ queuedMessages: 0, queuedBytes: 0 })
  })

  it("drain hands out what is there, takes nothing new, ends the iterators, then closes", async () => {
    await using push = new Push({ ...QUICK, linger: 0 })
    const pull = new Pull()
    const endpoint = await link(pull, push, some())
    for (let i = 0; i < 10; i++) await push.send(`${i}`)
    while (pull.stats.messagesReceived < 10) await turns(1)
    const drained = pull.drain()
    expect(await waits(drained)).toBe(true)
    await push.send("too late")
    await using newcomer = new Push({ ...QUICK, linger: 0 })
    newcomer.connect(endpoint)
    const got: string[] = []
    for await (const message of pull) got.push(...text(message))
    await drained
    expect(got).toEqual(Array.from({ length: 10 }, (_, i) => `${i}`))
    expect(pull.closed).toBe(true)
    expect(pull.peers).toEqual([])
    expect(newcomer.peers).toEqual([])
  })

  it("drain ends with the last message, though nobody asks for another", async () => {
    const push = new Push()
    const pull = new Pull()
    await link(pull, push, some())
    for (let i = 0; i < 3; i++) await push.send(`${i}`)
    while (pull.stats.messagesReceived < 3) await turns(1)
    const drained = pull.drain()
    expect([await receiveText(pull), await receiveText(pull)]).toEqual([["0"], ["1"]])
    expect(await waits(drained)).toBe(true)
    expect(await receiveText(pull)).toEqual(["2"])
    await drained
    await push.close({ linger: 0 })
  })

  it("drain of a socket that only sends is a close", async () => {
    await using pull = new Pull()
    const push = new Push()
    await link(pull, push, some())
    for (let i = 0; i < 100; i++) await push.send(`${i}`)
    await push.drain()
    expect(push.closed).toBe(true)
    expect(await takeText(pull, 100)).toHaveLength(100)
  })

  it("await using closes: what was accepted arrives, and the address is free", async () => {
    const endpoint = await name()
    await using pull = new Pull()
    {
      await using push = new Push()
      await push.bind(endpoint)
      pull.connect(endpoint)
      await push.send("on the way out")
    }
    expect(await receiveText(pull)).toEqual(["on the way out"])
    await using other = new Push()
    expect(await other.bind(endpoint)).toBe(endpoint)
  })

  it("peer.disconnect() expels that peer alone", async () => {
    await using router = new Router()
    const endpoint = await router.bind(some())
    await using one = new Dealer({ routingId: "1", reconnectInterval: -1 })
    await using two = new Dealer({ routingId: "2" })
    await join(one, endpoint, router)
    await join(two, endpoint, router)
    const left = one.events.once("peer:leave")
    router.peers.find((peer) => String(peer.routingId) === "1")?.disconnect()
    await left
    expect(router.peers.map((peer) => String(peer.routingId))).toEqual(["2"])
    await router.send(["2", "still here"])
    expect(await receiveText(two)).toEqual(["still here"])
  })

  it("peer:slow comes when a queue reaches its mark, and again only after it was cleared at half", async () => {
    await using push = new Push({ sendHighWaterMark: 4, linger: 0 })
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await link(pull, push, some())
    let slow = 0
    push.events.on("peer:slow", ({ peer }) => {
      expect(peer).toBe(push.peers[0])
      slow++
    })
    const body = Buffer.alloc(512 * 1024)
    const taken = await fill(push, body)
    const first = slow
    expect(first).toBeGreaterThanOrEqual(1)
    await take(pull, taken)
    while (push.stats.queuedMessages > 0) await turns(1)
    await fill(push, body)
    expect(slow).toBeGreaterThan(first)
  })
})

describe("waitForPeers", () => {
  it("resolves when that many are there", async () => {
    await using pull = new Pull()
    const endpoint = await pull.bind(any())
    const two = pull.waitForPeers(2)
    await using one = new Push()
    await join(one, endpoint, pull)
    expect(await waits(two)).toBe(true)
    await using other = new Push()
    other.connect(endpoint)
    await two
    await pull.waitForPeers(2, { timeout: 0 })
    await pull.waitForPeers()
    expect(pull.peers).toHaveLength(2)
  })

  it("gives up by its timeout, its signal, or with the socket", async () => {
    const pull = new Pull()
    await pull.bind(any())
    await expect(pull.waitForPeers(1, { timeout: 0 })).rejects.toBeInstanceOf(TimeoutError)
    await expect(pull.waitForPeers(1, { timeout: 2 })).rejects.toMatchObject({ code: "EAGAIN" })
    await expect(pull.waitForPeers(1, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError)
    const aborter = new AbortController()
    const aborted = expect(pull.waitForPeers(1, { signal: aborter.signal })).rejects.toMatchObject({ cause: "why" })
    aborter.abort("why")
    await aborted
    const closed = expect(pull.waitForPeers()).rejects.toBeInstanceOf(ClosedError)
    await pull.close()
    await closed
    await expect(pull.waitForPeers()).rejects.toBeInstanceOf(ClosedError)
  })
})

describe("close", () => {
  it("may be called any number of times, at once and later", async () => {
    const pull = new Pull()
    await pull.bind(any())
    await Promise.all([pull.close(), pull.close(), pull[Symbol.asyncDispose]()])
    await pull.close()
    expect(pull.closed).toBe(true)
  })

  it.each([-2, Number.NaN, "0"])("refuses a linger of %s, and the socket stays open", async (linger) => {
    await using pull = new Pull()
    expect(() => pull.close({ linger: linger as number })).toThrow(OptionError)
    expect(pull.closed).toBe(false)
  })

  it("refuses everything afterwards", async () => {
    const pair = new Pair()
    const endpoint = await pair.bind(any())
    await pair.close()
    await expect(pair.bind(endpoint)).rejects.toBeInstanceOf(ClosedError)
    expect(() => pair.connect(endpoint)).toThrow(ClosedError)
    expect(() => pair.disconnect(endpoint)).toThrow(ClosedError)
    await expect(pair.unbind(endpoint)).rejects.toBeInstanceOf(ClosedError)
    await expect(pair.send("x")).rejects.toBeInstanceOf(ClosedError)
    await expect(pair.receive()).rejects.toBeInstanceOf(ClosedError)
    await expect(pair.drain()).rejects.toBeInstanceOf(ClosedError)
    expect([pair.readable, pair.writable, pair.peers, pair.endpoints]).toEqual([false, false, [], []])
  })

  it("while it drains ends the draining", async () => {
    await using push = new Push({ linger: 0 })
    const pull = new Pull()
    await link(pull, push, any())
    await push.send("nobody reads this")
    const drained = pull.drain()
    await turns()
    await pull.close()
    await drained
    expect(pull.stats.dropped.unread).toBe(1)
  })

  it("of a Reply that drains waits for the answer that is owed", async () => {
    await using request = new Request()
    const reply = new Reply()
    await link(reply, request, any())
    const asked = request.request("question")
    expect(await receiveText(reply)).toEqual(["question"])
    const drained = reply.drain()
    expect(await waits(drained)).toBe(true)
    await reply.send("answer")
    await drained
    expect(text(await asked)).toEqual(["answer"])
  })

  it("goes to whoever is there what was queued for an endpoint that is given up", async () => {
    const down = await named()
    await using push = new Push({ linger: 60_000 })
    push.connect(down)
    for (let i = 0; i < 3; i++) await push.send(`${i}`)
    await using pull = new Pull()
    await link(pull, push, any())
    push.disconnect(down)
    expect(await takeText(pull, 3)).toEqual(["0", "1", "2"])
    expect(droppedBy(push)).toBe(0)
  })
})

describe("events", () => {
  it("are members of one union, and carry the endpoint and the peer", async () => {
    await using router = new Router()
    const seen: Event[] = []
    const loop = (async () => {
      for await (const event of router.events) seen.push(event)
    })()
    await using dealer = new Dealer()
    const endpoint = await link(router, dealer, any())
    const [peer] = router.peers
    await router.send(["nobody", "x"])
    await dealer.close()
    await router.close()
    await loop
    expect(seen.map((event) => event.type)).toEqual([
      "bind",
      "accept",
      "handshake",
      "peer:join",
      "message:dropped",
      "disconnect",
      "peer:leave",
      "close",
    ])
    for (const event of seen) {
      if (event.type === "peer:join" || event.type === "peer:leave") expect(event.peer).toBe(peer)
      if (event.type === "message:dropped") expect([event.reason, event.count]).toEqual(["unroutable", 1])
      else expect(event.endpoint).toBe(endpoint)
    }
  })

  it("a listener that throws disturbs neither the socket nor the others", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {})
    await using pull = new Pull()
    pull.events.on("peer:join", () => {
      throw new Error("a bad listener")
    })
    const heard: string[] = []
    const stop = pull.events.on("peer:join", ({ type }) => heard.push(type))
    await using push = new Push()
    const endpoint = await link(pull, push, any())
    await push.send("x")
    expect(await receiveText(pull)).toEqual(["x"])
    expect(heard).toEqual(["peer:join"])
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("a bad listener"), expect.anything())
    warn.mockRestore()
    stop()
    await using other = new Push()
    await join(other, endpoint, pull)
    expect(heard).toHaveLength(1)
  })
})
