// The two sockets by which a subscriber hears one publisher and asks it.

import { type Frame, type Message, type Security, Subscriber } from "brokerless"
import { HEARTBEAT_PREFIX, INTEREST_PREFIX, type Interest } from "./interest.ts"
import { RecoveryClient } from "./recovery-client.ts"
import { Source } from "./source.ts"
import type { FeedEndpoints } from "./subscriber-options.ts"
import { UPDATE_PREFIX } from "./update.ts"

export class Line {
  /** Who is at the other end. */
  readonly source: Source
  readonly client: RecoveryClient
  readonly #socket: Subscriber

  constructor({ updates, recovery }: FeedEndpoints, security: Security | undefined) {
    this.source = new Source(updates)
    this.#socket = new Subscriber(security === undefined ? {} : { security })
    this.client = new RecoveryClient(recovery, security)
    this.#socket.connect(updates)
  }

  receive(): Promise<Message[]> {
    return this.#socket.receiveMany(1024)
  }

  /** Asks for another set of topics. */
  want(interest: Interest | undefined, old: Interest | undefined): void {
    // Updates first: whoever is told where the feed is gets everything from there.
    if (interest !== undefined) this.#socket.subscribe(...subscriptionsOf(interest))
    if (old !== undefined) this.#socket.unsubscribe(...subscriptionsOf(old))
  }

  async close(): Promise<void> {
    await Promise.all([this.#socket.close({ linger: 0 }), this.client.close()])
  }
}

function subscriptionsOf({ prefixes, id, list }: Interest): (string | Frame)[] {
  const updates = prefixes.map((prefix) => UPDATE_PREFIX + prefix)
  return [...updates, tagged(HEARTBEAT_PREFIX, id), tagged(INTEREST_PREFIX, list)]
}

function tagged(tag: string, octets: Buffer): Frame {
  return Buffer.concat([Buffer.from(tag), octets])
}
