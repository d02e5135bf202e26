// B15: not one bit of a conversation can be altered, and no key and nonce are ever used twice.

import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../../src/curve/libsodium.ts"
import { CurveClient } from "../../../src/zmtp/curve/client.ts"
import { CurveServer } from "../../../src/zmtp/curve/server.ts"
import type { Mechanism } from "../../../src/zmtp/mechanism.ts"
import { FlippedConversations, STEPS, type Step } from "../../support/curve-flips.ts"
import { WatchedPrimitives } from "../../support/watched-primitives.ts"

const portable = await loadLibsodium()

/** The highest bit of C', which X25519 takes no notice of: the cookie holds it, and the vouch gives it away. */
const TOP_OF_TRANSIENT_KEY = (80 + 31) * 8 + 7

const LATE: Readonly<Partial<Record<Step, unknown>>> = {
  HELLO: [{ bit: TOP_OF_TRANSIENT_KEY, refused: "INITIATE" }],
}

describe("a bit that is flipped on its way", () => {
  const conversations = new FlippedConversations(portable)
  const sizes = {
    HELLO: 200,
    WELCOME: 168,
    INITIATE: 257 + 22,
    READY: 30 + 22,
    "MESSAGE to server": 33 + 27,
    "MESSAGE to client": 33 + 27,
  }

  it.each(STEPS)("B15, CURVE-19: is refused, whichever it is, in %s", (step) => {
    const { bits, late, unnoticed } = conversations.flip(step)
    expect(unnoticed).toEqual([])
    expect(late).toEqual(LATE[step] ?? [])
    expect(bits).toBe(sizes[step] * 8)
  })
})

describe("key and nonce", () => {
  const LIMITS = { maxProperties: 64, maxBytes: 8192 }
  const clientKeys = portable.keyPair()
  const serverKeys = portable.keyPair()

  /** One connection, and so many messages each way, in turns that change. */
  function converse(used: Set<string>, messages: number): WatchedPrimitives {
    const watched = new WatchedPrimitives(portable, used)
    const setup = { metadata: Buffer.alloc(0), limits: LIMITS }
    const client = new CurveClient(setup, watched, { ...clientKeys, serverKey: serverKeys.publicKey })
    const server = new CurveServer(setup, watched, serverKeys)
    server.consume(client.produce() as Buffer)
    client.consume(server.produce() as Buffer)
    server.consume(client.produce() as Buffer)
    server.admit()
    client.consume(server.produce() as Buffer)
    const say = (from: Mechanism, to: Mechanism, text: string): void => {
      const target = Buffer.alloc(33 + text.length)
      from.protection?.seal(0, Buffer.from(text), target, 0)
      expect(to.protection?.open(target).toString()).toBe(text)
    }
    for (let i = 0; i < messages; i++) {
      say(client, server, `${i}`)
      for (let answers = i % 3; answers > 0; answers--) say(server, client, `${i}`)
    }
    return watched
  }

  it("B15, CURVE-16: are never used twice in a long exchange", () => {
    const { sealed, repeated } = converse(new Set(), 20_000)
    expect(sealed).toBe(6 + 20_000 + 19_999)
    expect(repeated).toEqual([])
  })

  it("B15, CURVE-3, CURVE-6: are never used twice by the same two over many connections", () => {
    const used = new Set<string>()
    const repeated = Array.from({ length: 200 }, () => converse(used, 3).repeated)
    expect(repeated.flat()).toEqual([])
    expect(used.size).toBe(200 * (6 + 3 + 3))
  })
})
