// Updates that came before something that should have come first: they wait, within limits, in the order of their
// numbers, each once.

import type { Update } from "./update.ts"

/** What an update costs on top of its payload. */
const CHARGE = 128

export class HeldBack {
  /** Topics of which something is missing, and the feed sequence behind which it is. */
  readonly gaps: Map<string, number> = new Map()
  size = 0
  readonly #most: number
  readonly #mostBytes: number
  readonly #newestOnly: boolean
  readonly #byTopic = new Map<string, Update[]>()
  #bytes = 0

  constructor(most: number, mostBytes: number, newestOnly: boolean) {
    this.#most = most
    this.#mostBytes = mostBytes
    this.#newestOnly = newestOnly
  }

  has(topic: string): boolean {
    return this.#byTopic.has(topic)
  }

  topics(): string[] {
    return [...this.#byTopic.keys()]
  }

  /** What waits of a topic, in order. */
  of(topic: string): readonly Update[] {
    return this.#byTopic.get(topic) ?? []
  }

  /** @returns false if there is no room for it */
  add(update: Update): boolean {
    const waiting = this.#byTopic.get(update.topic) ?? []
    let at = waiting.length
    while (at > 0 && (waiting[at - 1] as Update).feedSequence > update.feedSequence) at--
    if (waiting[at - 1]?.feedSequence === update.feedSequence) return true
    if (this.#newestOnly && waiting.length > 0) {
      if (at < waiting.length) return true
      this.#count(waiting.pop() as Update, -1)
      at = 0
    }
    if (this.size >= this.#most || this.#bytes >= this.#mostBytes) return false
    waiting.splice(at, 0, update)
    this.#byTopic.set(update.topic, waiting)
    this.#count(update, 1)
    return true
  }

  /** The first ones that wait of a topic wait no more. */
  dropFirst(topic: string, count: number): void {
    for (const update of this.#byTopic.get(topic)?.splice(0, count) ?? []) this.#count(update, -1)
  }

  drop(topic: string): void {
    for (const update of this.#byTopic.get(topic) ?? []) this.#count(update, -1)
    this.#byTopic.delete(topic)
    this.gaps.delete(topic)
  }

  clear(): void {
    this.#byTopic.clear()
    this.gaps.clear()
    this.size = 0
    this.#bytes = 0
  }

  #count(update: Update, sign: 1 | -1): void {
    this.size += sign
    this.#bytes += sign * (CHARGE + 2 * update.topic.length + (update.payload?.length ?? 0))
  }
}
