// Random octets to a listening socket, raw or with a legal beginning, whole or cut, with an honest peer alongside whose
// messages all arrive, in order. The seed of a run is printed; `FUZZ_SEED` and `FUZZ_RUNS` repeat or prolong it.

import { Dealer, Publisher, Pull, Push, Reply, Router, type Socket, XPublisher } from "brokerless"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { fuzzing } from "../support/fuzzing.ts"
import { command, frame, greeting, longHeader, message, property, RawPeer, ready } from "../support/raw-peer.ts"
import { link, turns } from "../support/sockets.ts"

const escaped: unknown[] = []
const noteEscape = (error: unknown): void => {
  escaped.push(error)
}
process.on("unhandledRejection", noteEscape)
afterAll(() => {
  process.off("unhandledRejection", noteEscape)
})

const octets = fc.uint8Array({ maxLength: 64 }).map((list) => Buffer.from(list))
const flags = fc.oneof(fc.constantFrom(0, 1, 4), fc.nat(255))
const size = fc.oneof(fc.bigInt(0n, 300n), fc.bigInt(0n, 2n ** 64n - 1n))

/** Something that looks more or less like ZMTP. */
const piece = fc.oneof(
  octets,
  fc.constant(greeting()),
  fc.record({ major: fc.nat(5), minor: fc.nat(2) }).map(greeting),
  fc.constantFrom("PUSH", "REQ", "DEALER", "SUB", "").map(ready),
  fc.tuple(fc.string({ maxLength: 10 }), octets).map(([name, value]) => command("READY", property(name, value))),
  fc.tuple(octets, flags).map(([body, bits]) => frame(body, bits)),
  fc.tuple(size, flags).map(([length, bits]) => longHeader(length, bits)),
  fc.array(octets, { minLength: 1, maxLength: 5 }).map((bodies) => message(...bodies)),
  fc
    .tuple(fc.constantFrom("PING", "PONG", "SUBSCRIBE", "CANCEL", "ERROR", "READY", "XYZZY"), octets)
    .map(([name, data]) => command(name, data)),
)

const attack = fc.record({
  /** Whether a complete handshake stands in front. */
  handshake: fc.boolean(),
  pieces: fc.array(piece, { minLength: 1, maxLength: 8 }),
  /** Where the octets are cut. */
  cut: fc.integer({ min: 1, max: 40 }),
  ending: fc.constantFrom("end", "reset"),
})

interface Target {
  readonly make: () => Socket
  /** The type of its attackers. */
  readonly from: string
}

const TARGETS: Readonly<Record<string, Target>> = {
  Pull: { make: () => new Pull(), from: "PUSH" },
  Publisher: { make: () => new Publisher(), from: "SUB" },
  XPublisher: { make: () => new XPublisher(), from: "SUB" },
  Reply: { make: () => new Reply(), from: "REQ" },
  Router: { make: () => new Router(), from: "DEALER" },
  Dealer: { make: () => new Dealer(), from: "ROUTER" },
}

describe("random octets", () => {
  it.each(Object.keys(TARGETS))("LIMIT-12: to a %s disturb nobody", { timeout: 60_000 }, async (name) => {
    const { make, from } = TARGETS[name] as Target
    // An honest pair lives in the same process and on the same event loop; of a Pull, on the same socket.
    await using target = make()
    await using pull = new Pull({ receiveTimeout: 10_000 })
    await using push = new Push({ linger: 0 })
    const honest = target instanceof Pull ? target : pull
    const endpoint = await target.bind("tcp://127.0.0.1:*")
    if (honest === target) {
      push.connect(endpoint)
      await push.waitForPeers()
    } else {
      await link(pull, push, "tcp://127.0.0.1:*")
    }
    let sent = 0
    await fc.assert(
      fc.asyncProperty(attack, async ({ handshake, pieces, cut, ending }) => {
        using raw = await RawPeer.connect(endpoint)
        if (handshake) raw.send(greeting(), ready(from))
        const all = Buffer.concat(pieces)
        for (let at = 0; at < all.length && !raw.socket.destroyed; at += cut) {
          raw.send(all.subarray(at, at + cut))
          if (at % (3 * cut) === 0) await turns(1)
        }
        const number = `honest ${sent++}`
        await push.send(number)
        // What the attacker sent legally is received too.
        for (let found = ""; found !== number; ) found = String((await honest.receive({ timeout: 10_000 })).at(-1))
        if (ending === "end") raw.socket.end()
        else if (raw.socket.readyState === "open") raw.socket.resetAndDestroy()
        else raw.socket.destroy()
        await raw.closed
        expect(push.stats.reconnects).toBe(0)
        expect(escaped).toEqual([])
      }),
      fuzzing(40),
    )
    while (target.peers.length > (honest === target ? 1 : 0)) await turns(1)
    expect(target.closed).toBe(false)
    const { messagesReceived } = honest.stats
    expect(messagesReceived).toBeGreaterThanOrEqual(sent)
  })
})
