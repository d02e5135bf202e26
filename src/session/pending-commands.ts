// Commands that wait for the next write of a connection: they go before its messages. How each of them looks on the
// wire is the engine's affair.

import { allocate, type Bytes, equal } from "../bytes.ts"
import type { SubscriptionKind } from "../subscription.ts"
import { PONG_SIZE, ping, pong } from "../zmtp/command.ts"
import type { Encoder } from "../zmtp/encoder.ts"
import type { Engine } from "../zmtp/engine.ts"

/** PONGs that may wait for others to share a write with. */
const CROWD = 1000

/** Each PONG of the process, one after the other: it is copied for its write at once. */
const ANSWER: Bytes = allocate(PONG_SIZE)

export class PendingCommands {
  #subscriptions: { readonly kind: SubscriptionKind; readonly topic: Bytes }[] = []
  #pongs: Bytes[] = []
  #pings: Bytes[] = []

  /** Whether there is anything to write. */
  get waiting(): boolean {
    return this.#pongs.length > 0 || this.#pings.length > 0 || this.#subscriptions.length > 0
  }

  /** Whether so many answers wait that they must not wait any longer: peers say how many PINGs there are. */
  get crowded(): boolean {
    return this.#pongs.length >= CROWD
  }

  subscribe(kind: SubscriptionKind, topic: Bytes): void {
    this.#subscriptions.push({ kind, topic })
  }

  /** The same PING is said once, however often it is repeated while output is blocked. */
  ping(context: Bytes): void {
    const last = this.#pings.at(-1)
    if (last === undefined || !equal(last, context)) this.#pings.push(context)
  }

  /** While output is blocked only the newest is remembered, so that a flood of PINGs gathers nothing. */
  pong(context: Bytes, blocked: boolean): void {
    if (blocked) this.#pongs.length = 0
    this.#pongs.push(context)
  }

  /** @param timeToLive how long the peer is to wait for our next sign of life, ms; 0 for ever */
  gather(encoder: Encoder, engine: Engine, timeToLive: number): void {
    for (const context of this.#pongs) encoder.command(pong(context, ANSWER))
    for (const context of this.#pings) encoder.command(ping(Math.floor(timeToLive / 100), context))
    for (const { kind, topic } of this.#subscriptions) engine.subscription(encoder, kind, topic)
    this.#pongs = []
    this.#pings = []
    this.#subscriptions = []
  }
}
