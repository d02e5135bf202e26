// What a socket holds at most: messages and octets, per peer and direction, and over all peers.

import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import {
  Dealer,
  Fanout,
  type Message,
  Pair,
  type Peer,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  Subscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { greeting, longHeader, message, RawPeer, RawServer, ready } from "./support/raw-peer.ts"
import { fill, join, take, turns, waits } from "./support/sockets.ts"
import { TRANSPORTS, transport } from "./support/transports.ts"
import { until } from "./support/until.ts"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

/** What each frame counts on top of its body. */
const FRAME = 64
const tcp = transport("tcp")

/** The raw peer says this over and over for as long as the system takes it; returns how many times. */
async function flood(peer: RawPeer, octets: Buffer, most = Number.POSITIVE_INFINITY): Promise<number> {
  let said = 0
  for (let idle = 0; idle < 20; idle++) {
    while (peer.socket.writableLength === 0 && said < most) {
      peer.send(octets)
      said++
      idle = 0
    }
    await turns(1)
  }
  return said
}

describe("towards a peer that reads nothing", () => {
  const stuck = async (push: Push): Promise<AsyncDisposable & { peer: RawPeer }> => {
    const server = await RawServer.listen()
    push.connect(server.endpoint)
    const peer = await server.admit("PULL")
    peer.socket.pause()
    await push.waitForPeers(1)
    return { peer, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  }

  it.each([1, 2, 10, 100, 1000])("OPT-1: a queue holds %i messages and no more", async (sendHighWaterMark) => {
    await using push = new Push({ sendHighWaterMark, linger: 0 })
    await using _ = await stuck(push)
    let most = 0
    // The first blocked write takes one; the queue fills behind it.
    while (push.trySend(Buffer.alloc(8 << 20)) && push.stats.queuedMessages === 0) await turns(1)
    await turns(5)
    while (push.trySend("x")) most = Math.max(most, push.stats.queuedMessages)
    expect(push.stats.queuedMessages).toBe(sendHighWaterMark)
    expect(most).toBeLessThanOrEqual(sendHighWaterMark)
  })

  it("LIMIT-9: a queue holds so many octets, each frame counting 64 more, and one message of any size", async () => {
    const sendHighWaterMarkBytes = 10_000
    await using push = new Push({ sendHighWaterMarkBytes, linger: 0 })
    await using _ = await stuck(push)
    while (push.trySend(Buffer.alloc(8 << 20)) && push.stats.queuedBytes === 0) await turns(1)
    expect(await waits(push.send("x").catch(() => {}))).toBe(true)

    await using other = new Push({ sendHighWaterMarkBytes, linger: 0 })
    other.connect("inproc://octets-nobody")
    let taken = 0
    while (other.trySend(["abc", "defgh"])) taken++
    expect(taken).toBe(Math.ceil(sendHighWaterMarkBytes / (8 + 2 * FRAME)))
    expect(other.stats.queuedBytes).toBe(taken * (8 + 2 * FRAME))

    await using third = new Push({ sendHighWaterMarkBytes, linger: 0 })
    third.connect("inproc://octets-nobody-2")
    expect(third.trySend("small")).toBe(true)
    expect(third.trySend(Buffer.alloc(1_000_000))).toBe(true)
    expect(third.trySend("small")).toBe(false)
  })

  it("each peer has a queue of its own", async () => {
    await using publisher = new Publisher({ sendHighWaterMark: 10, linger: 0 })
    const endpoint = await publisher.bind("inproc://own-queues")
    await using reads = new Subscriber()
    await using idles = new Subscriber({ receiveHighWaterMark: 5 })
    for (const subscriber of [idles, reads]) {
      subscriber.subscribe("")
      await join(subscriber, endpoint, publisher)
    }
    for (let i = 0; i < 100; i++) {
      await publisher.send(`${i}`)
      expect(String((await reads.receive())[0])).toBe(`${i}`)
    }
    expect(publisher.peers.map(({ stats }) => stats.queuedMessages)).toEqual([10, 0])
    expect(publisher.stats.dropped["high-water-mark"]).toBe(85)
    expect(publisher.peers.map(({ stats }) => stats.dropped["high-water-mark"])).toEqual([85, 0])
  })
})

describe("hysteresis", () => {
  it.each(TRANSPORTS)(
    "over $name: peer:slow is told at the mark, and again only after it was below half",
    async (use) => {
      await using router = new Publisher({ overflow: "wait", sendHighWaterMark: 40, linger: 0 })
      await using reader = new Subscriber({ receiveHighWaterMark: 1 })
      reader.subscribe("")
      await join(reader, await router.bind(use.any()), router)
      await router.waitForSubscribers("")
      const slow: string[] = []
      router.events.on("peer:slow", ({ peer, endpoint }) => slow.push(`${peer.id} ${endpoint}`))
      const large = Buffer.alloc(200_000)
      const queued = (): number => router.stats.queuedMessages

      const first = await fill(router, large)
      expect(first).toBeGreaterThanOrEqual(41)
      const [peer] = router.peers
      const before = slow.length
      expect(before).toBeGreaterThanOrEqual(1)
      expect(new Set(slow)).toEqual(new Set([`${peer?.id} ${router.endpoints[0]}`]))

      // As long as it is above half, there is no room and nothing is told.
      while (queued() > 21) {
        await reader.receive()
        await turns(2)
        if (queued() > 20) expect(router.trySend(large)).toBe(false)
      }
      expect(slow).toHaveLength(before)
      while (queued() > 10) {
        await reader.receive()
        await turns(2)
      }
      await fill(router, large)
      expect(slow.length).toBeGreaterThan(before)
    },
  )

  it("small queues take the next as soon as there is a place", async () => {
    await using push = new Push({ sendHighWaterMark: 3, linger: 0 })
    await using pull = new Pull({ receiveHighWaterMark: 2 })
    await join(push, await pull.bind("inproc://small-queues"), pull)
    for (let i = 0; i < 5; i++) expect(push.trySend(`${i}`)).toBe(true)
    expect(push.trySend("5")).toBe(false)
    await pull.receive()
    expect(push.trySend("5")).toBe(true)
    expect(push.trySend("6")).toBe(false)
  })
})

describe("from a peer that says much", () => {
  it.each([1, 5, 100])(
    "OPT-1: %i messages are held, and the rest stays with the system",
    async (receiveHighWaterMark) => {
      await using pull = new Pull({ receiveHighWaterMark })
      using peer = await RawPeer.join(await pull.bind(tcp.any()), "PUSH")
      const said = await flood(peer, message(Buffer.alloc(50_000)))
      expect(pull.stats.queuedMessages).toBe(receiveHighWaterMark)
      // What the peer said and is not held here is with the two systems in between.
      expect((said - receiveHighWaterMark) * 50_000).toBeLessThan(24 << 20)
      const got = await take(pull, said)
      expect(got.every(([frame]) => frame?.length === 50_000)).toBe(true)
      expect(pull.stats.queuedMessages).toBe(0)
    },
  )

  it("LIMIT-9: so many octets are held, and one message more of any size", async () => {
    const receiveHighWaterMarkBytes = 100_000
    await using pull = new Pull({ receiveHighWaterMarkBytes })
    using peer = await RawPeer.join(await pull.bind(tcp.any()), "PUSH")
    const said = await flood(peer, message(Buffer.alloc(3_000), Buffer.alloc(500)))
    const each = 3_500 + 2 * FRAME
    expect(pull.stats.queuedMessages).toBe(Math.ceil(receiveHighWaterMarkBytes / each))
    expect(pull.stats.queuedBytes).toBe(pull.stats.queuedMessages * each)
    expect(await take(pull, said)).toHaveLength(said)
  })

  it("counts empty frames, which are not free", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 0, receiveHighWaterMarkBytes: 64_000 })
    using peer = await RawPeer.join(await pull.bind(tcp.any()), "PUSH")
    peer.send(...Array.from({ length: 5000 }, () => message("", "", "", "")))
    while (pull.stats.queuedMessages < 250) await turns(1)
    await turns(20)
    expect(pull.stats.queuedMessages).toBe(250)
    expect(await take(pull, 5000)).toHaveLength(5000)
  })

  it("takes no memory for what is announced, only for what comes", async () => {
    await using pull = new Pull()
    using peer = await RawPeer.join(await pull.bind(tcp.any()), "PUSH")
    await pull.waitForPeers(1)
    const before = process.memoryUsage().arrayBuffers
    peer.send(longHeader(60 << 20), Buffer.alloc(1000))
    await turns(20)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20)
    expect(pull.peers).toHaveLength(1)
  })

  it("stops reading from that one alone", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 5 })
    const endpoint = await pull.bind(tcp.any())
    using loud = await RawPeer.join(endpoint, "PUSH")
    const said = await flood(loud, message(Buffer.alloc(50_000)))
    using quiet = await RawPeer.join(endpoint, "PUSH")
    for (let i = 0; i < 10; i++) {
      quiet.send(message(`${i}`))
      while (pull.stats.queuedMessages < 6) await turns(1)
      let found: Message
      do found = await pull.receive()
      while (found[0]?.length === 50_000)
      expect(String(found[0])).toBe(`${i}`)
      await turns(5)
    }
    // The other has had its turns in between.
    expect(pull.stats.messagesReceived).toBeLessThan(said + 10)
  })
})

describe("maxBufferedBytes", () => {
  const BUDGET = 1 << 20

  it("bounds what is held of all peers together, and each goes on when there is room", async () => {
    await using pull = new Pull({ maxBufferedBytes: BUDGET, receiveHighWaterMark: 0 })
    const endpoint = await pull.bind(tcp.any())
    const peers: RawPeer[] = []
    for (let i = 0; i < 4; i++) peers.push(await RawPeer.join(endpoint, "PUSH"))
    await pull.waitForPeers(4)
    const said = await Promise.all(peers.map((peer, i) => flood(peer, message(`${i}`, Buffer.alloc(40_000)), 200)))
    const most = BUDGET + peers.length * (40_001 + 2 * FRAME)
    expect(pull.stats.queuedBytes).toBeGreaterThanOrEqual(BUDGET)
    expect(pull.stats.queuedBytes).toBeLessThanOrEqual(most)
    const counts = [0, 0, 0, 0]
    for (let left = said.reduce((sum, count) => sum + count); left > 0; left--) {
      const index = Number((await pull.receive())[0])
      counts[index] = (counts[index] as number) + 1
      expect(pull.stats.queuedBytes).toBeLessThanOrEqual(most)
    }
    expect(counts).toEqual(said)
    expect(pull.stats.queuedBytes).toBe(0)
    for (const peer of peers) peer.socket.destroy()
  })

  it("bounds what is queued for all peers together, and senders go on when there is room", async () => {
    await using push = new Push({ maxBufferedBytes: BUDGET, sendHighWaterMark: 0, linger: 0 })
    for (let i = 0; i < 4; i++) push.connect(`inproc://budget-${i}`)
    const frame = Buffer.alloc(10_000)
    let sent = 0
    while (push.trySend(frame)) sent++
    expect(sent).toBe(Math.ceil(BUDGET / (frame.length + FRAME)))
    expect(push.stats.queuedBytes).toBe(sent * (frame.length + FRAME))
    const waiting = push.send("waits")
    expect(await waits(waiting)).toBe(true)
    const pulls = [0, 1, 2, 3].map(() => new Pull())
    for (const [i, pull] of pulls.entries()) await pull.bind(`inproc://budget-${i}`)
    await waiting
    let received = 0
    for (let idle = 0; idle < 20; idle++) {
      for (const pull of pulls) {
        while (pull.tryReceive() !== undefined) {
          received++
          idle = 0
        }
      }
      await turns(1)
    }
    expect(received).toBe(sent + 1)
    await Promise.all(pulls.map((pull) => pull.close()))
  })

  it("is shared by both directions", async () => {
    await using router = new Router({ maxBufferedBytes: BUDGET, mandatory: true, sendHighWaterMark: 0, linger: 0 })
    const endpoint = await router.bind(tcp.any())
    using peer = await RawPeer.join(endpoint, "DEALER")
    await router.waitForPeers(1)
    await flood(peer, message(Buffer.alloc(40_000)), 100)
    expect(router.stats.queuedBytes).toBeGreaterThanOrEqual(BUDGET)
    const id = router.peers[0]?.routingId as Buffer
    // Who has nothing queued may get one message all the same: it may be what makes room again.
    expect(router.trySend([id, "an answer"])).toBe(true)
    expect(router.trySend([id, "another"])).toBe(false)
    const waiting = router.send([id, "another"])
    expect(String((await peer.nextOfNote()).body)).toBe("an answer")
    await waiting
    expect(String((await peer.nextOfNote()).body)).toBe("another")
  })
})

describe("peer:slow", () => {
  it("comes when the mark in octets is reached, too", async () => {
    await using pull = new Pull({ receiveHighWaterMark: 1 })
    await using push = new Push({ sendHighWaterMarkBytes: 1000, linger: 0 })
    push.connect(await pull.bind("inproc://slow-by-octets"))
    const slow: number[] = []
    push.events.on("peer:slow", ({ peer }) => slow.push(peer.id))
    expect(push.trySend("to the receiver")).toBe(true)
    expect(push.trySend(Buffer.alloc(500))).toBe(true)
    expect(slow).toEqual([])
    expect(push.trySend(Buffer.alloc(500))).toBe(true)
    expect(slow).toEqual(push.peers.map(({ id }) => id))
    expect(push.writable).toBe(false)
  })
})

describe("peers that come and go", () => {
  const leave = async (endpoint: string, type: string, ...octets: Buffer[]): Promise<void> => {
    const peer = await RawPeer.join(endpoint, type)
    peer.send(...octets)
    peer.socket.end()
    await peer.closed
  }

  it.each([
    ["Push", () => new Push(), "PULL"],
    ["Dealer", () => new Dealer(), "DEALER"],
    ["Request", () => new Request(), "REP"],
    ["Pull", () => new Pull(), "PUSH"],
    ["Publisher", () => new Publisher(), "SUB"],
    ["Router", () => new Router(), "DEALER"],
    ["Reply", () => new Reply(), "REQ"],
    ["Fanout", () => new Fanout(), "PULL"],
    ["Pair", () => new Pair(), "PAIR"],
  ] as const)("leave nothing of themselves in a %s that does nothing", async (_name, create, type) => {
    await using socket = create()
    const endpoint = await socket.bind("tcp://127.0.0.1:*")
    const seen: WeakRef<Peer>[] = []
    socket.events.on("peer:join", ({ peer }) => seen.push(new WeakRef(peer)))
    for (let i = 0; i < 150; i++) await leave(endpoint, type)
    await until(() => seen.length === 150 && socket.peers.length === 0, "all have come and gone")
    const kept = (): number => seen.filter((peer) => peer.deref() !== undefined).length
    await until(() => {
      collectGarbage()
      return kept() < 75
    }, "most of them are forgotten")
    expect(kept()).toBeLessThan(75)
  })

  it("leave messages that count with what is kept of those who left, and no more than may wait is read", async () => {
    await using pull = new Pull({ maxBufferedBytes: 20_000 })
    const endpoint = await pull.bind("tcp://127.0.0.1:*")
    const limited = pull.events.once("limit")
    const peers: RawPeer[] = []
    for (let i = 0; i < 50; i++) {
      const peer = await RawPeer.join(endpoint, "PUSH")
      peers.push(peer)
      peer.send(message(`${i}`))
      peer.socket.end()
    }
    expect(await limited).toMatchObject({ limit: "maxBufferedBytes" })
    await until(() => pull.stats.queuedMessages === 10, "as many wait as there may be octets")
    await turns(20)
    // Each counts 2048 octets more once its peer has left; an empty queue would take the message of ever new peers.
    expect(pull.stats.queuedMessages).toBe(10)
    const received = new Set((await take(pull, 50)).map(([frame]) => String(frame)))
    expect(received.size).toBe(50)
    await Promise.all(peers.map(({ closed }) => closed))
    expect(pull.stats.queuedBytes).toBe(0)
  })

  it("leave no more unread also when they say all at once, handshake and message", async () => {
    await using pull = new Pull({ maxBufferedBytes: 20_000 })
    const endpoint = await pull.bind("tcp://127.0.0.1:*")
    let joined = 0
    pull.events.on("peer:join", () => joined++)
    const peers = await Promise.all(Array.from({ length: 50 }, () => RawPeer.connect(endpoint)))
    for (const [i, peer] of peers.entries()) {
      peer.send(greeting(), ready("PUSH"), message(`${i}`))
      peer.socket.end()
      await until(() => joined === i + 1, "it has joined")
      await until(() => pull.stats.queuedMessages < i + 1 || pull.peers.length === 0, "it was read, and has left")
    }
    expect(pull.stats.queuedMessages).toBe(10)
    const received = new Set((await take(pull, 50)).map(([frame]) => String(frame)))
    expect(received.size).toBe(50)
    await Promise.all(peers.map(({ closed }) => closed))
    expect(pull.stats.queuedBytes).toBe(0)
  })
})
