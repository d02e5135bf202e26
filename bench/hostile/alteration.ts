// B15: CURVE under somebody who holds the wire. Every single bit of every command of the handshake, and of a message
// each way, is flipped, each in a conversation of its own; and over many connections and messages no key and nonce are
// used twice. Both libraries do the boxes, one after the other.

import { loadLibsodium } from "../../src/curve/libsodium.ts"
import { loadProvider } from "../../src/curve/provider.ts"
import { CurveExchange } from "../../test/support/curve-exchange.ts"
import { FlippedConversations, STEPS } from "../../test/support/curve-flips.ts"
import { atMost, count, type Finding, type Size } from "./finding.ts"

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const [messages, connections] = size === "full" ? [300_000, 3000] : [10_000, 50]
  const chosen = await loadProvider()
  const libraries = new Map([["libsodium (WebAssembly)", await loadLibsodium()]])
  libraries.set(chosen.name, chosen.primitives)
  for (const [name, primitives] of libraries) {
    const conversations = new FlippedConversations(primitives)
    for (const step of STEPS) {
      const { bits, unnoticed, late } = conversations.flip(step)
      yield atMost("B15", `${name}: ${count(bits)} bits of ${step}, each flipped: accepted`, unnoticed.length, 0, count)
      // The top bit of C' counts for nothing in X25519. The vouch of INITIATE gives it away.
      const allowed = step === "HELLO" ? 1 : 0
      yield atMost("B15", `${name}: ${step}, refused by a later command only`, late.length, allowed, count)
    }
    const { sealed, repeated } = new CurveExchange(primitives).converse(messages)
    yield atMost(
      "B15",
      `${name}: ${count(sealed)} boxes of one connection: nonces used twice`,
      repeated.length,
      0,
      count,
    )
    const exchange = new CurveExchange(primitives)
    let twice = 0
    for (let i = 0; i < connections; i++) twice += exchange.converse(3).repeated.length
    const what = `${name}: ${count(exchange.used)} boxes of ${count(connections)} connections by the same keys`
    yield atMost("B15", `${what}: nonces used twice`, twice, 0, count)
  }
}
