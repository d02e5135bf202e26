// The life of a connection with theirs: either side comes late, or goes and comes back; hearts that beat, and that stop;
// peers that must not be let in.

import { Dealer, Publisher, Pull, Push, type Socket, Subscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { legalPeers, SOCKET_TYPES } from "../../src/socket-type.ts"
import { OURS, THEIRS } from "../support/every-type.ts"
import { frames, Meeting, once, TRANSPORTS } from "../support/meeting.ts"
import { fill, turns } from "../support/sockets.ts"
import { WireTap } from "../support/wire-tap.ts"

const OURS_SOON = { reconnectInterval: 5, reconnectMaxInterval: 0 }
const THEIRS_SOON = { reconnectInterval: 5 }
const QUEUED = Array.from({ length: 50 }, (_, i) => `queued ${i}`)

async function allArrive(pull: Pull | zmq.Pull): Promise<void> {
  for (const message of QUEUED) expect(await pull.receive()).toEqual(frames(message))
}

describe.each(TRANSPORTS)("comings and goings over %s", (transport) => {
  it("ZMTP-65, NULL-8: what either has queued before the other is there arrives in order", async () => {
    await using meeting = new Meeting()
    for (const [push, pull] of [
      [meeting.ours(new Push(OURS_SOON)), meeting.theirs(new zmq.Pull())],
      [meeting.theirs(new zmq.Push(THEIRS_SOON)), meeting.ours(new Pull())],
    ] as const) {
      const endpoint = await meeting.vacant(transport)
      push.connect(endpoint)
      for (const message of QUEUED) await push.send(message)
      await pull.bind(endpoint)
      await allArrive(pull)
    }
  })

  it("ZMTP-66, PIPE-4: theirs goes and comes back, and gets what ours has queued meanwhile", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push(OURS_SOON))
    const first = meeting.theirs(new zmq.Pull())
    const endpoint = await meeting.join(first, ours, transport)
    await ours.send("to the first")
    expect(await first.receive()).toEqual(frames("to the first"))
    const left = ours.events.once("peer:leave")
    first.close()
    await left
    for (const message of QUEUED) await ours.send(message)
    const again = meeting.theirs(new zmq.Pull())
    await meeting.rebind(again, endpoint)
    await allArrive(again)
    expect(ours.stats.reconnects).toBe(1)
    expect(Object.values(ours.stats.dropped).every((dropped) => dropped === 0)).toBe(true)
  })

  it("ZMTP-66: ours goes and comes back, and gets what theirs has queued meanwhile", async () => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Push(THEIRS_SOON))
    const first = meeting.ours(new Pull())
    const endpoint = await meeting.join(first, theirs, transport)
    await theirs.send("to the first")
    expect(await first.receive()).toEqual(frames("to the first"))
    const gone = once(theirs, "disconnect")
    await first.close()
    await gone
    for (const message of QUEUED) await theirs.send(message)
    const again = meeting.ours(new Pull())
    await again.bind(endpoint)
    await allArrive(again)
  })

  it("PIPE-5: one of theirs that connected goes; another gets what it had not been sent", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push())
    const going = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: 1 }))
    const endpoint = await meeting.join(ours, going, transport)
    const body = Buffer.alloc(64 * 1024)
    const accepted = await fill(ours, body)
    const [peer] = ours.peers
    const lost = ours.events.once("message:dropped")
    going.close()
    expect((await lost).reason).toBe("in-flight")
    const heirs = accepted - (peer?.stats.messagesSent ?? 0) - ours.stats.dropped["in-flight"]
    expect(heirs).toBeGreaterThan(0)
    const heir = meeting.theirs(new zmq.Pull())
    heir.connect(endpoint)
    for (let i = 0; i < heirs; i++) expect((await heir.receive())[0]).toHaveLength(body.length)
    heir.receiveTimeout = 0
    await expect(heir.receive()).rejects.toMatchObject({ code: "EAGAIN" })
    expect(ours.stats.queuedMessages).toBe(0)
  })
})

describe("heartbeats", () => {
  it("HB-1: ours answers those of theirs, and stays", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer())
    const theirs = meeting.theirs(new zmq.Dealer({ heartbeatInterval: 10, heartbeatTimeout: 5000 }))
    const tap = meeting.use(await WireTap.before(await meeting.bind(ours)))
    theirs.connect(tap.endpoint)
    await tap.passed("PONG", 10)
    await theirs.send("still there")
    expect(await ours.receive()).toEqual(frames("still there"))
    await ours.send("here too")
    expect(await theirs.receive()).toEqual(frames("here too"))
    expect(tap.connections).toBe(1)
  })

  it("HB-3: their time to live is kept while their heart beats, and ends ours with a silent one", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ heartbeatInterval: 0 }))
    const beating = { heartbeatInterval: 50, heartbeatTimeToLive: 600, heartbeatTimeout: 10_000 }
    const theirs = meeting.theirs(new zmq.Dealer({ ...beating, reconnectInterval: -1 }))
    const tap = meeting.use(await WireTap.before(await meeting.bind(ours)))
    theirs.connect(tap.endpoint)
    await tap.passed("PONG", 3)
    const ended = ours.events.once("disconnect")
    tap.fallSilent()
    expect((await ended).error).toMatchObject({ code: "EAGAIN", message: expect.stringContaining("600") })
    expect(ours.peers).toHaveLength(0)
  })

  it("HB-6: theirs, idle and with none of its own, answers ours, and stays", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ heartbeatInterval: 10, heartbeatTimeout: 5000 }))
    const theirs = meeting.theirs(new zmq.Dealer())
    const tap = meeting.use(await WireTap.before(await meeting.bind(theirs)))
    ours.connect(tap.endpoint)
    await tap.passed("PONG", 10)
    await ours.send("still there")
    expect(await theirs.receive()).toEqual(frames("still there"))
    expect(tap.connections).toBe(1)
    expect(ours.stats.reconnects).toBe(0)
  })

  it("HB-5, HB-8: theirs that vanishes is noticed by ours, which comes again", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ heartbeatInterval: 20, heartbeatTimeout: 300, ...OURS_SOON }))
    const theirs = meeting.theirs(new zmq.Dealer())
    const tap = meeting.use(await WireTap.before(await meeting.bind(theirs)))
    ours.connect(tap.endpoint)
    await tap.passed("PONG", 1)
    const ended = ours.events.once("disconnect")
    tap.fallSilent()
    expect((await ended).error).toMatchObject({ code: "EAGAIN" })
    await ours.waitForPeers()
    expect(ours.stats.reconnects).toBeGreaterThan(0)
    await ours.send("again")
    expect(await theirs.receive()).toEqual(frames("again"))
  })

  it("HB-5: ours that vanishes is noticed by theirs, which comes again", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer())
    const theirs = meeting.theirs(new zmq.Dealer({ heartbeatInterval: 20, heartbeatTimeout: 300, ...THEIRS_SOON }))
    const tap = meeting.use(await WireTap.before(await meeting.bind(ours)))
    theirs.connect(tap.endpoint)
    await tap.passed("PONG", 1)
    const again = once(theirs, "disconnect").then(() => once(theirs, "handshake"))
    tap.fallSilent()
    await again
    expect(tap.connections).toBeGreaterThan(1)
  })

  it.each([
    ["and the system holds the rest", 20],
    ["and nothing fits in between", undefined],
  ])("theirs at its mark is healthy, %s: ours does not give it up", async (_, count) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ heartbeatInterval: 30, heartbeatTimeout: 300 }))
    const theirs = meeting.theirs(new zmq.Pull({ receiveHighWaterMark: 1 }))
    await meeting.join(ours, theirs)
    const body = Buffer.alloc(32 * 1024)
    let sent = 0
    if (count === undefined) sent = await fill(ours, body)
    else for (; sent < count; sent++) await ours.send("small")
    // Another connection, which is idle, tells the time: ten beats of its heart are longer than that timeout.
    const clock = meeting.ours(new Dealer({ heartbeatInterval: 40, heartbeatTimeout: 5000 }))
    const tap = meeting.use(await WireTap.before(await meeting.bind(meeting.theirs(new zmq.Dealer()))))
    clock.connect(tap.endpoint)
    await tap.passed("PONG", 10)
    expect(ours.peers).toHaveLength(1)
    for (let i = 0; i < sent; i++) await theirs.receive()
    await ours.send("after all that")
    expect(await theirs.receive()).toEqual(frames("after all that"))
  })
})

describe("handshakes", () => {
  it("ZMTP-61: X- properties of ours do not disturb theirs", async () => {
    await using meeting = new Meeting()
    const metadata = { "X-Name": "ours", "X-Empty": "", "X-Large": "x".repeat(5000) }
    const ours = meeting.ours(new Dealer({ metadata }))
    const theirs = meeting.theirs(new zmq.Router())
    await meeting.join(theirs, ours)
    await ours.send("hello")
    const message = await theirs.receive()
    await theirs.send(message)
    expect(await ours.receive()).toEqual(frames("hello"))
  })

  describe.each(SOCKET_TYPES)("ZMTP-55, ZMTP-56: our %s", (type) => {
    const good = legalPeers(type)[0] as (typeof SOCKET_TYPES)[number]
    const illegal = SOCKET_TYPES.filter((theirs) => !legalPeers(type).includes(theirs))

    it("refuses theirs of any other type, and keeps its peer", async () => {
      await using meeting = new Meeting()
      const ours: Socket = meeting.ours(OURS[type]())
      const endpoint = await meeting.join(ours, meeting.theirs(THEIRS[good]()))
      for (const wrong of illegal) {
        const theirs = meeting.theirs(THEIRS[wrong]())
        const refused = Promise.all([ours.events.once("handshake:error"), once(theirs, "disconnect")])
        theirs.connect(endpoint)
        const [atOurs] = await refused
        expect(atOurs).toMatchObject({ error: { code: "EACCES" }, fatal: false })
        expect(atOurs.error.message).toContain(`"${wrong}"`)
        theirs.close()
      }
      expect(ours.peers).toMatchObject([{ socketType: good }])
      expect(ours.stats.handshakeFailures).toBe(illegal.length)
    })

    it("gives up an endpoint at which theirs is of another type", async () => {
      await using meeting = new Meeting()
      for (const wrong of illegal) {
        const ours: Socket = meeting.ours(OURS[type]())
        const theirs = meeting.theirs(THEIRS[wrong]())
        const closed = ours.events.once("close")
        ours.connect(await meeting.bind(theirs))
        await expect(ours.waitForPeers()).rejects.toMatchObject({ code: "EHOSTUNREACH" })
        expect(await closed).toMatchObject({ error: { code: "EACCES" } })
        expect(ours.endpoints).toEqual([])
      }
    })
  })

  it("ZMTP-55: a wrong one of theirs harms no stream that is flowing", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push())
    const pull = meeting.theirs(new zmq.Pull())
    const endpoint = await meeting.join(ours, pull)
    const wrong = meeting.theirs(new zmq.Subscriber())
    const refused = ours.events.once("handshake:error")
    wrong.connect(endpoint)
    let over = false
    void refused.then(() => {
      over = true
    })
    let sent = 0
    for (let rest = 100; rest > 0; rest -= over ? 1 : 0) {
      await ours.send(String(sent))
      expect(await pull.receive()).toEqual(frames(String(sent++)))
    }
    expect(ours.stats.messagesSent).toBe(sent)
  })

  const keys = zmq.curveKeyPair()
  const client = { curvePublicKey: keys.publicKey, curveSecretKey: keys.secretKey, curveServerKey: keys.publicKey }
  it.each([
    ["PLAIN", { plainUsername: "user", plainPassword: "secret" }, { plainServer: true }],
    ["CURVE", client, { curveServer: true, curveSecretKey: keys.secretKey }],
  ])("ZMTP-9, ZMTP-68: theirs of %s and ours of NULL part, with an event, either way", async (_, asker, server) => {
    await using meeting = new Meeting()
    const subscriber = meeting.theirs(new zmq.Subscriber(asker))
    const publisher = meeting.theirs(new zmq.Publisher(server))
    subscriber.subscribe()
    const bound = meeting.ours(new Publisher())
    const connecting = meeting.ours(new Subscriber({ reconnectInterval: -1 }))
    const good = meeting.theirs(new zmq.Subscriber())
    const endpoint = await meeting.join(bound, good)
    for (const [ours, meet] of [
      [bound, () => subscriber.connect(endpoint)],
      [connecting, async () => connecting.connect(await meeting.bind(publisher))],
    ] as const) {
      const refused = ours.events.once("handshake:error")
      await meet()
      expect((await refused).error).toMatchObject({ code: "EPROTO" })
    }
    good.subscribe("")
    const receiving = good.receive()
    await bound.waitForSubscribers("")
    await bound.send("none the worse")
    expect(await receiving).toEqual(frames("none the worse"))
    await turns()
    expect(bound.peers).toHaveLength(1)
  })
})
