// One queue of an exchange: what waits in it, who takes from it, and what each of them has not acknowledged yet. It
// decides who gets what; sending is the exchange's affair.

import type { Frame, Peer } from "brokerless"
import { Register } from "../register.ts"

/** A message on its way to queues; all of them hold the same one. */
export interface Routed {
  readonly key: string
  /** Routing key, headers, body: as they travel. */
  readonly frames: readonly Frame[]
  /** What it counts for in a queue. */
  readonly bytes: number
}

/** A message in one queue. */
export interface Item {
  readonly routed: Routed
  /** How often it was handed to somebody. */
  deliveries: number
}

/** A consumer who takes from a queue. */
export class Member {
  readonly peer: Peer
  readonly prefetch: number
  /** What it was sent and has not acknowledged, oldest first. */
  readonly unacknowledged: Register<number, Item> = new Register()
  /** Its own bindings. */
  readonly bindings: Set<string> = new Set()
  /** The connection takes nothing at the moment. */
  clogged = false

  constructor(peer: Peer, prefetch: number) {
    this.peer = peer
    this.prefetch = prefetch
  }

  get hasRoom(): boolean {
    return !this.clogged && this.unacknowledged.size < this.prefetch
  }
}

/** Octets that a message counts for besides its own. */
const CHARGE = 128

export function chargeOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.length, CHARGE)
}

export class WorkQueue {
  /** Empty if it belongs to one consumer alone. */
  readonly name: string
  readonly members: Set<Member> = new Set()
  /** Its bindings, and how many of its members have each. */
  readonly bindings: Map<string, number> = new Map()
  /** Ends it when nobody has come back in time. */
  expiry: NodeJS.Timeout | undefined
  #items: (Item | undefined)[] = []
  #head = 0

  constructor(name: string) {
    this.name = name
  }

  get waiting(): number {
    return this.#items.length - this.#head
  }

  get unacknowledged(): number {
    let sum = 0
    for (const member of this.members) sum += member.unacknowledged.size
    return sum
  }

  push(routed: Routed): void {
    this.#items.push({ routed, deliveries: 0 })
  }

  /** Back to the front, in this order. */
  requeue(items: readonly Item[]): void {
    this.#items = [...items, ...this.#items.slice(this.#head)]
    this.#head = 0
  }

  shift(): Item | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length || this.#head > 1024) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Who is next: the one with the least to do, and of those the one that has waited longest. */
  next(): Member | undefined {
    let best: Member | undefined
    for (const member of this.members) {
      if (!member.hasRoom) continue
      if (best === undefined || member.unacknowledged.size < best.unacknowledged.size) best = member
    }
    if (best !== undefined) {
      this.members.delete(best)
      this.members.add(best)
    }
    return best
  }
}
