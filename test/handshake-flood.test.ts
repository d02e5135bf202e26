// A flood of handshakes that cost something, while traffic flows: who is in goes on, and the newcomers all get in.

import { Pull, Push, plain, plainServer, type Security } from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { expect, it, onTestFinished, vi } from "vitest"
import { RawPeer } from "./support/raw-peer.ts"
import { comeIn } from "./support/raw-plain.ts"
import { link, take, turns } from "./support/sockets.ts"
import { until } from "./support/until.ts"

const NEWCOMERS = 60
/** What a HELLO costs here, ms: much more than under CURVE, so that it can be told from the rest. */
const COST = 3

/** PLAIN, but with a HELLO that takes its time, on a clock on which nothing else takes any, on whatever machine. */
class Costly {
  spent = 0
  judged = 0
  readonly security: Security
  readonly #plain = plainServer({ allow: { ann: "secret" } })

  constructor() {
    const began = performance.now()
    const clock = vi.spyOn(performance, "now").mockImplementation(() => began + this.spent)
    onTestFinished(() => clock.mockRestore())
    this.security = {
      mechanism: "PLAIN",
      create: (setup) => this.#plain.create(setup),
      judge: (question) => {
        this.spent += COST
        this.judged++
        return this.#plain.judge?.(question)
      },
    }
  }
}

/** Newcomers that are all there, so that they can speak in the same turn. */
async function crowd(pull: Pull, endpoint: string): Promise<RawPeer[]> {
  let accepted = 0
  pull.events.on("accept", () => accepted++)
  const peers = await Promise.all(Array.from({ length: NEWCOMERS }, () => RawPeer.connect(endpoint)))
  await until(() => accepted === NEWCOMERS, "all were accepted")
  return peers
}

it("T12, B3: no turn does more of them than few, or than traffic took of the last; all of them finish", async () => {
  const costly = new Costly()
  await using pull = new Pull({ security: costly.security })
  await using push = new Push({ security: plain({ username: "ann", password: "secret" }) })
  const endpoint = await link(pull, push, "tcp://127.0.0.1:*")
  const peers = await crowd(pull, endpoint)
  costly.judged = 0
  for (const peer of peers) comeIn(peer, "ann", "secret", "PUSH")
  let most = 0
  let received = 0
  while (costly.judged < NEWCOMERS) {
    const before = costly.judged
    push.trySend("traffic")
    await turns(1)
    received += pull.tryReceive() === undefined ? 0 : 1
    most = Math.max(most, costly.judged - before)
  }
  expect(received).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(4)
  await pull.waitForPeers(NEWCOMERS + 1)
  for (const peer of peers) peer[Symbol.dispose]()
})

it("T12: newcomers that leave, and a socket that closes, while they wait for their turn leave nothing behind", async () => {
  const costly = new Costly()
  const pull = new Pull({ security: costly.security })
  const endpoint = await pull.bind("tcp://127.0.0.1:*")
  const peers = await crowd(pull, endpoint)
  for (const peer of peers) comeIn(peer, "ann", "secret", "PUSH")
  await until(() => costly.judged > 0, "the first were judged")
  for (const peer of peers.slice(0, NEWCOMERS / 2)) peer[Symbol.dispose]()
  const judged = costly.judged
  await pull.close({ linger: 0 })
  await Promise.all(peers.map((peer) => peer.closed))
  await turns(20)
  expect(costly.judged - judged).toBeLessThan(NEWCOMERS - judged)
  expect(pull.peers).toEqual([])
})

it("T12: CURVE clients come in by the dozen while traffic goes on", async () => {
  const server = curveKeyPair()
  const security = curve({ ...curveKeyPair(), serverKey: server.publicKey })
  await using pull = new Pull({ security: curveServer({ ...server, anyone: true }) })
  await using push = new Push({ security })
  const endpoint = await link(pull, push, "tcp://127.0.0.1:*")
  const newcomers = Array.from({ length: NEWCOMERS }, () => new Push({ security, linger: 0 }))
  for (const each of newcomers) each.connect(endpoint)
  const everybody = pull.waitForPeers(NEWCOMERS + 1)
  const sending = (async () => {
    for (let i = 0; i < 500; i++) await push.send(`${i}`)
  })()
  expect((await take(pull, 500)).map(String)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`))
  await Promise.all([sending, everybody])
  for (const each of newcomers) await each.close()
})
