// What sockets do under CURVE as they do without it, and what is for them alone: lists that change while they are used,
// boxes that are nobody else's, marks inside boxes.

import {
  Dealer,
  Fanout,
  HandshakeError,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  type Security,
  Subscriber,
  XSubscriber,
} from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { type Worker, workInStep } from "./support/crew.ts"
import { CurveCaller, CurveEnd } from "./support/curve-stage.ts"
import { Meeting } from "./support/meeting.ts"
import { RawCurveServer, rawKeys } from "./support/raw-curve.ts"
import { greeting, property, RawServer } from "./support/raw-peer.ts"
import { fill, receiveText, takeText, turns, untilPeers, waits } from "./support/sockets.ts"

const server = curveKeyPair()
const client = curveKeyPair()
const asClient = curve({ serverKey: server.publicKey, ...client })
const asServer = curveServer({ ...server, allow: [client.publicKey] })

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const

describe("who may come in", () => {
  it("is asked of a list that changes while sockets use it; who is in stays in", async () => {
    const list = curveServer({ ...server, allow: [] })
    await using pull = new Pull({ security: list })
    const endpoint = await pull.bind("tcp://127.0.0.1:*")
    const enter = (): Push => {
      const push = new Push({ security: asClient, ...QUICK })
      push.connect(endpoint)
      return push
    }
    {
      await using refused = enter()
      expect((await pull.events.once("handshake:error")).error).toBeInstanceOf(HandshakeError)
      // It is told so, and gives up.
      await expect(refused.waitForPeers()).rejects.toMatchObject({ code: "EHOSTUNREACH" })
    }
    list.allow(client.publicKey)
    await using member = enter()
    await member.send("let in")
    expect(await receiveText(pull)).toEqual(["let in"])

    list.revoke(client.publicKey)
    await member.send("still in")
    expect(await receiveText(pull)).toEqual(["still in"])
    await using late = enter()
    await expect(late.waitForPeers()).rejects.toMatchObject({ code: "EHOSTUNREACH" })

    const closed = member.events.once("close")
    pull.peers[0]?.disconnect()
    expect((await closed).error).toBeInstanceOf(HandshakeError)
    await untilPeers(pull, 0)
    expect(member.endpoints).toEqual([])
  })

  it("is asked of a function, with an answer for each, in whatever order", async () => {
    const asked = new Map<string, (yes: boolean) => void>()
    const security = curveServer({
      ...server,
      authorize: ({ publicKey = "" }) =>
        new Promise((resolve) => {
          asked.set(publicKey, (yes) => resolve(yes && { userId: "ada", metadata: { "X-Role": "admin" } }))
        }),
    })
    await using reply = new Reply({ security })
    void reply.serve(([question = Buffer.alloc(0)], { peer }) => [
      question,
      `${peer.userId}`,
      `${peer.metadata.get("x-role")}`,
    ])
    const endpoint = await reply.bind("tcp://127.0.0.1:*")
    const strangers = [curveKeyPair(), curveKeyPair()]
    await using one = new Request({
      security: curve({ serverKey: server.publicKey, ...(strangers[0] as typeof server) }),
    })
    await using other = new Request({
      security: curve({ serverKey: server.publicKey, ...(strangers[1] as typeof server) }),
    })
    for (const each of [one, other]) each.connect(endpoint)
    while (asked.size < 2) await turns(1)
    expect([one.peers, other.peers, reply.peers]).toEqual([[], [], []])
    asked.get(strangers[1]?.publicKey ?? "")?.(true)
    expect((await other.request("hello")).map(String)).toEqual(["hello", "ada", "admin"])
    expect(one.peers).toEqual([])
    asked.get(strangers[0]?.publicKey ?? "")?.(false)
    await expect(one.waitForPeers()).rejects.toMatchObject({ code: "EHOSTUNREACH" })
  })

  it("CURVE-31: a server that connects, and a client that binds, are what they are all the same", async () => {
    await using push = new Push({ security: asClient })
    await using pull = new Pull({ security: asServer, ...QUICK })
    pull.connect(await push.bind("tcp://127.0.0.1:*"))
    await push.send("the other way round")
    const { message, peer } = await pull.receiveFrom()
    expect([String(message), peer.userId]).toEqual(["the other way round", client.publicKey])
  })

  it("is of no concern over inproc, where everybody is trusted", async () => {
    await using pull = new Pull({ security: asServer })
    await using push = new Push()
    push.connect(await pull.bind(`inproc://curve-${process.pid}`))
    await push.send("no handshake")
    expect(await receiveText(pull)).toEqual(["no handshake"])
    expect(pull.peers[0]?.userId).toBeUndefined()
  })
})

describe("what goes to many", () => {
  /** Raw servers that a socket of ours has connected to, each with keys of its own. */
  async function listen(count: number): Promise<{ servers: RawServer[]; keys: ReturnType<typeof rawKeys> }> {
    return { servers: await Promise.all(Array.from({ length: count }, () => RawServer.listen())), keys: rawKeys() }
  }

  it.each(["Publisher", "Fanout"])(
    "CURVE-15: of a %s is sealed for each of them anew, and nobody can open another's",
    async (kind) => {
      const { servers, keys } = await listen(3)
      const options = { security: curve({ serverKey: keys.publicKey, ...client }), heartbeatInterval: 0 }
      await using socket = kind === "Publisher" ? new Publisher(options) : new Fanout(options)
      const ends: CurveEnd<RawCurveServer>[] = []
      for (const raw of servers) {
        socket.connect(raw.endpoint)
        const peer = await raw.accept()
        peer.send(greeting({ mechanism: "CURVE", asServer: true }))
        const end = new CurveEnd(peer, new RawCurveServer(keys))
        end.side.takeHello((await end.next()).body)
        end.command(end.side.welcome())
        end.side.takeInitiate((await end.next()).body)
        end.command(end.side.ready({ metadata: property("Socket-Type", kind === "Publisher" ? "SUB" : "PULL") }))
        if (kind === "Publisher") end.traffic(end.side.command("SUBSCRIBE", ""))
        // Whoever answers this has read everything before it.
        end.traffic(end.side.command("PING", "\0\0"))
        expect((await end.opened()).payload.toString()).toBe("\x04PONG")
        ends.push(end)
      }
      await socket.waitForPeers(3)
      await socket.send("the same to everybody")
      const sealed = await Promise.all(ends.map(async (end) => (await end.next()).body))
      expect(new Set(sealed.map((body) => body.toString("hex"))).size).toBe(3)
      for (const [i, end] of ends.entries()) {
        expect(end.side.open(sealed[i] as Buffer).payload.toString()).toBe("the same to everybody")
        expect(() => end.side.open(sealed[(i + 1) % 3] as Buffer)).toThrow(/does not open/)
      }
      for (const raw of servers) await raw[Symbol.asyncDispose]()
    },
  )

  it("arrives with all subscribers, and with those alone who want it", async () => {
    await using publisher = new Publisher({ security: asServer })
    const endpoint = await publisher.bind("tcp://127.0.0.1:*")
    const subscribers = Array.from({ length: 5 }, () => new Subscriber({ security: asClient }))
    await using other = new XSubscriber({ security: asClient })
    for (const each of subscribers) {
      each.subscribe("all")
      each.connect(endpoint)
    }
    other.connect(endpoint)
    await other.send("\x01some")
    await publisher.waitForPeers(6)
    await publisher.waitForSubscribers("some")
    await Promise.all(subscribers.map((each) => each.waitForPeers()))
    while (publisher.subscriptions.length < 2) await turns(1)
    await turns(20)
    for (let i = 0; i < 200; i++) {
      await publisher.send(`all ${i}`)
      if (i % 10 === 0) await publisher.send(`some ${i}`)
    }
    for (const each of subscribers) {
      expect(await takeText(each, 200)).toEqual(Array.from({ length: 200 }, (_, i) => `all ${i}`))
      await each.close()
    }
    expect(await takeText(other, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `some ${i * 10}`))
  })
})

describe("marks that prove what was read", () => {
  const RECORDS = 4000

  it.each(["ours", "theirs"] as const)("are answered inside boxes: a slow worker (%s) is spared", async (whose) => {
    await using meeting = new Meeting()
    const workers: Worker[] = []
    for (const speed of [10, 10, 10, 1]) {
      const pull =
        whose === "ours"
          ? meeting.ours(new Pull({ security: asServer, receiveHighWaterMark: 16 }))
          : meeting.theirs(
              new zmq.Pull({ curveServer: true, curveSecretKey: server.secretKey, receiveHighWaterMark: 16 }),
            )
      workers.push({ speed, endpoint: await meeting.bind(pull), receive: () => pull.receive() })
    }
    const push = meeting.ours(new Push({ balance: "least-loaded", window: 16, security: asClient }))
    for (const { endpoint } of workers) push.connect(endpoint)
    await push.waitForPeers(workers.length)
    const { given } = await workInStep(push, workers, RECORDS)
    expect(given.reduce((sum, each) => sum + each)).toBe(RECORDS)
    expect(given.at(-1)).toBeLessThanOrEqual(0.15 * RECORDS)
  })

  it("a peer that reads nothing holds no more than the window", async () => {
    await using caller = await CurveCaller.of(
      (options) => new Push({ ...options, balance: "least-loaded", window: 24, linger: 0 }),
    )
    const end = await caller.established()
    end.peer.socket.pause()
    let taken = 0
    for (let i = 0; i < 50; i++) {
      while (caller.socket.trySend("x")) taken++
      await turns(1)
    }
    expect(taken).toBe(16)
  })
})

describe("back-pressure", () => {
  it("LIMIT-9: reaches the sender through the boxes, and nothing is lost", async () => {
    await using push = new Push({ security: asClient, sendHighWaterMark: 4 })
    await using pull = new Pull({ security: asServer, receiveHighWaterMark: 4 })
    push.connect(await pull.bind("tcp://127.0.0.1:*"))
    await push.waitForPeers()
    const taken = await fill(push, Buffer.alloc(200_000, "x"))
    expect(
      await waits(push.send("no room", { timeout: 60_000, signal: AbortSignal.timeout(1000) }).catch(() => {})),
    ).toBe(true)
    expect(pull.stats.queuedMessages).toBeLessThanOrEqual(8)
    let whole = 0
    for (let i = 0; i < taken; i++) if (Buffer.concat(await pull.receive()).length === 200_000) whole++
    expect(whole).toBe(taken)
  })

  it("OPT-4: what waits when a socket closes is sealed and sent before it is gone", async () => {
    await using pull = new Pull({ security: asServer, receiveHighWaterMark: 0 })
    const push = new Push({ security: asClient, sendHighWaterMark: 0 })
    push.connect(await pull.bind("tcp://127.0.0.1:*"))
    for (let i = 0; i < 300; i++) await push.send([`${i}`, Buffer.alloc(3000)])
    await push.close()
    expect(push.stats).toMatchObject({ messagesSent: 300, queuedMessages: 0 })
    const got: string[] = []
    while (got.length < 300) got.push(String((await pull.receive())[0]))
    expect(got).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`))
  })
})

describe("the memory of what is sent", () => {
  it.each([10, 5000, 20_000, 100_000])("is not touched: a frame of %i octets is sealed in a copy", async (size) => {
    await using one = new Dealer({ security: asServer })
    await using two = new Dealer({ security: asClient })
    two.connect(await one.bind("tcp://127.0.0.1:*"))
    const frame = Buffer.alloc(size, "clear")
    const before = Buffer.from(frame)
    for (let i = 0; i < 3; i++) await two.send([frame, frame])
    for (let i = 0; i < 3; i++) {
      const message = await one.receive()
      expect(message.every((each) => each.equals(before))).toBe(true)
      // What was received may be sent on.
      await one.send(message)
    }
    expect(frame.equals(before)).toBe(true)
    for (let i = 0; i < 3; i++) expect((await two.receive()).every((each) => each.equals(before))).toBe(true)
  })
})

describe("one security", () => {
  it("serves any number of sockets, of every type and transport", async () => {
    const both: [Security, Security] = [asServer, asClient]
    const pairs = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const pull = new Pull({ security: both[0] })
        const push = new Push({ security: both[1] })
        push.connect(await pull.bind(i % 2 === 0 || process.platform === "win32" ? "tcp://127.0.0.1:*" : "ipc://*"))
        await push.send(`${i}`)
        return { pull, push }
      }),
    )
    for (const [i, { pull, push }] of pairs.entries()) {
      expect(await receiveText(pull)).toEqual([`${i}`])
      await Promise.all([pull.close(), push.close()])
    }
  })
})
