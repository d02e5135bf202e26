// The interests that a publisher's subscribers have registered, and how many updates each of them should have got.
// Counting is put off until somebody wants to know, so that an update costs the same however many interests there are.

import { randomInt } from "node:crypto"
import { Interest } from "./interest.ts"
import type { Topic } from "./ledger.ts"

/** An interest that somebody has, and its count. */
export interface Registered {
  readonly interest: Interest
  /** Tells this registration from every other, those of other publishers that have carried this epoch among them. */
  readonly registration: number
  count: number
}

/** Topics that wait to be counted; then they are counted whether anybody wants to know or not. */
const MOST_UNCOUNTED = 100_000

export class Interests {
  readonly #most: number
  readonly #byList = new Map<string, Registered>()
  readonly #byPrefix = new Map<string, Registered[]>()
  /** Lengths that prefixes have, shortest first. */
  #lengths: readonly number[] = []
  #uncounted: Topic[] = []
  /** Begins anywhere, because a publisher that takes the place of another must not seem to go on counting for it. */
  #registrations = randomInt(2 ** 47)

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#byList.size
  }

  [Symbol.iterator](): Iterator<Registered> {
    return this.#byList.values()
  }

  get(list: Buffer): Registered | undefined {
    return this.#byList.get(list.toString("latin1"))
  }

  /** Begins to count for a list of prefixes. Nothing comes of it if the list is malformed or there are too many. */
  register(list: Buffer): Registered | "malformed" | "full" {
    const key = list.toString("latin1")
    const known = this.#byList.get(key)
    if (known !== undefined) return known
    if (this.#byList.size >= this.#most) return "full"
    const interest = Interest.parse(list)
    if (interest === undefined || !interest.list.equals(list)) return "malformed"
    this.count()
    const registered: Registered = { interest, registration: ++this.#registrations, count: 0 }
    this.#byList.set(key, registered)
    for (const prefix of interest.prefixes) {
      const others = this.#byPrefix.get(prefix)
      if (others === undefined) this.#byPrefix.set(prefix, [registered])
      else others.push(registered)
    }
    this.#measure(interest)
    return registered
  }

  unregister(list: Buffer): void {
    const key = list.toString("latin1")
    const registered = this.#byList.get(key)
    if (registered === undefined) return
    this.#byList.delete(key)
    for (const prefix of registered.interest.prefixes) {
      const others = (this.#byPrefix.get(prefix) ?? []).filter((other) => other !== registered)
      if (others.length > 0) this.#byPrefix.set(prefix, others)
      else this.#byPrefix.delete(prefix)
    }
    // Lengths that nobody has any more cost a look-up; they go when nobody is left.
    if (this.#byPrefix.size === 0) this.#lengths = []
  }

  /** There was an update of this topic. */
  touched(topic: Topic): void {
    if (topic.uncounted++ > 0) return
    this.#uncounted.push(topic)
    if (this.#uncounted.length >= MOST_UNCOUNTED) this.count()
  }

  /** Brings all counts up to date. */
  count(): void {
    const topics = this.#uncounted
    this.#uncounted = []
    for (const topic of topics) {
      for (const length of this.#lengths) {
        if (length > topic.name.length) break
        const interested = this.#byPrefix.get(topic.name.slice(0, length))
        // No interest has two prefixes of one topic, because none of its prefixes begins with another.
        if (interested !== undefined) for (const registered of interested) registered.count += topic.uncounted
      }
      topic.uncounted = 0
    }
  }

  #measure(interest: Interest): void {
    if (interest.lengths.every((length) => this.#lengths.includes(length))) return
    this.#lengths = [...new Set([...this.#lengths, ...interest.lengths])].sort((a, b) => a - b)
  }
}
