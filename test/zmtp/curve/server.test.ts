import { afterEach, describe, expect, it, vi } from "vitest"
import { loadLibsodium } from "../../../src/curve/libsodium.ts"
import { ProtocolError } from "../../../src/errors.ts"
import { error, ping, ready, welcome } from "../../../src/zmtp/command.ts"
import type { Primitives } from "../../../src/zmtp/curve/primitives.ts"
import { CurveServer } from "../../../src/zmtp/curve/server.ts"
import { encodeMetadata } from "../../../src/zmtp/metadata.ts"
import {
  box,
  chance,
  counter,
  type HelloParts,
  type InitiateParts,
  LOW_ORDER,
  named,
  RawCurveClient,
  rawKeys,
  rawNonce,
} from "../../support/raw-curve.ts"
import { property } from "../../support/raw-peer.ts"
import { WatchedPrimitives } from "../../support/watched-primitives.ts"

const portable = await loadLibsodium()
const LIMITS = { maxProperties: 64, maxBytes: 8192 }
const OURS = encodeMetadata([["Socket-Type", "ROUTER"]])
const THEIRS = property("Socket-Type", "DEALER")
const KEYS = rawKeys()

interface Both {
  readonly server: CurveServer
  readonly client: RawCurveClient
}

interface Setup {
  primitives?: Primitives
  client?: RawCurveClient
  limits?: typeof LIMITS
}

function both({
  primitives = portable,
  client = new RawCurveClient(KEYS.publicKey),
  limits = LIMITS,
}: Setup = {}): Both {
  return { server: new CurveServer({ metadata: OURS, limits }, primitives, KEYS), client }
}

function produced(server: CurveServer): Buffer {
  const body = server.produce()
  if (body === undefined) throw new Error("The server has nothing to say")
  expect(server.produce()).toBeUndefined()
  return body
}

/** Takes both to where the client is to say INITIATE. */
function welcomed(setup?: Setup): Both {
  const sides = both(setup)
  sides.server.consume(sides.client.hello())
  sides.client.takeWelcome(produced(sides.server))
  return sides
}

/** Takes both to where somebody is to judge the client. */
function introduced(setup?: Setup): Both {
  const sides = welcomed(setup)
  sides.server.consume(sides.client.initiate({ metadata: THEIRS }))
  return sides
}

function established(setup?: Setup): Both {
  const sides = introduced(setup)
  sides.server.admit()
  sides.client.takeReady(produced(sides.server))
  return sides
}

function refusesHello(parts: HelloParts): void {
  const { server, client } = both()
  expect(() => server.consume(client.hello(parts))).toThrow(ProtocolError)
  expect(server.produce()).toBeUndefined()
}

function refusesInitiate(parts: (client: RawCurveClient) => InitiateParts, why: RegExp = /./): void {
  const { server, client } = welcomed()
  let told: unknown
  try {
    server.consume(client.initiate({ metadata: THEIRS, ...parts(client) }))
  } catch (error) {
    told = error
  }
  expect(told).toBeInstanceOf(ProtocolError)
  expect((told as Error).message).toMatch(why)
  expect(server.status).toBe("handshake")
  expect(server.credentials).toBeUndefined()
  expect(server.produce()).toBeUndefined()
}

afterEach(() => vi.useRealTimers())

describe("the server of CURVE: HELLO", () => {
  it("ZMTP-13: is announced by its name, as server, and waits for the client", () => {
    const { server } = both()
    expect(server).toMatchObject({ name: "CURVE", asServer: true, status: "handshake" })
    expect(server.produce()).toBeUndefined()
  })

  it("CURVE-4: is answered by a WELCOME of 168 octets: a long nonce, S' and a cookie in a box for C'", () => {
    const { server, client } = both()
    server.consume(client.hello())
    const body = produced(server)
    expect(body.length).toBe(168)
    client.takeWelcome(body)
    expect(client.theirTransient.length).toBe(32)
    expect(client.cookie.length).toBe(96)
  })

  it("CURVE-6: is answered by another S', cookie and nonce each time", () => {
    const seen = new Set<string>()
    for (let i = 0; i < 20; i++) {
      const { server, client } = both()
      server.consume(client.hello())
      const body = produced(server)
      client.takeWelcome(body)
      const parts = [body.subarray(8, 24), client.theirTransient, client.cookie.subarray(0, 16), client.cookie]
      for (const part of parts) seen.add(part.toString("hex"))
    }
    expect(seen.size).toBe(80)
  })

  it("CURVE-6: makes the long nonces and the key of the cookie by chance", () => {
    const primitives = new WatchedPrimitives(portable)
    const { client } = welcomed({ primitives })
    expect(primitives.chances.map((each) => each.length).sort()).toEqual([16, 16, 32])
    expect(primitives.chances.some((each) => each.equals(client.cookie.subarray(0, 16)))).toBe(true)
  })

  it("CURVE-2: is refused when it has another size", () => {
    const whole = both().client.hello()
    for (const body of [199, 120, 119, 80, 8, 6].map((size) => whole.subarray(0, size))) {
      expect(() => both().server.consume(Buffer.from(body))).toThrow(ProtocolError)
    }
    expect(() => both().server.consume(Buffer.concat([whole, Buffer.of(0)]))).toThrow(ProtocolError)
    refusesHello({ padding: Buffer.alloc(71) })
    refusesHello({ padding: Buffer.alloc(73) })
    refusesHello({ signed: Buffer.alloc(63) })
    refusesHello({ signed: Buffer.alloc(65) })
  })

  it("CURVE-2: is refused when it has another version or name", () => {
    for (const version of [Buffer.of(0, 0), Buffer.of(1, 1), Buffer.of(2, 0), Buffer.of(0, 1)])
      refusesHello({ version })
    for (const name of ["HELLP", "hello", "READY", "ERROR", "INITI"]) refusesHello({ name })
  })

  it("CURVE-2: is refused when its box does not open", () => {
    refusesHello({ serverKey: rawKeys().publicKey })
    refusesHello({ transientKey: rawKeys().publicKey })
    refusesHello({ nonce: 0n })
    const { server, client } = both()
    const body = client.hello()
    counter(2n).copy(body, 112)
    expect(() => server.consume(body)).toThrow(ProtocolError)
  })

  it("B15: is refused with padding that is not zero", () => {
    for (const at of [0, 1, 35, 71]) refusesHello({ padding: Buffer.alloc(72).fill(1, at, at + 1) })
    refusesHello({ padding: chance(72) })
  })

  it("takes no notice of what is in the box instead of zeros, nor of where the nonces begin", () => {
    for (const parts of [{ signed: chance(64) }, { nonce: 77n }]) {
      const { server, client } = both()
      server.consume(client.hello(parts))
      client.takeWelcome(produced(server))
    }
  })

  it.each(LOW_ORDER.map((point) => [point.toString("hex"), point] as const))(
    "CURVE-32: is refused with C' = %s",
    (_, point) => {
      refusesHello({ transientKey: point })
      // Made with the key at which everybody arrives, it would open.
      const { server } = both()
      const body = named("HELLO", Buffer.of(1, 0), Buffer.alloc(72), point, counter(1n), Buffer.alloc(80))
      expect(() => server.consume(body)).toThrow(/low order/)
    },
  )

  it("is refused a second time", () => {
    const { server, client } = both()
    server.consume(client.hello())
    expect(() => server.consume(client.hello())).toThrow(ProtocolError)
    const later = welcomed()
    expect(() => later.server.consume(later.client.hello())).toThrow(ProtocolError)
  })

  it("CURVE-26: nothing else is taken in its place, an ERROR neither", () => {
    const others = [error("400"), welcome(Buffer.alloc(160)), ready(Buffer.alloc(24)), ping(0, Buffer.alloc(0))]
    const early = welcomed().client
    for (const body of [...others, Buffer.alloc(0), early.message("x"), early.initiate()]) {
      expect(() => both().server.consume(Buffer.from(body))).toThrow(ProtocolError)
      if (body.toString("latin1", 1, 9) === "INITIATE") continue
      expect(() => welcomed().server.consume(Buffer.from(body))).toThrow(ProtocolError)
    }
  })

  it("CURVE-29: leaves a server with C' and one key, its own transient secret overwritten", () => {
    const primitives = new WatchedPrimitives(portable)
    welcomed({ primitives })
    expect(primitives.secrets.filter((secret) => !secret.equals(Buffer.alloc(32)))).toHaveLength(1)
  })
})

describe("the server of CURVE: INITIATE", () => {
  it("CURVE-28: is followed by the question who this is, and by nothing until that is answered", () => {
    const { server, client } = introduced()
    expect(server.status).toBe("asking")
    expect(server.credentials?.publicKey).toEqual(client.keys.publicKey)
    expect(server.produce()).toBeUndefined()
    expect(server.protection).toBeUndefined()
    for (const body of [client.initiate(), client.hello(), client.message("too early")]) {
      expect(() => server.consume(body)).toThrow(ProtocolError)
    }
  })

  it("CURVE-13: is answered by READY once the client was let in: nonce 1, the server's metadata", () => {
    const { server, client } = introduced()
    server.admit()
    const body = produced(server)
    expect(body.length).toBe(30 + OURS.length)
    expect(client.takeReady(body)).toMatchObject({ nonce: 1n, payload: OURS })
    expect(server.status).toBe("ready")
    expect(server.metadata?.get("socket-type")?.toString()).toBe("DEALER")
    expect(server.credentials).toBeUndefined()
  })

  it("CURVE-8: may come without metadata", () => {
    const { server, client } = welcomed()
    const body = client.initiate()
    expect(body.length).toBe(257)
    server.consume(body)
    expect(server.status).toBe("asking")
    expect(server.metadata?.size).toBe(0)
  })

  it("CURVE-8: is refused at every size that is too short, and when it was cut", () => {
    const whole = welcomed().client.initiate()
    for (let size = 9; size < 257; size += 31) {
      expect(() => welcomed().server.consume(Buffer.from(whole.subarray(0, size)))).toThrow(/INITIATE has a wrong size/)
    }
    const { server, client } = welcomed()
    const body = client.initiate({ metadata: THEIRS })
    expect(() => server.consume(body.subarray(0, -1))).toThrow(ProtocolError)
    refusesInitiate(() => ({ cookie: chance(95) }))
    refusesInitiate(() => ({ cookie: chance(97) }))
  })

  it("CURVE-9: is refused with a cookie that was altered, made up, or another connection's", () => {
    refusesInitiate(() => ({ cookie: chance(96) }), /cookie/)
    refusesInitiate(() => ({ cookie: Buffer.alloc(96) }), /cookie/)
    refusesInitiate(() => ({ cookie: welcomed().client.cookie }), /cookie/)
    // The very client, on another connection.
    const { server, client } = welcomed()
    const again = welcomed({ client })
    expect(() => server.consume(again.client.initiate())).toThrow(/cookie/)
  })

  it("CURVE-7: is refused with a cookie that is a minute old, and not a moment before", () => {
    for (const [age, good] of [
      [60_000, true],
      [60_001, false],
      [3_600_000, false],
    ] as const) {
      vi.useFakeTimers({ toFake: ["performance"] })
      const { server, client } = welcomed()
      vi.advanceTimersByTime(age)
      const offer = (): void => server.consume(client.initiate())
      if (good) offer()
      else expect(offer).toThrow(/too old/)
      expect(server.status).toBe(good ? "asking" : "handshake")
      vi.useRealTimers()
    }
  })

  it("CURVE-7: is taken once: the key of the cookie is overwritten by the first, good or bad", () => {
    for (const spoil of [true, false]) {
      const primitives = new WatchedPrimitives(portable)
      const { server, client } = welcomed({ primitives })
      const [cookieKey] = primitives.secrets.filter((secret) => !secret.equals(Buffer.alloc(32)))
      if (spoil) expect(() => server.consume(client.initiate({ cookie: chance(96) }))).toThrow(ProtocolError)
      else server.consume(client.initiate())
      expect(cookieKey).toEqual(Buffer.alloc(32))
    }
    const { server, client } = welcomed()
    expect(() => server.consume(client.initiate({ cookie: chance(96) }))).toThrow(ProtocolError)
    expect(() => server.consume(client.initiate())).toThrow(ProtocolError)
  })

  it("CURVE-10: is refused when the vouch is for another C'", () => {
    refusesInitiate(() => ({ vouched: rawKeys().publicKey }), /another connection/)
    refusesInitiate(({ keys }) => ({ vouched: keys.publicKey }), /another connection/)
    refusesInitiate(() => ({ vouched: Buffer.alloc(32) }), /another connection/)
  })

  it("CURVE-11: is refused when the vouch is for another S", () => {
    refusesInitiate(() => ({ vouchedServer: rawKeys().publicKey }), /another server/)
    refusesInitiate(({ theirTransient }) => ({ vouchedServer: theirTransient }), /another server/)
    refusesInitiate(() => ({ vouchedServer: Buffer.alloc(32) }), /another server/)
  })

  it("CURVE-12: is refused when the vouch was not made with the secret of the claimed C", () => {
    const somebody = rawKeys()
    refusesInitiate(() => ({ publicKey: somebody.publicKey }), /secret of the key/)
    refusesInitiate(() => ({ vouchSecret: somebody.secretKey }), /secret of the key/)
    refusesInitiate(({ transient }) => ({ vouchSecret: transient.secretKey }), /secret of the key/)
    refusesInitiate(() => ({ vouchKey: KEYS.publicKey }), /secret of the key/)
    refusesInitiate(() => ({ vouchPrefix: "WELCOME-" }), /secret of the key/)
  })

  it("CURVE-12: a client may not claim our own key, nor can it vouch for it", () => {
    refusesInitiate(() => ({ publicKey: KEYS.publicKey }), /secret of the key/)
  })

  it.each(LOW_ORDER.map((point) => [point.toString("hex"), point] as const))(
    "CURVE-32: is refused with C = %s",
    (_, point) => {
      refusesInitiate(() => ({ publicKey: point }), /low order/)
    },
  )

  it("CURVE-16, CURVE-17: is refused when its nonce is not above that of HELLO", () => {
    refusesInitiate(() => ({ nonce: 1n }), /nonce/)
    refusesInitiate(() => ({ nonce: 0n }), /nonce/)
    const { server, client } = welcomed()
    server.consume(client.initiate({ nonce: 1000n }))
    expect(server.status).toBe("asking")
  })

  it("is refused when its box is for another step or by another key", () => {
    refusesInitiate(() => ({ prefix: "CurveZMQMESSAGEC" }), /does not open/)
    const { server, client } = welcomed()
    const plain = Buffer.alloc(128)
    const sealed = box(plain, rawNonce("CurveZMQINITIATE", 2n), client.theirTransient, rawKeys().secretKey)
    const body = named("INITIATE", client.cookie, counter(2n), sealed)
    expect(() => server.consume(body)).toThrow(/does not open/)
  })

  it("LIMIT-8: is refused with metadata that is malformed or over the limits", () => {
    refusesInitiate(() => ({ metadata: THEIRS.subarray(0, -1) }))
    for (const limits of [
      { maxProperties: 0, maxBytes: 8192 },
      { maxProperties: 64, maxBytes: 10 },
    ]) {
      const { server, client } = welcomed({ limits })
      expect(() => server.consume(client.initiate({ metadata: THEIRS }))).toThrow(ProtocolError)
      expect(server.status).toBe("handshake")
    }
  })

  it("CURVE-36: is refused where another connection was asked for it, and so is everything recorded", () => {
    const recorded = both()
    const hello = recorded.client.hello()
    recorded.server.consume(Buffer.from(hello))
    recorded.client.takeWelcome(produced(recorded.server))
    const initiate = recorded.client.initiate({ metadata: THEIRS })
    recorded.server.consume(Buffer.from(initiate))
    recorded.server.admit()
    recorded.client.takeReady(produced(recorded.server))

    const { server } = both()
    server.consume(Buffer.from(hello))
    produced(server)
    expect(() => server.consume(Buffer.from(initiate))).toThrow(/cookie/)
    expect(server.status).toBe("handshake")
  })
})

describe("the server of CURVE: afterwards", () => {
  it("CURVE-16: goes on with nonce 2, and expects the client's above that of INITIATE", () => {
    const { server, client } = established()
    const target = Buffer.alloc(33 + 2)
    server.protection?.seal(1, Buffer.from("hi"), target, 0)
    expect(client.open(target)).toEqual({ nonce: 2n, flags: 1, payload: Buffer.from("hi") })
    expect(() => server.protection?.open(client.message("again", { nonce: 2n }))).toThrow(ProtocolError)
    expect(server.protection?.open(client.message("later", { nonce: 9n }))?.toString()).toBe("later")
  })

  it("CURVE-39: neither seals nor opens anything once it is disposed of", () => {
    const { client, server } = established()
    const { protection } = server
    server.dispose()
    expect(() => protection?.open(client.message("late"))).toThrow(/its key is gone/)
    expect(() => protection?.seal(0, Buffer.from("late"), Buffer.alloc(100), 0)).toThrow(/its key is gone/)
  })

  it("CURVE-39: what is secret is overwritten, wherever the handshake ended", () => {
    const ends: ((setup: Setup) => Both)[] = [
      welcomed,
      introduced,
      established,
      (setup) => {
        const sides = both(setup)
        expect(() => sides.server.consume(sides.client.hello({ serverKey: rawKeys().publicKey }))).toThrow()
        return sides
      },
      (setup) => {
        const sides = both(setup)
        sides.server.consume(sides.client.hello())
        return sides
      },
      ...[{ vouched: chance(32) }, { publicKey: rawKeys().publicKey }, { cookie: chance(96) }, { nonce: 1n }].map(
        (parts) => (setup: Setup) => {
          const sides = welcomed(setup)
          expect(() => sides.server.consume(sides.client.initiate(parts))).toThrow()
          return sides
        },
      ),
    ]
    for (const go of ends) {
      const primitives = new WatchedPrimitives(portable)
      const { server } = go({ primitives })
      server.dispose()
      expect(primitives.secrets.length).toBeGreaterThan(0)
      expect(primitives.secrets.map((secret) => secret.toString("hex"))).toEqual(
        primitives.secrets.map(() => "00".repeat(32)),
      )
    }
  })

  it("CURVE-39: nothing but the key of the connection is kept, and our own keys stay as they are", () => {
    const primitives = new WatchedPrimitives(portable)
    const secret = Buffer.from(KEYS.secretKey)
    const { server } = established({ primitives })
    expect(primitives.secrets.filter((each) => !each.equals(Buffer.alloc(32)))).toHaveLength(1)
    server.dispose()
    expect(KEYS.secretKey).toEqual(secret)
  })

  it("CURVE-7, CURVE-39: the transient secret does not stay behind in what came with the cookie", () => {
    for (const parts of [{}, { publicKey: rawKeys().publicKey }, { vouched: chance(32) }, { nonce: 1n }]) {
      const primitives = new WatchedPrimitives(portable)
      let secret: Buffer | undefined
      const keyPair = primitives.keyPair.bind(primitives)
      primitives.keyPair = () => {
        const pair = keyPair()
        secret = Buffer.from(pair.secretKey)
        return pair
      }
      const { server, client } = welcomed({ primitives })
      const body = client.initiate(parts)
      try {
        server.consume(body)
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
      expect(secret).toBeDefined()
      expect(body.includes(secret as Buffer)).toBe(false)
    }
  })
})
