// What a publisher knows of its feed: the last value of each topic, and the latest updates within limits. An update
// leaves the history when its topic or the whole has too many; a deleted topic is forgotten when its deletion leaves.

import { topicFrame, type Update } from "./update.ts"

/** Limits of the history; all hold at once. */
export interface HistoryLimits {
  /** Updates. */
  readonly messages: number
  /** Octets. */
  readonly bytes: number
  /** Updates of one topic. */
  readonly messagesPerTopic: number
  /** Octets of one topic. */
  readonly bytesPerTopic: number
}

/** One topic, deleted or not. */
export interface Topic {
  readonly name: string
  /** The first frame of its updates. */
  readonly frame: Buffer
  last: Entry | undefined
  /** Its updates in the history, from the oldest on. */
  oldest: Entry | undefined
  messages: number
  bytes: number
  /** Updates that interests have not counted yet. */
  uncounted: number
}

/** An update as the history keeps it. */
export interface Entry extends Update {
  readonly owner: Topic
  next: Entry | undefined
  kept: boolean
}

/** What an update costs in the history on top of its payload and its topic. */
const CHARGE = 128
/** Places of updates that left the history are given back when there are so many, and more than of those that stay. */
const SLACK = 1024

export class Ledger {
  /** Updates up to this one are not all in the history. */
  floor = 0
  /** The last feed sequence. */
  sequence = 0
  /** Updates in the history. */
  messages = 0
  /** Octets of the history. */
  bytes = 0
  /** Topics that have a value. */
  living = 0
  readonly #limits: HistoryLimits
  readonly #topics = new Map<string, Topic>()
  /** In the order of their feed sequence; before `#head`, and where `kept` is false, there is nothing any more. */
  #entries: Entry[] = []
  #head = 0

  constructor(limits: HistoryLimits) {
    this.#limits = limits
  }

  /** Whether a topic has a value. */
  has(name: string): boolean {
    return this.#topics.get(name)?.last?.payload !== undefined
  }

  /** Whether a topic is known, deleted ones that are still in the history included. */
  knows(name: string): boolean {
    return this.#topics.has(name)
  }

  /** Takes the next update in; without a payload it deletes the topic. */
  add(name: string, payload: Buffer | undefined): Entry {
    const owner = this.#topics.get(name) ?? this.#open(name)
    const { last } = owner
    return this.#append(owner, {
      feedSequence: this.sequence + 1,
      previous: last?.feedSequence ?? 0,
      sequence: (last?.sequence ?? 0) + 1,
      payload,
    })
  }

  /** Takes over an update that another publisher of the same epoch has numbered. */
  adopt(update: Update): void {
    const owner = this.#topics.get(update.topic) ?? this.#open(update.topic)
    this.#append(owner, update)
  }

  /** Takes over the state of another publisher: the last value of each topic, nothing of the history. */
  restore(updates: readonly Update[], sequence: number): void {
    this.#topics.clear()
    this.#entries = []
    this.#head = 0
    this.messages = 0
    this.bytes = 0
    this.living = updates.length
    for (const { topic, feedSequence, previous, sequence, payload } of updates) {
      const owner = this.#open(topic)
      owner.last = { topic, feedSequence, previous, sequence, payload, owner, next: undefined, kept: false }
    }
    this.sequence = sequence
    this.floor = sequence
  }

  /** The last update of each topic that has a value. */
  *state(): Iterable<Entry> {
    for (const { last } of this.#topics.values()) if (last?.payload !== undefined) yield last
  }

  /** Updates behind a feed sequence, in their order, as far as the history has them. */
  *since(feedSequence: number): Iterable<Entry> {
    for (let i = this.#placeBehind(feedSequence); i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry
      if (entry.kept) yield entry
    }
  }

  #open(name: string): Topic {
    const frame = topicFrame(name)
    const topic = { name, frame, last: undefined, oldest: undefined, messages: 0, bytes: 0, uncounted: 0 }
    this.#topics.set(name, topic)
    return topic
  }

  #append(owner: Topic, update: Omit<Update, "topic">): Entry {
    const { feedSequence, previous, sequence, payload } = update
    const topic = owner.name
    const entry: Entry = { topic, feedSequence, previous, sequence, payload, owner, next: undefined, kept: true }
    if (owner.last?.payload === undefined) this.living++
    if (payload === undefined) this.living--
    this.sequence = feedSequence
    // What has left the history may still be the last of its topic; then the list begins anew.
    if (owner.oldest === undefined) owner.oldest = entry
    else if (owner.last !== undefined) owner.last.next = entry
    owner.last = entry
    this.#entries.push(entry)
    this.#count(entry, 1)
    this.#shorten(owner)
    return entry
  }

  #shorten(owner: Topic): void {
    const { messages, bytes, messagesPerTopic, bytesPerTopic } = this.#limits
    while (owner.oldest !== undefined && (owner.messages > messagesPerTopic || owner.bytes > bytesPerTopic)) {
      const { oldest } = owner
      // The rest of the history still ends where the feed does, unless it was the last of its topic.
      if (oldest === owner.last) this.floor = oldest.feedSequence
      this.#forget(oldest)
    }
    while (this.messages > messages || this.bytes > bytes) {
      const oldest = this.#entries[this.#head] as Entry
      if (oldest.kept) {
        this.floor = Math.max(this.floor, oldest.feedSequence)
        this.#forget(oldest)
      }
      this.#head++
    }
    this.#compact()
  }

  #forget(entry: Entry): void {
    const { owner } = entry
    owner.oldest = entry.next
    entry.next = undefined
    entry.kept = false
    this.#count(entry, -1)
    if (owner.last === entry && entry.payload === undefined) this.#topics.delete(owner.name)
  }

  #count(entry: Entry, sign: 1 | -1): void {
    const size = CHARGE + entry.owner.frame.length + (entry.payload?.length ?? 0)
    this.messages += sign
    this.bytes += sign * size
    entry.owner.messages += sign
    entry.owner.bytes += sign * size
  }

  #compact(): void {
    const places = this.#entries.length
    if (places - this.messages < Math.max(SLACK, this.messages)) return
    this.#entries = this.#entries.slice(this.#head).filter(({ kept }) => kept)
    this.#head = 0
  }

  /** The place of the first update behind a feed sequence. */
  #placeBehind(feedSequence: number): number {
    let low = this.#head
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#entries[middle] as Entry).feedSequence <= feedSequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
