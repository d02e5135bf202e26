// One publisher as a subscriber sees it: its two sockets, what it last said of itself, and whether everything it sent
// has arrived.

import { type Frame, type Message, type Security, Subscriber } from "brokerless"
import type { Heartbeat } from "./heartbeat.ts"
import { HEARTBEAT_PREFIX, INTEREST_PREFIX, type Interest } from "./interest.ts"
import { RecoveryClient } from "./recovery-client.ts"
import type { FeedEndpoints } from "./subscriber-options.ts"
import { UPDATE_PREFIX } from "./update.ts"

/** Epochs that a source has left are remembered, so that what is late does not bring them back. */
const RETIRED = 16

/** A range of feed sequences of which everything has arrived. */
export interface Proof {
  readonly from: number
  readonly to: number
}

export class Source {
  /** Its endpoint for updates. */
  readonly name: string
  readonly client: RecoveryClient
  readonly #socket: Subscriber
  /** When it was last heard. */
  heard = 0
  fresh = false
  epoch: Buffer | undefined
  /** Whether its epoch is the one that the subscriber follows. */
  carries = false
  /** It began the epoch again, and is not yet where it was. */
  lagging = false
  /** The feed sequence of its last heartbeat. */
  sequence = 0
  #retired: string[] = []
  #last: Heartbeat | undefined
  #received = 0

  constructor({ updates, recovery }: FeedEndpoints, security: Security | undefined) {
    this.name = updates
    this.#socket = new Subscriber(security === undefined ? {} : { security })
    this.client = new RecoveryClient(recovery, security)
    this.#socket.connect(updates)
  }

  receive(): Promise<Message[]> {
    return this.#socket.receiveMany(1024)
  }

  /** Asks for another set of topics. What was counted counts for the old one. */
  want(interest: Interest | undefined, old: Interest | undefined): void {
    // Updates first: whoever is told where the feed is gets everything from there.
    if (interest !== undefined) this.#socket.subscribe(...subscriptionsOf(interest))
    if (old !== undefined) this.#socket.unsubscribe(...subscriptionsOf(old))
    this.loseTrack()
  }

  /** @returns whether it may be of this epoch now */
  enter(epoch: Buffer): boolean {
    if (this.#retired.includes(epoch.toString("latin1"))) return false
    if (this.epoch !== undefined) this.#retired = [this.epoch.toString("latin1"), ...this.#retired].slice(0, RETIRED)
    this.epoch = epoch
    this.sequence = 0
    this.lagging = false
    this.loseTrack()
    return true
  }

  /** An update arrived. */
  count(): void {
    this.#received++
  }

  /** Something that arrived could not be kept, so that counting proves nothing until the next heartbeat. */
  loseTrack(): void {
    this.#last = undefined
    this.#received = 0
  }

  /** A heartbeat arrived: what it proves. */
  beat(beat: Heartbeat): Proof | undefined {
    const last = this.#last
    const received = this.#received
    this.#last = beat
    this.#received = 0
    this.sequence = beat.sequence
    const isNext = last !== undefined && last.registration === beat.registration
    if (!isNext || beat.count - last.count !== received) return undefined
    return { from: last.sequence, to: beat.sequence }
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
