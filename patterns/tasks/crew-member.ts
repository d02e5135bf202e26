// One worker, as its ventilator knows it.

import type { Frame, Peer } from "brokerless"
import { hashOf } from "./hash.ts"
import type { Ready } from "./wire.ts"

/** One worker, for as long as its connection lives. */
export class CrewMember {
  readonly peer: Peer
  /** What the Router calls it. */
  readonly address: Frame
  readonly instance: string
  readonly hash: number
  name: string
  /** Tasks that it does at once. */
  concurrency = 1
  /** Tasks that it may hold at once. */
  capacity = 0
  /** Deliveries that it has not answered. */
  held = 0
  /** Those of them whose time has run out. */
  overdue = 0
  /** The connection has ended. */
  gone = false

  constructor(peer: Peer, address: Frame, { instance, name }: Ready) {
    this.peer = peer
    this.address = address
    this.instance = instance
    this.hash = hashOf(instance)
    this.name = name
  }

  /** What {@link fit} was when the crew last looked. */
  wasFit = false

  /** It wants work, and not all that it can do at once has exceeded its time. */
  get fit(): boolean {
    return this.capacity > 0 && this.overdue < this.concurrency
  }

  /** How many more it may be given. What hangs is nothing to wait behind. */
  get room(): number {
    return (this.overdue > 0 ? Math.min(this.capacity, this.concurrency) : this.capacity) - this.held
  }
}
