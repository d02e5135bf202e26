// Connections of CURVE between our two sides, in memory and without an engine, that note every key and nonce they use.

import { CurveClient } from "../../src/zmtp/curve/client.ts"
import type { KeyPair, Primitives } from "../../src/zmtp/curve/primitives.ts"
import { CurveServer } from "../../src/zmtp/curve/server.ts"
import type { Mechanism } from "../../src/zmtp/mechanism.ts"
import { WatchedPrimitives } from "./watched-primitives.ts"

const SETUP = { metadata: Buffer.alloc(0), limits: { maxProperties: 64, maxBytes: 8192 } }

/** Boxes of a handshake: one each in HELLO and READY, two in WELCOME and in INITIATE. */
export const HANDSHAKE_BOXES = 6

/** Two that connect again and again, by the same keys. */
export class CurveExchange {
  readonly #primitives: Primitives
  readonly #client: KeyPair
  readonly #server: KeyPair
  readonly #used = new Set<string>()

  constructor(primitives: Primitives) {
    this.#primitives = primitives
    this.#client = primitives.keyPair()
    this.#server = primitives.keyPair()
  }

  /** Keys and nonces together, as many as there were different ones. */
  get used(): number {
    return this.#used.size
  }

  /** One connection, and so many messages of the client, each answered by none, one or two. */
  converse(messages: number): WatchedPrimitives {
    const watched = new WatchedPrimitives(this.#primitives, this.#used)
    const client = new CurveClient(SETUP, watched, { ...this.#client, serverKey: this.#server.publicKey })
    const server = new CurveServer(SETUP, watched, this.#server)
    server.consume(client.produce() as Buffer)
    client.consume(server.produce() as Buffer)
    server.consume(client.produce() as Buffer)
    server.admit()
    client.consume(server.produce() as Buffer)
    for (let i = 0; i < messages; i++) {
      say(client, server, `${i}`)
      for (let answers = i % 3; answers > 0; answers--) say(server, client, `${i}`)
    }
    return watched
  }
}

function say(from: Mechanism, to: Mechanism, text: string): void {
  const target = Buffer.alloc(33 + text.length)
  from.protection?.seal(0, Buffer.from(text), target, 0)
  if (to.protection?.open(target).toString() !== text) throw new Error("A message did not arrive as it was sent")
}
