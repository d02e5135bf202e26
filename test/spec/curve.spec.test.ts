// CURVE over real connections of tcp, against peers that were written from the RFC by hand and say what no honest peer
// would. What ends a connection harms nobody else: an honest peer of the same socket goes on.

import { inspect } from "node:util"
import { HandshakeError, OptionError, ProtocolError, Pull, Push } from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { loadLibsodium } from "../../src/curve/libsodium.ts"
import { CurveClient } from "../../src/zmtp/curve/client.ts"
import { NonceCounter } from "../../src/zmtp/curve/nonce.ts"
import { CurveProtection } from "../../src/zmtp/curve/protection.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { COMMAND, CurveCaller, type CurveEnd, CurveFort, flipped, refusedBy } from "../support/curve-stage.ts"
import {
  chance,
  type HelloParts,
  type InitiateParts,
  LOW_ORDER,
  named,
  RawCurveClient,
  type ReadyParts,
  rawKeys,
  type WelcomeParts,
} from "../support/raw-curve.ts"
import { commandName, frame, greeting, message, property, RawPeer, ready } from "../support/raw-peer.ts"
import { endOfTick, nullOf, SessionRig } from "../support/session-rig.ts"
import { turns, waits } from "../support/sockets.ts"
import { until } from "../support/until.ts"
import { SteadyPrimitives } from "../support/watched-primitives.ts"

const LONG = 2

const escaped: unknown[] = []
const noteEscape = (error: unknown): void => {
  escaped.push(error)
}

beforeEach(() => {
  escaped.length = 0
  process.on("unhandledRejection", noteEscape)
})

afterEach(async () => {
  vi.useRealTimers()
  await turns(2)
  process.off("unhandledRejection", noteEscape)
  expect(escaped).toEqual([])
})

const points = LOW_ORDER.map((point) => [point.toString("hex"), point] as const)

describe("HELLO", () => {
  it("CURVE-1, CURVE-38: is the first command: 200 octets, version 1.0, zeros, C', nonce 1, a box of zeros", async () => {
    await using caller = await CurveCaller.push()
    const end = await caller.server()
    const { flags, body } = await end.next()
    expect(flags).toBe(COMMAND)
    expect(body.length).toBe(200)
    expect(body.subarray(0, 80)).toEqual(named("HELLO", Buffer.of(1, 0), Buffer.alloc(72)))
    expect(end.side.takeHello(body)).toEqual({ nonce: 1n, flags: 0, payload: Buffer.alloc(64) })
  })

  const wrong: readonly (readonly [string, HelloParts])[] = [
    ["199 octets", { padding: Buffer.alloc(71) }],
    ["201 octets", { padding: Buffer.alloc(73) }],
    ["a larger box", { signed: Buffer.alloc(65) }],
    ["version 0.0", { version: Buffer.of(0, 0) }],
    ["version 1.1", { version: Buffer.of(1, 1) }],
    ["version 2.0", { version: Buffer.of(2, 0) }],
    ["another name", { name: "HELLA" }],
    ["padding that is not zero", { padding: chance(72) }],
    ["a box for another server", { serverKey: rawKeys().publicKey }],
    ["a box by another key", { transientKey: rawKeys().publicKey }],
    ["nonce 0", { nonce: 0n }],
  ]
  it.each(wrong)("CURVE-2: is refused with %s", async (_, parts) => {
    await using fort = new CurveFort()
    const end = await fort.client()
    await refusedBy(fort, end, () => end.command(end.side.hello(parts)))
  })

  it.each(points)("CURVE-32: is refused with C' = %s, and nothing escapes", async (_, transientKey) => {
    await using fort = new CurveFort()
    const end = await fort.client()
    await refusedBy(fort, end, () => end.command(end.side.hello({ transientKey })))
  })

  it("CURVE-2: nothing else is taken in its place", async () => {
    await using fort = new CurveFort()
    const early = await fort.welcomed()
    for (const body of [
      early.side.initiate({ metadata: property("Socket-Type", "PUSH") }),
      early.side.message("no handshake at all"),
      named("READY", property("Socket-Type", "PUSH")),
      named("ERROR", Buffer.of(0)),
      named("PING", Buffer.alloc(2)),
    ]) {
      const end = await fort.client()
      await refusedBy(fort, end, () => end.command(body))
    }
  })

  it("CURVE-3: names another transient key on every connection", async () => {
    await using caller = await CurveCaller.push()
    const keys = new Set<string>()
    for (let i = 0; i < 5; i++) {
      const end = await caller.established()
      keys.add(end.side.theirTransient.toString("hex"))
      end.peer.socket.destroy()
    }
    expect(keys.size).toBe(5)
  })
})

describe("WELCOME", () => {
  it("CURVE-4, CURVE-38: is a command of 168 octets, its box S' and a cookie of 96", async () => {
    await using fort = new CurveFort()
    const end = await fort.client()
    end.command(end.side.hello())
    const { flags, body } = await end.next()
    expect(flags).toBe(COMMAND)
    expect(body.length).toBe(168)
    end.side.takeWelcome(body)
    expect(end.side.cookie.length).toBe(96)
  })

  it("CURVE-6: has another nonce, S' and cookie each time, for the very same HELLO too", async () => {
    await using fort = new CurveFort()
    const seen = new Set<string>()
    const first = await fort.client()
    const hello = first.side.hello()
    for (let i = 0; i < 5; i++) {
      const end = await fort.client(first.side.keys, first.side.transient)
      end.command(hello)
      const { body } = await end.next()
      end.side.takeWelcome(body)
      for (const part of [body.subarray(8, 24), end.side.theirTransient, end.side.cookie.subarray(0, 16)]) {
        seen.add(part.toString("hex"))
      }
    }
    expect(seen.size).toBe(15)
  })

  const wrong: readonly (readonly [string, WelcomeParts])[] = [
    ["a cookie of 95 octets", { cookie: chance(95) }],
    ["a cookie of 97 octets", { cookie: chance(97) }],
    ["a box by another secret", { secretKey: rawKeys().secretKey }],
    ["a box for another step", { prefix: "COOKIE--" }],
    ["another name", { name: "WELCOMF" }],
    ...points.map(([hex, transientKey]) => [`CURVE-32: S' = ${hex}`, { transientKey }] as const),
  ]
  it.each(wrong)("CURVE-5, CURVE-31: is refused with %s, by silence and another attempt", async (_, parts) => {
    await using caller = await CurveCaller.push()
    const end = await caller.greeted()
    const refused = caller.socket.events.once("handshake:error")
    end.command(end.side.welcome(parts))
    expect(await refused).toMatchObject({ error: { code: "EPROTO" }, fatal: false })
    expect(await end.ended()).toEqual([])
    // Whoever forged that has not kept us from the server.
    await caller.established()
    expect(caller.socket.peers).toHaveLength(1)
  })

  it("CURVE-36: is refused when it was said to another connection", async () => {
    await using caller = await CurveCaller.push()
    const first = await caller.greeted()
    const welcome = first.side.welcome()
    first.peer.socket.destroy()
    const end = await caller.greeted()
    const refused = caller.socket.events.once("handshake:error")
    end.command(welcome)
    expect((await refused).error).toBeInstanceOf(ProtocolError)
    expect(await end.ended()).toEqual([])
  })
})

describe("INITIATE", () => {
  it("CURVE-8, CURVE-30, CURVE-38: is a command of the cookie, a nonce, and a box of C, a vouch and metadata", async () => {
    await using caller = await CurveCaller.push()
    const end = await caller.greeted()
    const cookie = chance(96)
    end.command(end.side.welcome({ cookie }))
    const { flags, body } = await end.next()
    const metadata = property("Socket-Type", "PUSH")
    expect(flags).toBe(COMMAND | LONG)
    expect(body.length).toBe(257 + metadata.length)
    expect(end.side.takeInitiate(body)).toEqual({
      nonce: 2n,
      cookie,
      publicKey: caller.keys.publicKey,
      vouched: end.side.theirTransient,
      vouchedServer: caller.serverKeys.publicKey,
      metadata,
    })
    expect(body.includes(caller.keys.publicKey)).toBe(false)
  })

  const somebody = rawKeys()
  const PUSH = property("Socket-Type", "PUSH")
  const wrong: readonly (readonly [string, (client: RawCurveClient) => InitiateParts])[] = [
    ["CURVE-9: a cookie made up", () => ({ cookie: chance(96) })],
    ["CURVE-9: a cookie with a bit flipped", ({ cookie }) => ({ cookie: flipped(cookie, 300) })],
    ["CURVE-8: a cookie cut short", ({ cookie }) => ({ cookie: cookie.subarray(1) })],
    ["CURVE-10: a vouch for another C'", () => ({ vouched: somebody.publicKey })],
    ["CURVE-11: a vouch for another S", () => ({ vouchedServer: somebody.publicKey })],
    ["CURVE-12: a key that is somebody else's", () => ({ publicKey: somebody.publicKey })],
    ["CURVE-12: a vouch by somebody else", () => ({ vouchSecret: somebody.secretKey })],
    ["CURVE-12: a vouch by the transient secret", ({ transient }) => ({ vouchSecret: transient.secretKey })],
    ["CURVE-12: a vouch for S instead of S'", ({ serverKey }) => ({ vouchKey: serverKey })],
    ["CURVE-17: the nonce of HELLO again", () => ({ nonce: 1n })],
    ["a box for another step", () => ({ prefix: "CurveZMQMESSAGEC" })],
    ["metadata that is cut short", () => ({ metadata: PUSH.subarray(0, -1) })],
    ...points.map(([hex, publicKey]) => [`CURVE-32: C = ${hex}`, () => ({ publicKey })] as const),
  ]
  it.each(wrong)("is refused with %s", async (_, parts) => {
    await using fort = new CurveFort()
    const end = await fort.welcomed()
    await refusedBy(fort, end, () => end.command(end.side.initiate({ metadata: PUSH, ...parts(end.side) })))
    expect(fort.pull.peers).toHaveLength(1)
  })

  it("CURVE-9: is refused with the cookie of another connection, of the same client too", async () => {
    await using fort = new CurveFort()
    const first = await fort.welcomed()
    const second = await fort.welcomed()
    await refusedBy(fort, second, () => second.command(second.side.initiate({ cookie: first.side.cookie })))
    first.command(first.side.initiate({ metadata: PUSH }))
    first.side.takeReady((await first.next()).body)
  })

  it("CURVE-7: is refused with a cookie that is over a minute old", async () => {
    vi.useFakeTimers({ toFake: ["performance"] })
    await using fort = new CurveFort({ handshakeInterval: 0 })
    const [fresh, stale] = [await fort.welcomed(), await fort.welcomed()]
    vi.advanceTimersByTime(59_000)
    fresh.command(fresh.side.initiate({ metadata: PUSH }))
    fresh.side.takeReady((await fresh.next()).body)
    vi.advanceTimersByTime(2_000)
    await refusedBy(fort, stale, () => stale.command(stale.side.initiate({ metadata: PUSH })))
  })

  it("CURVE-7: is taken once", async () => {
    await using fort = new CurveFort()
    const end = await fort.welcomed()
    const initiate = end.side.initiate({ metadata: PUSH })
    const left = fort.pull.events.once("disconnect")
    end.peer.send(frame(initiate, COMMAND), frame(initiate, COMMAND))
    end.side.takeReady((await end.next()).body)
    expect((await left).error).toBeInstanceOf(ProtocolError)
    expect(await end.ended()).toEqual([])
    await fort.unharmed()
  })

  it("CURVE-25: of a client that may not come in is answered by ERROR 400, never by READY", async () => {
    await using fort = new CurveFort()
    const end = await fort.welcomed(rawKeys())
    const refused = fort.pull.events.once("handshake:error")
    end.command(end.side.initiate({ metadata: PUSH }))
    expect((await refused).error).toBeInstanceOf(HandshakeError)
    const rest = await end.ended()
    expect(rest.map(commandName)).toEqual(["ERROR"])
    expect(rest[0]?.body).toEqual(named("ERROR", Buffer.from("\x03400")))
    await fort.unharmed()
  })

  it("CURVE-25: of a client of another type is answered by ERROR, never by READY", async () => {
    await using fort = new CurveFort()
    const end = await fort.welcomed()
    end.command(end.side.initiate({ metadata: property("Socket-Type", "SUB") }))
    expect((await end.ended()).map(commandName)).toEqual(["ERROR"])
    await fort.unharmed()
  })

  it("CURVE-28: is answered by nothing at all while somebody is asked", async () => {
    const server = rawKeys()
    let answer: (yes: boolean) => void = () => {}
    const asked = vi.fn(
      () =>
        new Promise<boolean>((resolve) => {
          answer = resolve
        }),
    )
    await using fort = new CurveFort({ security: curveServer({ ...server, authorize: asked }) })
    const peer = await RawPeer.connect(await fort.endpoint)
    const client = new RawCurveClient(server.publicKey)
    peer.send(greeting({ mechanism: "CURVE" }), frame(client.hello(), COMMAND))
    client.takeWelcome((await peer.next()).body)
    peer.send(frame(client.initiate({ metadata: PUSH }), COMMAND))
    const next = peer.next()
    await until(() => asked.mock.calls.length === 1, "somebody is asked")
    expect(await waits(next)).toBe(true)
    expect(fort.pull.peers).toEqual([])
    answer(true)
    client.takeReady((await next).body)
    await fort.pull.waitForPeers()
    peer[Symbol.dispose]()
  })
})

describe("READY", () => {
  it("CURVE-13: is a command of 30 octets and the server's metadata, in a box", async () => {
    await using fort = new CurveFort()
    const end = await fort.welcomed()
    end.command(end.side.initiate({ metadata: property("Socket-Type", "PUSH") }))
    const { flags, body } = await end.next()
    const metadata = property("Socket-Type", "PULL")
    expect(flags).toBe(COMMAND)
    expect(body.length).toBe(30 + metadata.length)
    expect(end.side.takeReady(body)).toEqual({ nonce: 1n, flags: 0, payload: metadata })
  })

  const PULL = property("Socket-Type", "PULL")
  const wrong: readonly (readonly [string, ReadyParts])[] = [
    ["a box by another secret", { secretKey: rawKeys().secretKey }],
    ["a box for another step", { prefix: "CurveZMQMESSAGES" }],
    ["nonce 0", { nonce: 0n }],
    ["metadata that is cut short", { metadata: PULL.subarray(0, -1) }],
  ]
  it.each(wrong)("CURVE-13, CURVE-26: is refused with %s, without a word", async (_, parts) => {
    await using caller = await CurveCaller.push()
    const end = await caller.introduced()
    const refused = caller.socket.events.once("handshake:error")
    end.command(end.side.ready({ metadata: PULL, ...parts }))
    expect((await refused).error).toBeInstanceOf(ProtocolError)
    expect(await end.ended()).toEqual([])
  })

  it("CURVE-26: of a server of another type is refused without a word", async () => {
    await using caller = await CurveCaller.push()
    const end = await caller.introduced()
    const refused = caller.socket.events.once("handshake:error")
    end.command(end.side.ready({ metadata: property("Socket-Type", "PUB") }))
    expect((await refused).error).toBeInstanceOf(HandshakeError)
    expect(await end.ended()).toEqual([])
  })

  it("CURVE-13: of NULL, in clear, is refused", async () => {
    await using caller = await CurveCaller.push()
    for (const stage of ["greeted", "introduced"] as const) {
      const end = await caller[stage]()
      const refused = caller.socket.events.once("handshake:error")
      end.peer.send(ready("PULL"))
      expect((await refused).error).toBeInstanceOf(ProtocolError)
      expect(await end.ended()).toEqual([])
    }
  })
})

describe("whom nobody knows", () => {
  it("CURVE-29, LIMIT-2: half-open connections are bounded in their number, and the oldest goes first", async () => {
    await using fort = new CurveFort({ maxPendingHandshakes: 4 })
    const ends = [await fort.welcomed()]
    for (let i = 1; i < 7; i++) ends.push(await fort.welcomed())
    for (const end of ends.slice(0, 3)) expect(await end.ended()).toEqual([])
    const last = ends.at(-1) as CurveEnd<RawCurveClient>
    last.command(last.side.initiate({ metadata: property("Socket-Type", "PUSH") }))
    last.side.takeReady((await last.next()).body)
    await fort.unharmed()
  })

  it("LIMIT-3: a handshake that stops ends with its deadline", async () => {
    await using fort = new CurveFort({ handshakeInterval: 2000 })
    const [greeted, welcomed] = [await fort.client(), await fort.welcomed()]
    const timedOut = await Promise.all([greeted.ended(), welcomed.ended()])
    expect(timedOut).toEqual([[], []])
    expect(fort.pull.peers).toEqual([])
  })

  it("CURVE-36: a recorded session says nothing to a new connection", async () => {
    await using fort = new CurveFort()
    const end = await fort.client()
    const recorded = [frame(end.side.hello(), COMMAND)]
    end.peer.send(recorded[0] as Buffer)
    end.side.takeWelcome((await end.next()).body)
    recorded.push(frame(end.side.initiate({ metadata: property("Socket-Type", "PUSH") }), COMMAND))
    end.peer.send(recorded[1] as Buffer)
    end.side.takeReady((await end.next()).body)
    recorded.push(frame(end.side.message("recorded")))
    end.peer.send(recorded[2] as Buffer)
    expect(await fort.received()).toEqual(["recorded"])

    // At once, and step by step.
    for (const stepwise of [false, true]) {
      const again = await fort.client()
      const refused = fort.pull.events.once("handshake:error")
      for (const octets of recorded) {
        again.peer.send(octets)
        if (stepwise) await turns(3)
      }
      expect((await refused).error).toBeInstanceOf(ProtocolError)
      const rest = (await again.ended()).map(commandName)
      expect(rest.filter((name) => name !== "WELCOME")).toEqual([])
      await fort.unharmed()
    }
  })

  it("CURVE-31: a client with a wrong server key never comes in, and goes on trying", async () => {
    await using fort = new CurveFort()
    await using push = new Push({
      security: curve({ serverKey: rawKeys().publicKey, ...fort.members }),
      reconnectInterval: 1,
      linger: 0,
    })
    push.connect(await fort.endpoint)
    for (let i = 0; i < 3; i++) {
      expect(await push.events.once("handshake:error")).toMatchObject({ fatal: false })
    }
    expect([push.peers, fort.pull.peers]).toEqual([[], []])
    expect(push.trySend("held back")).toBe(true)
    await fort.unharmed()
  })

  it.each(["NULL", "PLAIN"])(
    "CURVE-31: a server of %s gets nothing from a client, and the right one gets all",
    async (mechanism) => {
      await using caller = await CurveCaller.push()
      const sending = caller.socket.send("for the server alone")
      const refused = caller.socket.events.once("handshake:error")
      const impostor = await caller.accept()
      impostor.send(greeting({ mechanism, asServer: true }), ready("PULL"))
      expect(await refused).toMatchObject({ error: { code: "EPROTO" }, fatal: false })
      await expect(impostor.next()).rejects.toThrow()
      const end = await caller.established()
      await sending
      expect((await end.opened()).payload.toString()).toBe("for the server alone")
    },
  )

  it.each(["NULL", "PLAIN"])("ZMTP-9: a peer of %s is refused", async (mechanism) => {
    await using fort = new CurveFort()
    const peer = await RawPeer.connect(await fort.endpoint)
    const refused = fort.pull.events.once("handshake:error")
    peer.send(greeting({ mechanism }), ready("PUSH"), message("in clear"))
    expect((await refused).error).toBeInstanceOf(ProtocolError)
    await peer.closed
    await fort.unharmed()
  })
})

describe("secrets", () => {
  it("CURVE-30: nothing that a client says holds its key or what it says in clear", async () => {
    await using caller = await CurveCaller.push()
    const heard: Buffer[] = []
    const end = await caller.server()
    end.peer.socket.on("data", (chunk) => heard.push(Buffer.from(chunk)))
    const hello = (await end.next()).body
    heard.push(hello)
    end.side.takeHello(hello)
    end.command(end.side.welcome())
    end.side.takeInitiate((await end.next()).body)
    end.command(end.side.ready({ metadata: property("Socket-Type", "PULL") }))
    await caller.socket.send(["a text that nobody else may read", Buffer.alloc(20_000, "and a long one")])
    expect([(await end.opened()).payload.length, (await end.opened()).payload.length]).toEqual([32, 20_000])
    const octets = Buffer.concat(heard)
    expect(octets.includes(end.side.theirTransient)).toBe(true)
    for (const hidden of [caller.keys.publicKey, caller.keys.secretKey, "nobody else", "and a long", "Socket-Type"]) {
      expect(octets.includes(hidden)).toBe(false)
    }
  })

  it("CURVE-33: keys are 32 octets or 40 characters, and the two work together", async () => {
    const [server, client] = [curveKeyPair(), rawKeys()]
    await using pull = new Pull({ security: curveServer({ ...server, allow: [client.publicKey] }) })
    await using push = new Push({ security: curve({ serverKey: server.publicKey, ...client }) })
    push.connect(await pull.bind("tcp://127.0.0.1:*"))
    await push.send("hello")
    expect(String(await pull.receive())).toBe("hello")
    expect(pull.peers[0]?.userId).toMatch(/^.{40}$/)
    expect(() => curve({ serverKey: server.publicKey.slice(1), ...client })).toThrow(OptionError)
  })

  it("CURVE-34: a connection whose nonces are used up ends, and has sent no nonce twice", async () => {
    const boxes = await loadLibsodium()
    const key = chance(32)
    const protection = new CurveProtection({
      side: "client",
      boxes,
      key,
      sent: new NonceCounter(0xffff_ffff, 0xffff_fffd),
      received: new NonceCounter(),
    })
    const mechanism: Mechanism = nullOf("PUSH")
    Object.defineProperty(mechanism, "protection", { value: protection })
    const rig = new SessionRig({ mechanism: () => mechanism })
    rig.greet("PULL")
    rig.stream.takeWritten()
    rig.push("the last but one", "the last", "one too many")
    await endOfTick()
    await endOfTick()
    expect(rig.end.error).toBeInstanceOf(ProtocolError)
    expect(rig.end.error?.message).toMatch(/used up/)
    const octets = rig.stream.takeWritten()
    expect(octets.toString("latin1").split("\x07MESSAGE").length - 1).toBeLessThanOrEqual(2)
    rig.hub[Symbol.dispose]()
  })

  it("CURVE-35: the published HELLO is made, octet by octet", async () => {
    const rising = (first: number): Buffer => Buffer.from(Array.from({ length: 32 }, (_, i) => first + i))
    const steady = new SteadyPrimitives(await loadLibsodium(), [rawKeys(rising(1))])
    const setup = { metadata: Buffer.alloc(0), limits: { maxProperties: 64, maxBytes: 8192 } }
    const serverKey = Buffer.from("5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b", "hex")
    const hello = new CurveClient(setup, steady, { ...rawKeys(), serverKey }).produce()
    expect(hello?.subarray(80).toString("hex")).toBe(
      "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c0000000000000001" +
        "12826ef9316cbf19f1a011a58edbb7c54e6456cf81cd28fbf49365cd4055ca1671d321df4325689aab38109005535e57" +
        "943f90769e3c4733514a0644f0bee5827091af0142c6cbc296cf9c187eebfd8e",
    )
  })

  it("CURVE-37: a server that was not told who may come in cannot be made", () => {
    expect(() => curveServer(curveKeyPair() as never)).toThrow(/who may come in/)
    expect(curveServer({ ...curveKeyPair(), anyone: true }).mechanism).toBe("CURVE")
  })

  it("CURVE-39: no socket shows its keys, and no event of a handshake that failed", async () => {
    await using fort = new CurveFort()
    const end = await fort.client()
    const refused = fort.pull.events.once("handshake:error")
    end.command(end.side.hello({ serverKey: rawKeys().publicKey }))
    const shown = [fort.pull, await refused].map((each) => inspect(each, { depth: 20, showHidden: true })).join("\n")
    const secret = fort.keys.secretKey
    expect(shown).not.toContain(secret.toString("hex").slice(0, 20))
    expect(shown).not.toContain((secret.toString("hex").match(/../g) as string[]).slice(0, 8).join(" "))
    expect(await end.ended()).toEqual([])
  })
})
