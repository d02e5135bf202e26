// CURVE between sockets of ours and of theirs: both roles, on both sides of bind and connect, with everything that
// passes in a box; and the refusals, each way.

import { randomBytes } from "node:crypto"
import { Dealer, Pull, Push, plain, plainServer, type Security, type Socket, Subscriber, XPublisher } from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { OURS, THEIRS } from "../support/every-type.ts"
import { exchange, PAIRS } from "../support/exchanges.ts"
import { type End, frames, Meeting, once, TRANSPORTS } from "../support/meeting.ts"
import { takeText, turns } from "../support/sockets.ts"
import { WireTap } from "../support/wire-tap.ts"

const server = curveKeyPair()
const client = curveKeyPair()

const ROLES = ["client", "server"] as const
type Role = (typeof ROLES)[number]

/** Our security, where theirs has the other role. */
function security(role: Role): Security {
  return role === "client"
    ? curve({ serverKey: server.publicKey, ...client })
    : curveServer({ ...server, allow: [client.publicKey] })
}

/** Makes a socket of theirs what it is to be. */
function secured<S extends zmq.Socket>(socket: S, role: Role): S {
  if (role === "server") {
    socket.curveServer = true
    socket.curveSecretKey = server.secretKey
  } else {
    socket.curveServerKey = server.publicKey
    socket.curvePublicKey = client.publicKey
    socket.curveSecretKey = client.secretKey
  }
  return socket
}

const otherRole = (role: Role): Role => (role === "client" ? "server" : "client")

describe.each(TRANSPORTS)("over %s", (transport) => {
  describe.each(PAIRS)("CURVE-20, CURVE-23: our $ours and their $theirs", (types) => {
    const cases = ROLES.flatMap((role) => [
      { role, binder: "ours" },
      { role, binder: "theirs" },
    ])
    it.each(cases)("talk when $binder binds and ours is the $role", async ({ role, binder }) => {
      await using meeting = new Meeting()
      const ours = meeting.ours(OURS[types.ours]({ security: security(role) }))
      const theirs = secured(meeting.theirs(THEIRS[types.theirs]()), otherRole(role))
      await (binder === "ours" ? meeting.join(ours, theirs, transport) : meeting.join(theirs, ours, transport))
      await exchange(types, ours as Socket & End, theirs as zmq.Socket & End)
      expect(ours.stats.handshakeFailures).toBe(0)
      expect(ours.peers).toMatchObject([
        { socketType: types.theirs, userId: role === "server" ? client.publicKey : undefined },
      ])
    })
  })

  const RANDOM = randomBytes(4 * 1024 * 1024)
  const SIZES = [0, 1, 221, 222, 223, 255, 256, 8191, 8192, 65_502, 65_503, 65_504, 65_536, 1_048_576, RANDOM.length]

  it.each(ROLES)("ZMTP-39: bodies of all sizes survive both directions, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ security: security(role) }))
    const theirs = secured(meeting.theirs(new zmq.Dealer()), otherRole(role))
    await meeting.join(ours, theirs, transport)
    for (const [from, to] of [
      [ours, theirs],
      [theirs, ours],
    ] as [End, End][]) {
      for (const message of [...SIZES.map((size) => [size]), SIZES]) {
        const bodies = message.map((size) => RANDOM.subarray(RANDOM.length - size))
        const [arrived] = await Promise.all([to.receive(), from.send(bodies)])
        expect(arrived.map((frame) => frame.length)).toEqual(message)
        expect(arrived.every((frame, i) => frame.equals(bodies[i] as Buffer))).toBe(true)
      }
    }
  })

  it.each(ROLES)("CURVE-16, ZMTP-36: thousands arrive in order, both ways at once, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Dealer({ security: security(role) }))
    const theirs = secured(meeting.theirs(new zmq.Dealer()), otherRole(role))
    await meeting.join(theirs, ours, transport)
    const count = 2000
    const send = async (from: End): Promise<void> => {
      for (let i = 0; i < count; i++) await from.send([`${i}`, "", RANDOM.subarray(0, i % 400)])
    }
    const receive = async (to: End): Promise<number> => {
      let right = 0
      for (let i = 0; i < count; i++) {
        const [number, empty, body] = await to.receive()
        if (String(number) === `${i}` && empty?.length === 0 && body?.length === i % 400) right++
      }
      return right
    }
    const [one, other] = [ours as End, theirs as unknown as End]
    const [atOurs, atTheirs] = await Promise.all([receive(one), receive(other), send(one), send(other)])
    expect({ atOurs, atTheirs }).toEqual({ atOurs: count, atTheirs: count })
  })
})

describe("commands inside", () => {
  it.each(ROLES)("CURVE-21: our subscriptions are theirs to see, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Subscriber({ security: security(role) }))
    const theirs = secured(meeting.theirs(new zmq.XPublisher()), otherRole(role))
    await meeting.join(theirs, ours)
    ours.subscribe("a")
    expect(await theirs.receive()).toEqual(frames("\x01a"))
    await theirs.send("about a")
    expect(await takeText(ours, 1)).toEqual(["about a"])
    await theirs.send("b, which nobody wants")
    ours.subscribe("c")
    expect(await theirs.receive()).toEqual(frames("\x01c"))
    ours.unsubscribe("a")
    expect(await theirs.receive()).toEqual(frames("\0a"))
    await theirs.send("a no more")
    await theirs.send("c is wanted")
    expect(await takeText(ours, 1)).toEqual(["c is wanted"])
  })

  it.each(ROLES)("CURVE-21: their subscriptions are ours to see, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new XPublisher({ security: security(role) }))
    const theirs = secured(meeting.theirs(new zmq.Subscriber()), otherRole(role))
    await meeting.join(ours, theirs)
    theirs.subscribe("a")
    expect(String(await ours.receive())).toBe("\x01a")
    const receiving = theirs.receive()
    await ours.send("b, which nobody wants")
    await ours.send("about a")
    expect(await receiving).toEqual(frames("about a"))
    theirs.unsubscribe("a")
    expect(String(await ours.receive())).toBe("\0a")
  })

  it.each(ROLES)("HB-12: heartbeats keep a quiet connection, and both ask, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const theirs = secured(meeting.theirs(new zmq.Dealer()), otherRole(role))
    theirs.heartbeatInterval = 20
    theirs.heartbeatTimeout = 5000
    const bound = await meeting.bind(theirs)
    const tap = meeting.use(await WireTap.before(bound))
    const ours = meeting.ours(
      new Dealer({ security: security(role), heartbeatInterval: 20, heartbeatTimeout: 5000, reconnectInterval: 1 }),
    )
    ours.connect(tap.endpoint)
    await ours.waitForPeers()
    // All of it is MESSAGE, whatever is inside: many go by although nobody says a word.
    await tap.passed("MESSAGE", 30)
    expect(tap.connections).toBe(1)
    expect(ours.stats.reconnects).toBe(0)
    const receiving = ours.receive()
    await theirs.send("still here")
    expect(String(await receiving)).toBe("still here")
  })

  it.each(ROLES)("HB-12: theirs answers our PING, or else is given up, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const theirs = secured(meeting.theirs(new zmq.Dealer()), otherRole(role))
    const tap = meeting.use(await WireTap.before(await meeting.bind(theirs)))
    const ours = meeting.ours(
      new Dealer({ security: security(role), heartbeatInterval: 10, heartbeatTimeout: 1000, reconnectInterval: 1 }),
    )
    ours.connect(tap.endpoint)
    await ours.waitForPeers()
    // PINGs of ours and as many PONGs of theirs.
    await tap.passed("MESSAGE", 10)
    expect(ours.stats.reconnects).toBe(0)
    const left = ours.events.once("disconnect")
    const back = ours.events.once("peer:join")
    tap.fallSilent()
    expect((await left).error?.name).toBe("TimeoutError")
    await back
    expect(tap.connections).toBe(2)
  })
})

describe("reconnecting", () => {
  it.each(ROLES)("CURVE-3, ZMTP-66: comes back to one that was replaced, ours being the %s", async (role) => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Push({ security: security(role), reconnectInterval: 1, reconnectMaxInterval: 10 }))
    const first = secured(meeting.theirs(new zmq.Pull()), otherRole(role))
    const endpoint = await meeting.bind(first)
    ours.connect(endpoint)
    await ours.send("to the first")
    expect(await first.receive()).toEqual(frames("to the first"))
    const left = ours.events.once("peer:leave")
    first.close()
    await left
    const second = secured(meeting.theirs(new zmq.Pull()), otherRole(role))
    await meeting.rebind(second, endpoint)
    await ours.send("to the second")
    expect(await second.receive()).toEqual(frames("to the second"))
    expect(ours.stats.reconnects).toBe(1)
  })
})

describe("refusals", () => {
  const stranger = curveKeyPair()

  it("CURVE-31: ours with a wrong server key never gets through to theirs", async () => {
    await using meeting = new Meeting()
    const theirs = secured(meeting.theirs(new zmq.Pull()), "server")
    const ours = meeting.ours(
      new Push({
        security: curve({ serverKey: stranger.publicKey, ...client }),
        reconnectInterval: 1,
        handshakeInterval: 1000,
      }),
    )
    ours.connect(await meeting.bind(theirs))
    for (let i = 0; i < 2; i++) expect(await ours.events.once("handshake:error")).toMatchObject({ fatal: false })
    expect(ours.peers).toEqual([])
  })

  it("CURVE-31: theirs with a wrong server key never gets through to ours", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull({ security: security("server") }))
    const theirs = secured(meeting.theirs(new zmq.Push()), "client")
    theirs.curveServerKey = stranger.publicKey
    const refused = ours.events.once("handshake:error")
    theirs.connect(await meeting.bind(ours))
    expect((await refused).error).toMatchObject({ code: "EPROTO" })
    expect(ours.peers).toEqual([])
  })

  it("CURVE-25: theirs that may not come in is told so, and others are not concerned", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Pull({ security: security("server") }))
    const good = secured(meeting.theirs(new zmq.Push()), "client")
    const endpoint = await meeting.join(ours, good)
    const bad = secured(meeting.theirs(new zmq.Push()), "client")
    bad.curvePublicKey = stranger.publicKey
    bad.curveSecretKey = stranger.secretKey
    const told = once(bad, "handshake:error:auth")
    const refused = ours.events.once("handshake:error")
    bad.connect(endpoint)
    expect((await refused).error).toMatchObject({ code: "EACCES" })
    expect((await told).error).toMatchObject({ status: 400 })
    await good.send("none the worse")
    expect(await ours.receive()).toEqual(frames("none the worse"))
    expect(ours.peers).toHaveLength(1)
  })

  /** What speaks no CURVE, ours and theirs. */
  const OTHERS = {
    NULL: { ours: undefined, theirs: {} },
    "PLAIN client": {
      ours: plain({ username: "ada", password: "secret" }),
      theirs: { plainUsername: "ada", plainPassword: "secret" },
    },
    "PLAIN server": { ours: plainServer({ allow: { ada: "secret" } }), theirs: { plainServer: true } },
  } as const

  describe.each(Object.keys(OTHERS) as (keyof typeof OTHERS)[])("ZMTP-9: %s", (name) => {
    const other = OTHERS[name]

    it.each(ROLES)("of theirs and CURVE of ours part, ours being the %s", async (role) => {
      await using meeting = new Meeting()
      const ours = meeting.ours(new Pull({ security: security(role) }))
      const theirs = meeting.theirs(new zmq.Push(other.theirs))
      const refused = ours.events.once("handshake:error")
      theirs.connect(await meeting.bind(ours))
      expect((await refused).error).toMatchObject({ code: "EPROTO" })
      const connecting = meeting.ours(new Pull({ security: security(role), reconnectInterval: -1 }))
      const again = connecting.events.once("handshake:error")
      connecting.connect(await meeting.bind(meeting.theirs(new zmq.Push(other.theirs))))
      expect((await again).error).toMatchObject({ code: "EPROTO" })
      expect([ours.peers, connecting.peers]).toEqual([[], []])
    })

    it.each(ROLES)("of ours and CURVE of theirs part, theirs being the %s", async (role) => {
      await using meeting = new Meeting()
      const ours = meeting.ours(new Pull({ security: other.ours }))
      const theirs = secured(meeting.theirs(new zmq.Push()), role)
      const refused = ours.events.once("handshake:error")
      theirs.connect(await meeting.bind(ours))
      expect((await refused).error).toMatchObject({ code: "EPROTO" })
      expect(ours.peers).toEqual([])
    })
  })

  it("CURVE-25: two clients part, and two servers", async () => {
    for (const role of ROLES) {
      await using meeting = new Meeting()
      const ours = meeting.ours(new Pull({ security: security(role), handshakeInterval: 200 }))
      const theirs = secured(meeting.theirs(new zmq.Push()), role)
      const refused = ours.events.once("handshake:error")
      theirs.connect(await meeting.bind(ours))
      await refused
      expect(ours.peers).toEqual([])
    }
  })
})

describe("a handler of ZAP on their side", () => {
  /** Answers requests one after the other until it is closed, and notes who was asked about. */
  async function judge(handler: zmq.Reply, verdict: (key: Buffer) => string, asked: Buffer[][]): Promise<void> {
    try {
      for await (const request of handler) {
        asked.push(request)
        const code = verdict(request[6] as Buffer)
        const status = code === "200" ? "OK" : "No"
        await handler.send([request[0] as Buffer, request[1] as Buffer, code, status, "whoever", ""])
      }
    } catch (error) {
      // It was closed while it waited.
      expect((error as NodeJS.ErrnoException).code).toMatch(/EAGAIN|EBADF/)
    }
  }

  it("ZAP-3: is asked about our key of 32 octets, and lets us in or tells us no", async () => {
    await using meeting = new Meeting()
    const handler = meeting.theirs(new zmq.Reply())
    await handler.bind("inproc://zeromq.zap.01")
    const asked: Buffer[][] = []
    const judging = judge(handler, (key) => (octets(client.publicKey).equals(key) ? "200" : "400"), asked)
    const theirs = secured(meeting.theirs(new zmq.Pull({ zapDomain: "test" })), "server")
    const endpoint = await meeting.bind(theirs)

    const good = meeting.ours(new Push({ security: security("client") }))
    good.connect(endpoint)
    await good.send("let in")
    expect(await theirs.receive()).toEqual(frames("let in"))

    const stranger = curveKeyPair()
    const bad = meeting.ours(new Push({ security: curve({ serverKey: server.publicKey, ...stranger }) }))
    const refused = bad.events.once("handshake:error")
    const given = bad.events.once("close")
    bad.connect(endpoint)
    const { error, fatal } = await refused
    expect(error).toMatchObject({ code: "EACCES" })
    expect(error.message).toContain('"400"')
    expect(fatal).toBe(true)
    await given
    expect(bad.endpoints).toEqual([])

    expect(asked.map((request) => request.map(String).slice(2, 6))).toEqual([
      ["test", "127.0.0.1", "", "CURVE"],
      ["test", "127.0.0.1", "", "CURVE"],
    ])
    expect(asked.map((request) => request[6])).toEqual([octets(client.publicKey), octets(stranger.publicKey)])
    handler.close()
    await judging
    await turns()
  })

  it("ZAP-6: that wants us to come again is come to again", async () => {
    await using meeting = new Meeting()
    const handler = meeting.theirs(new zmq.Reply())
    await handler.bind("inproc://zeromq.zap.01")
    const asked: Buffer[][] = []
    const judging = judge(handler, () => (asked.length < 3 ? "300" : "200"), asked)
    const theirs = secured(meeting.theirs(new zmq.Pull({ zapDomain: "test" })), "server")
    // It says nothing at all, and does not hang up either.
    const ours = meeting.ours(new Push({ security: security("client"), reconnectInterval: 1, handshakeInterval: 200 }))
    const refused = ours.events.once("handshake:error")
    ours.connect(await meeting.bind(theirs))
    expect(await refused).toMatchObject({ fatal: false })
    await ours.send("at last")
    expect(await theirs.receive()).toEqual(frames("at last"))
    expect(asked.length).toBeGreaterThanOrEqual(3)
    handler.close()
    await judging
  })

  function octets(key: string): Buffer {
    const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    const words = Array.from({ length: 8 }, (_, i) =>
      [...key.slice(i * 5, i * 5 + 5)].reduce((sum, character) => sum * 85 + alphabet.indexOf(character), 0),
    )
    const memory = Buffer.alloc(32)
    for (const [i, word] of words.entries()) memory.writeUInt32BE(word, i * 4)
    return memory
  }
})
