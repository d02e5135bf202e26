// The state of a feed as a subscriber has it, and the rules by which it follows that of the publisher. No sockets and
// no time: updates, answers and proofs go in, what is new comes out.
//
// `position` is the promise: every update up to this feed sequence is here, or a newer one of its topic is.

import type { Frame } from "brokerless"
import { digest } from "./digest.ts"
import { HeldBack } from "./held-back.ts"
import { Interest } from "./interest.ts"
import type { FeedUpdate } from "./subscriber-options.ts"
import type { Update } from "./update.ts"

/** Deletions that are remembered, besides those that something older might undo. */
const REMEMBERED = 10_000

/** How an update came. */
type Origin = FeedUpdate<unknown>["recovered"]

interface Known<T> {
  readonly topic: string
  value: T | undefined
  sequence: number
  feedSequence: number
  /** In which epoch, counted from the first one that this subscriber followed. */
  epoch: number
  /** A deletion is remembered, so that nothing older brings the topic back, and for the number that it has. */
  deleted: boolean
  /** The value did not decode. */
  broken: boolean
  digest: number
  /** The last snapshot that it was in. */
  snapshot: number
}

export interface ReplicaOptions<T> {
  readonly decode: (payload: Frame) => T
  /** Only the newest update of a topic matters. */
  readonly conflate: boolean
  readonly maxTopics: number
  readonly maxHeld: number
  readonly maxHeldBytes: number
  /** There is an update to hand out. */
  readonly deliver: (update: FeedUpdate<T>) => void
  /** Updates of a topic are missing. */
  readonly gap: (topic: string, from: number, to: number) => void
  /** A payload did not decode. */
  readonly invalid: (error: Error) => void
  /** An update could not be kept. */
  readonly limit: (limit: "maxTopics" | "maxQueued") => void
}

export interface ReplicaCounts {
  live: number
  recovered: number
  fromSnapshots: number
  doubles: number
  gaps: number
  lost: number
  refused: number
  snapshots: number
}

export class Replica<T> {
  readonly counts: ReplicaCounts = {
    live: 0,
    recovered: 0,
    fromSnapshots: 0,
    doubles: 0,
    gaps: 0,
    lost: 0,
    refused: 0,
    snapshots: 0,
  }
  /** Every update up to this one is here. */
  position = 0
  /** What topics are wanted. */
  interest: Interest | undefined
  /** Whether the state of this epoch is here; until then updates wait. */
  complete = false
  /** Prefixes that were wanted later, whose state is not here. */
  unknown: Interest | undefined
  /** What a snapshot of them must not be older than: from there on changes are followed without it. */
  floor = 0
  /** Topics with a value. */
  living = 0
  readonly #options: ReplicaOptions<T>
  readonly #topics = new Map<string, Known<T>>()
  readonly #held: HeldBack
  /** Deletions that are remembered, the oldest first. */
  readonly #deleted = new Set<Known<T>>()
  #epoch = 0
  #epochName = ""
  #snapshots = 0

  constructor(options: ReplicaOptions<T>) {
    this.#options = options
    this.#held = new HeldBack(options.maxHeld, options.maxHeldBytes, options.conflate)
  }

  /** Whether the state of everything that is wanted is here. */
  get isWhole(): boolean {
    return this.complete && this.unknown === undefined
  }

  /** Updates that wait for what comes before them. */
  get held(): number {
    return this.#held.size
  }

  /** Topics of which updates are missing. */
  get gaps(): ReadonlyMap<string, number> {
    return this.#held.gaps
  }

  get(topic: string): T | undefined {
    const known = this.#topics.get(topic)
    return known === undefined || known.deleted ? undefined : known.value
  }

  has(topic: string): boolean {
    const known = this.#topics.get(topic)
    return known !== undefined && !known.deleted && !known.broken
  }

  /** What is known of each topic with a value, as updates. */
  *state(): IterableIterator<FeedUpdate<T>> {
    for (const known of this.#topics.values()) {
      if (!known.deleted && !known.broken) yield this.#asUpdate(known, "snapshot")
    }
  }

  /** Other topics are wanted. What is known of those that are not is forgotten, without a word. */
  want(interest: Interest | undefined): void {
    const old = this.interest
    this.interest = interest
    this.#forgetUnwanted()
    if (!this.complete) return
    const added = interest?.prefixes.filter((prefix) => !(old?.matches(prefix) ?? false)) ?? []
    const left = interest === undefined ? [] : (this.unknown?.inCommon(interest) ?? [])
    if (added.length > 0) this.floor = this.position
    const unknown = [...left, ...added]
    this.unknown = unknown.length === 0 ? undefined : new Interest(unknown)
  }

  /** Another numbering begins. What is known stays until a snapshot has replaced it. */
  begin(epochName: string): void {
    this.#epoch++
    this.#epochName = epochName
    for (const known of this.#deleted) this.#topics.delete(known.topic)
    this.#deleted.clear()
    this.#held.clear()
    this.complete = false
    this.unknown = undefined
    this.position = 0
  }

  /**
   * A live update of the current epoch.
   *
   * @returns false if it could not be kept although it may be missed
   */
  offer(update: Update): boolean {
    if (!this.complete) return this.#hold(update, undefined)
    if (!this.#hasRoomFor(update.topic)) return this.#refuse()
    const known = this.#current(update.topic)
    if (update.feedSequence <= this.#settled(known)) {
      this.counts.doubles++
      return true
    }
    if (this.#options.conflate || this.#follows(known, update)) {
      this.#apply(update, false, this.#skipped(known, update))
      if (this.#held.has(update.topic)) this.#release(update.topic)
      return true
    }
    return this.#hold(update, known)
  }

  /** Everything from `from` (excluded) to `to` has been offered: proven by somebody who counted. */
  prove(from: number, to: number): void {
    if (!this.complete || this.position < from || to <= this.position) return
    // What is held back has been offered, but is not here.
    let position = to
    for (const behind of this.gaps.values()) position = Math.min(position, behind)
    this.#advance(position)
  }

  /**
   * Changes from a history.
   *
   * @param through - up to where nothing is missing any more, if they are the last of everything behind the position
   * @returns how many were new
   */
  takeChanges(updates: readonly Update[], through: number | undefined): number {
    let taken = 0
    for (const update of updates) {
      const known = this.#current(update.topic)
      if (update.feedSequence <= this.#settled(known)) {
        this.counts.doubles++
        continue
      }
      this.#apply(update, "history", this.#skipped(known, update))
      taken++
    }
    if (through !== undefined && through > this.position) this.#advance(through)
    for (const topic of this.#held.topics()) this.#release(topic)
    return taken
  }

  /** A snapshot begins; its parts follow. */
  beginSnapshot(): void {
    this.#snapshots++
  }

  /**
   * @param ofNew - whether it is about topics of which nothing could be known
   * @returns how many updates were new
   */
  takeSnapshotPart(updates: readonly Update[], ofNew: boolean): number {
    let taken = 0
    for (const update of updates) {
      const { topic } = update
      const known = this.#topics.get(topic)
      const current = this.#current(topic)
      if (update.feedSequence > (current?.feedSequence ?? 0)) {
        const isOld = current !== undefined || (this.complete && !ofNew)
        const skipped = isOld ? this.#skipped(current, update) : 0
        if (this.#isUnchanged(known, update)) this.#renumber(known, update)
        else {
          this.#apply(update, "snapshot", skipped)
          taken++
        }
      }
      const marked = this.#topics.get(topic)
      if (marked !== undefined) marked.snapshot = this.#snapshots
    }
    return taken
  }

  /**
   * The snapshot is whole: what `covers` says it is about, and it does not have, is deleted.
   *
   * @returns how many were
   */
  finishSnapshot(
    sequence: number,
    covers: (topic: string) => boolean,
    scope: "everything" | "topics" | "unknown",
  ): number {
    let deleted = 0
    for (const known of this.#topics.values()) {
      if (known.snapshot === this.#snapshots || known.deleted || !covers(known.topic)) continue
      if (known.epoch === this.#epoch && known.feedSequence > sequence) continue
      this.#bury(known, sequence)
      this.counts.fromSnapshots++
      this.#options.deliver(this.#asUpdate(known, "snapshot"))
      // The deletion has a number of its own, behind that of the last value that is known.
      known.sequence++
      deleted++
    }
    this.counts.snapshots++
    if (scope !== "topics") this.unknown = undefined
    if (scope === "everything") {
      this.complete = true
      this.#advance(Math.max(sequence, this.position))
    }
    for (const topic of this.#held.topics()) this.#release(topic)
    return deleted
  }

  #forgetUnwanted(): void {
    const isWanted = (topic: string): boolean => this.interest?.matches(topic) ?? false
    for (const known of this.#topics.values()) {
      if (isWanted(known.topic)) continue
      this.#topics.delete(known.topic)
      this.#deleted.delete(known)
      if (!known.deleted) this.living--
    }
    for (const topic of this.#held.topics()) if (!isWanted(topic)) this.#held.drop(topic)
  }

  #current(topic: string): Known<T> | undefined {
    const known = this.#topics.get(topic)
    return known?.epoch === this.#epoch ? known : undefined
  }

  /** Up to where nothing of this topic is missing. */
  #settled(known: Known<T> | undefined): number {
    if (known !== undefined && !known.deleted) return known.feedSequence
    return Math.max(this.position, known?.feedSequence ?? 0)
  }

  /** Whether nothing of this topic is missing between what is known and this update. */
  #follows(known: Known<T> | undefined, { previous }: Update): boolean {
    const settled = this.#settled(known)
    // A value that is not the one before this update has been deleted since.
    return known === undefined || known.deleted ? previous <= settled : previous === settled
  }

  /** How many updates of this topic are missing between what is known and this update, as far as numbers tell. */
  #skipped(known: Known<T> | undefined, update: Update): number {
    if (update.previous === (known?.feedSequence ?? 0)) return 0
    // After a deletion that the publisher has forgotten it begins with 1 again; then nobody knows how many there were.
    if (known !== undefined) return Math.max(0, update.sequence - known.sequence - 1)
    return Math.max(0, Math.min(update.sequence - 1, update.previous - this.position))
  }

  #hold(update: Update, known: Known<T> | undefined): boolean {
    const kept = this.#held.add(update)
    if (!kept) this.#options.limit("maxQueued")
    else if (this.complete) this.#noteGap(update, known)
    return kept
  }

  #noteGap(update: Update, known: Known<T> | undefined): void {
    const { gaps } = this.#held
    const isNew = !gaps.has(update.topic)
    gaps.set(update.topic, Math.max(this.position, known?.feedSequence ?? 0))
    if (!isNew) return
    this.counts.gaps++
    const from = known === undefined || known.sequence >= update.sequence ? 0 : known.sequence + 1
    this.#options.gap(update.topic, from, from === 0 ? 0 : update.sequence - 1)
  }

  /** Takes what waited of a topic, as far as nothing is missing in between. */
  #release(topic: string): void {
    let taken = 0
    for (const update of this.#held.of(topic)) {
      const known = this.#current(topic)
      const isDouble = update.feedSequence <= this.#settled(known)
      if (!isDouble && !this.#options.conflate && !this.#follows(known, update) && this.#hasRoomFor(topic)) {
        this.#held.dropFirst(topic, taken)
        this.#noteGap(update, known)
        return
      }
      taken++
      if (isDouble) this.counts.doubles++
      else this.#apply(update, false, this.#skipped(known, update))
    }
    this.#held.drop(topic)
  }

  #hasRoomFor(topic: string): boolean {
    if (this.#topics.size < this.#options.maxTopics || this.#topics.has(topic)) return true
    return this.#forgetDeleted(this.#deleted.size - 1) > 0
  }

  #refuse(): true {
    this.counts.refused++
    this.#options.limit("maxTopics")
    return true
  }

  /** @param skipped - how many updates that came before it will not come any more */
  #apply(update: Update, origin: Origin, skipped: number): void {
    const { topic, payload } = update
    let known = this.#topics.get(topic)
    if (known === undefined) {
      if (!this.#hasRoomFor(topic)) {
        this.#refuse()
        return
      }
      known = {
        topic,
        value: undefined,
        sequence: 0,
        feedSequence: 0,
        epoch: this.#epoch,
        deleted: true,
        broken: false,
        digest: 0,
        snapshot: 0,
      }
      this.#topics.set(topic, known)
    }
    this.#renumber(known, update)
    if (!this.#options.conflate) this.counts.lost += skipped
    if (origin === false) this.counts.live++
    else if (origin === "history") this.counts.recovered++
    else this.counts.fromSnapshots++
    if (payload === undefined) this.#bury(known, update.feedSequence)
    else if (!this.#revive(known, payload)) return
    this.#options.deliver(this.#asUpdate(known, origin))
  }

  #revive(known: Known<T>, payload: Buffer): boolean {
    if (known.deleted) this.living++
    this.#deleted.delete(known)
    known.deleted = false
    known.digest = digest(payload)
    known.broken = false
    try {
      known.value = this.#options.decode(payload)
    } catch (error) {
      // Better no value than one that is not true any more.
      known.value = undefined
      known.broken = true
      this.#options.invalid(error instanceof Error ? error : new Error(String(error)))
    }
    return !known.broken
  }

  #bury(known: Known<T>, feedSequence: number): void {
    if (!known.deleted) this.living--
    known.deleted = true
    known.broken = false
    known.value = undefined
    known.feedSequence = feedSequence
    known.epoch = this.#epoch
    this.#deleted.add(known)
  }

  /** Whether a snapshot of another epoch says of a topic what is known already. */
  #isUnchanged(known: Known<T> | undefined, update: Update): known is Known<T> {
    if (known === undefined || known.deleted || known.epoch === this.#epoch || update.payload === undefined)
      return false
    return known.digest === digest(update.payload)
  }

  #renumber(known: Known<T>, { sequence, feedSequence }: Update): void {
    known.sequence = sequence
    known.feedSequence = feedSequence
    known.epoch = this.#epoch
  }

  #advance(position: number): void {
    this.position = position
    this.#forgetDeleted(REMEMBERED)
  }

  /**
   * Forgets deletions, the oldest first, until so many are left or only such that something older might undo.
   *
   * @returns how many were forgotten
   */
  #forgetDeleted(left: number): number {
    const safe = this.unknown === undefined ? this.position : this.floor
    const before = this.#deleted.size
    for (const known of this.#deleted) {
      if (this.#deleted.size <= left || known.feedSequence > safe) break
      this.#deleted.delete(known)
      this.#topics.delete(known.topic)
    }
    return before - this.#deleted.size
  }

  #asUpdate(known: Known<T>, recovered: Origin): FeedUpdate<T> {
    const { topic, sequence, feedSequence, value } = known
    const epoch = this.#epochName
    // Written out, because this is made for every update.
    return known.deleted
      ? { topic, sequence, feedSequence, epoch, recovered, deleted: true, value: undefined }
      : { topic, sequence, feedSequence, epoch, recovered, deleted: false, value: value as T }
  }
}
