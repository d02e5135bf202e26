// B15: not one bit of a conversation can be altered, and no key and nonce are ever used twice.

import { describe, expect, it } from "vitest"
import { loadLibsodium } from "../../../src/curve/libsodium.ts"
import { CurveExchange, HANDSHAKE_BOXES } from "../../support/curve-exchange.ts"
import { FlippedConversations, STEPS, type Step } from "../../support/curve-flips.ts"

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
  it("B15, CURVE-16: are never used twice in a long exchange", () => {
    const { sealed, repeated } = new CurveExchange(portable).converse(20_000)
    expect(sealed).toBe(HANDSHAKE_BOXES + 20_000 + 19_999)
    expect(repeated).toEqual([])
  })

  it("B15, CURVE-3, CURVE-6: are never used twice by the same two over many connections", () => {
    const exchange = new CurveExchange(portable)
    const repeated = Array.from({ length: 200 }, () => exchange.converse(3).repeated)
    expect(repeated.flat()).toEqual([])
    expect(exchange.used).toBe(200 * (HANDSHAKE_BOXES + 3 + 3))
  })
})
