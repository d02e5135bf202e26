import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../../src/curve/libsodium.ts"
import { HandshakeError, ProtocolError } from "../../../src/errors.ts"
import { error, hello, initiate, ping } from "../../../src/zmtp/command.ts"
import { CurveClient } from "../../../src/zmtp/curve/client.ts"
import type { Primitives } from "../../../src/zmtp/curve/primitives.ts"
import { encodeMetadata } from "../../../src/zmtp/metadata.ts"
import { chance, LOW_ORDER, named, RawCurveServer, rawKeys } from "../../support/raw-curve.ts"
import { property } from "../../support/raw-peer.ts"
import { WatchedPrimitives } from "../../support/watched-primitives.ts"

const portable = await loadLibsodium()
const LIMITS = { maxProperties: 64, maxBytes: 8192 }
const OURS = encodeMetadata([
  ["Socket-Type", "DEALER"],
  ["Identity", "abc"],
])
const THEIRS = property("Socket-Type", "ROUTER")

interface Both {
  readonly client: CurveClient
  readonly server: RawCurveServer
  readonly keys: ReturnType<typeof rawKeys>
}

function both({
  primitives = portable,
  server = new RawCurveServer(),
  serverKey = server.keys.publicKey,
  limits = LIMITS,
}: {
  primitives?: Primitives
  server?: RawCurveServer
  serverKey?: Buffer
  limits?: typeof LIMITS
} = {}): Both {
  const keys = rawKeys()
  return { client: new CurveClient({ metadata: OURS, limits }, primitives, { ...keys, serverKey }), server, keys }
}

function produced(client: CurveClient): Buffer {
  const body = client.produce()
  if (body === undefined) throw new Error("The client has nothing to say")
  expect(client.produce()).toBeUndefined()
  return body
}

/** Takes both to where the server is to say WELCOME. */
function greeted(setup?: Parameters<typeof both>[0]): Both {
  const sides = both(setup)
  sides.server.takeHello(produced(sides.client))
  return sides
}

/** Takes both to where the server is to say READY. */
function introduced(setup?: Parameters<typeof both>[0]): Both {
  const sides = greeted(setup)
  sides.client.consume(sides.server.welcome())
  sides.server.takeInitiate(produced(sides.client))
  return sides
}

function established(setup?: Parameters<typeof both>[0]): Both {
  const sides = introduced(setup)
  sides.client.consume(sides.server.ready({ metadata: THEIRS }))
  return sides
}

describe("the client of CURVE", () => {
  it("ZMTP-13: is announced by its name, and not as server", () => {
    expect(both().client).toMatchObject({ name: "CURVE", asServer: false, status: "handshake" })
  })

  it("CURVE-1: begins with a HELLO of 200 octets: version 1.0, zeros, C', nonce 1, a box of 64 zeros", () => {
    const { client, server } = both()
    const body = produced(client)
    expect(body.length).toBe(200)
    expect(body.subarray(0, 8)).toEqual(named("HELLO", Buffer.of(1, 0)))
    expect(body.subarray(8, 80)).toEqual(Buffer.alloc(72))
    const { nonce, payload } = server.takeHello(body)
    expect(nonce).toBe(1n)
    expect(payload).toEqual(Buffer.alloc(64))
  })

  it("CURVE-3: has another transient key each time", () => {
    const keys = Array.from({ length: 20 }, () => produced(both().client).toString("hex", 80, 112))
    expect(new Set(keys).size).toBe(20)
  })

  it("CURVE-8: answers WELCOME by an INITIATE: the cookie, nonce 2, C, a vouch for C' and S, its metadata", () => {
    const { client, server, keys } = greeted()
    const cookie = chance(96)
    client.consume(server.welcome({ cookie }))
    const body = produced(client)
    expect(body.length).toBe(257 + OURS.length)
    const said = server.takeInitiate(body)
    expect(said).toEqual({
      nonce: 2n,
      cookie,
      publicKey: keys.publicKey,
      vouched: server.theirTransient,
      vouchedServer: server.keys.publicKey,
      metadata: OURS,
    })
    expect(client.status).toBe("handshake")
  })

  it("CURVE-13: is ready when READY came, and knows the server's metadata", () => {
    const { client } = established()
    expect(client.status).toBe("ready")
    expect(client.metadata?.get("socket-type")?.toString()).toBe("ROUTER")
    expect(client.protection?.overhead).toBe(33)
    expect(client.produce()).toBeUndefined()
    const bare = introduced()
    const ready = bare.server.ready()
    expect(ready.length).toBe(30)
    bare.client.consume(ready)
    expect(bare.client.metadata?.size).toBe(0)
  })

  it("CURVE-16: goes on with nonce 3, and expects any of the server's above that of READY", () => {
    const { client, server } = established()
    const target = Buffer.alloc(33 + 2)
    client.protection?.seal(1, Buffer.from("hi"), target, 0)
    expect(server.open(target)).toEqual({ nonce: 3n, flags: 1, payload: Buffer.from("hi") })
    expect(() => client.protection?.open(server.message("again", { nonce: 1n }))).toThrow(ProtocolError)
    expect(client.protection?.open(server.message("later", { nonce: 9n }))?.toString()).toBe("later")
  })

  it("CURVE-5: refuses a WELCOME of another size", () => {
    const { server } = greeted()
    const body = server.welcome()
    for (const wrong of [...[0, 8, 24, 40, 104, 167].map((size) => body.subarray(0, size)), grown(body)]) {
      const { client } = greeted({ server })
      expect(() => client.consume(Buffer.from(wrong))).toThrow(ProtocolError)
    }
    for (const size of [95, 97, 0]) {
      const other = greeted()
      expect(() => other.client.consume(other.server.welcome({ cookie: chance(size) }))).toThrow(ProtocolError)
    }
  })

  it("CURVE-5, CURVE-31: refuses a WELCOME that was not made with the secret of the server key", () => {
    const impostor = rawKeys()
    const { client, server } = greeted()
    expect(() => client.consume(server.welcome({ secretKey: impostor.secretKey }))).toThrow(ProtocolError)
    expect(client.produce()).toBeUndefined()
    const other = greeted()
    expect(() => other.client.consume(other.server.welcome({ prefix: "COOKIE--" }))).toThrow(ProtocolError)
  })

  it("CURVE-31: a server cannot even read the HELLO that was made for another", () => {
    const { client, server } = both({ serverKey: rawKeys().publicKey })
    expect(() => server.takeHello(produced(client))).toThrow()
  })

  it("CURVE-36: refuses a WELCOME that another connection was given", () => {
    const server = new RawCurveServer()
    const first = greeted({ server })
    const welcome = server.welcome()
    const second = greeted({ server })
    expect(() => second.client.consume(Buffer.from(welcome))).toThrow(ProtocolError)
    first.client.consume(welcome)
  })

  it.each(LOW_ORDER.map((point) => [point.toString("hex"), point] as const))(
    "CURVE-32: refuses S' = %s",
    (_, point) => {
      const { client, server } = greeted()
      expect(() => client.consume(server.welcome({ transientKey: point }))).toThrow(ProtocolError)
      expect(client.produce()).toBeUndefined()
    },
  )

  it.each(LOW_ORDER.map((point) => [point.toString("hex"), point] as const))(
    "CURVE-32: says nothing to S = %s",
    (_, point) => {
      expect(() => both({ serverKey: point }).client.produce()).toThrow(ProtocolError)
    },
  )

  it("CURVE-13: refuses a READY that is too short or does not open", () => {
    for (let size = 0; size < 30; size++) {
      const { client, server } = introduced()
      expect(() => client.consume(server.ready().subarray(0, size))).toThrow(ProtocolError)
    }
    for (const parts of [{ secretKey: rawKeys().secretKey }, { prefix: "CurveZMQMESSAGES" }, { nonce: 0n }]) {
      const { client, server } = introduced()
      expect(() => client.consume(server.ready({ metadata: THEIRS, ...parts }))).toThrow(ProtocolError)
      expect(client.status).toBe("handshake")
    }
    const cut = introduced()
    const body = cut.server.ready({ metadata: THEIRS })
    expect(() => cut.client.consume(Buffer.from(body.subarray(0, -1)))).toThrow(ProtocolError)
    expect(() => introduced().client.consume(Buffer.from(body))).toThrow(ProtocolError)
  })

  it("LIMIT-8: refuses metadata that is malformed or over the limits", () => {
    const malformed = introduced()
    expect(() => malformed.client.consume(malformed.server.ready({ metadata: THEIRS.subarray(0, -1) }))).toThrow(
      ProtocolError,
    )
    for (const limits of [
      { maxProperties: 0, maxBytes: 8192 },
      { maxProperties: 64, maxBytes: 10 },
    ]) {
      const { client, server } = introduced({ limits })
      expect(() => client.consume(server.ready({ metadata: THEIRS }))).toThrow(ProtocolError)
    }
  })

  it("refuses whatever comes before its time, or is no command of a server", () => {
    const { server } = greeted()
    const welcome = server.welcome()
    for (const wrong of [server.ready(), hello(Buffer.alloc(194)), initiate(Buffer.alloc(300)), server.message("x")]) {
      expect(() => greeted().client.consume(Buffer.from(wrong))).toThrow(ProtocolError)
      expect(() => introduced().client.consume(Buffer.from(wrong))).toThrow(ProtocolError)
      expect(() => both().client.consume(Buffer.from(wrong))).toThrow(ProtocolError)
    }
    for (const wrong of [ping(0, Buffer.alloc(0)), Buffer.alloc(0), Buffer.from("\x07welcome")]) {
      expect(() => greeted().client.consume(Buffer.from(wrong))).toThrow(ProtocolError)
    }
    expect(() => both().client.consume(Buffer.from(welcome))).toThrow(ProtocolError)
    const twice = greeted()
    const own = twice.server.welcome()
    twice.client.consume(Buffer.from(own))
    expect(() => twice.client.consume(own)).toThrow(ProtocolError)
  })

  it("CURVE-25: takes ERROR for a refusal, whenever it comes", () => {
    for (const sides of [greeted(), introduced()]) {
      expect(() => sides.client.consume(error("400"))).toThrow(HandshakeError)
    }
    expect(() => introduced().client.consume(error("400"))).toThrow(/"400"/)
  })

  it("CURVE-30: never shows its long-term key in clear", () => {
    const { client, server, keys } = both()
    const said = [produced(client)]
    server.takeHello(said[0] as Buffer)
    client.consume(server.welcome())
    said.push(produced(client))
    server.takeInitiate(said[1] as Buffer)
    for (const body of said) {
      expect(body.includes(keys.publicKey)).toBe(false)
      expect(body.includes(keys.secretKey)).toBe(false)
    }
    expect(said[0]?.includes(server.theirTransient)).toBe(true)
  })

  it("CURVE-38: shows the names of its commands", () => {
    const { client, server } = greeted()
    client.consume(server.welcome())
    expect(produced(client).toString("latin1", 0, 9)).toBe("\x08INITIATE")
  })

  it("CURVE-39: neither seals nor opens anything once it is disposed of", () => {
    const { client, server } = established()
    const { protection } = client
    client.dispose()
    expect(() => protection?.open(server.message("late"))).toThrow(/its key is gone/)
    expect(() => protection?.seal(0, Buffer.from("late"), Buffer.alloc(100), 0)).toThrow(/its key is gone/)
  })

  it("CURVE-39: overwrites what is secret, wherever the handshake ended", () => {
    for (const go of [greeted, introduced, established]) {
      const primitives = new WatchedPrimitives(portable)
      const { client } = go({ primitives })
      client.dispose()
      expect(primitives.secrets.length).toBeGreaterThan(0)
      expect(primitives.secrets.map((secret) => secret.toString("hex"))).toEqual(
        primitives.secrets.map(() => "00".repeat(32)),
      )
    }
  })

  it("CURVE-3, T12: makes no key before it has to say HELLO", () => {
    const primitives = new WatchedPrimitives(portable)
    const { client } = both({ primitives })
    expect(primitives.secrets).toEqual([])
    client.dispose()
  })

  it("CURVE-3, CURVE-39: keeps nothing but the key of the connection once it is ready", () => {
    const primitives = new WatchedPrimitives(portable)
    established({ primitives })
    const kept = primitives.secrets.filter((secret) => !secret.equals(Buffer.alloc(32)))
    expect(kept).toHaveLength(1)
  })

  it("CURVE-39: leaves the keys that it was given as they are", () => {
    const { client, keys } = established()
    const secret = Buffer.from(keys.secretKey)
    client.dispose()
    expect(keys.secretKey).toEqual(secret)
  })
})

function grown(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.of(0)])
}
