// Which epoch of a feed a subscriber follows, carried by which of its sources, and what these prove. Messages and
// silences go in; what is to be asked for, and when, comes out. No sockets and no time.

import { type Message, ProtocolError } from "brokerless"
import type { Emitter } from "../emitter.ts"
import { decodeHeartbeat, isForAnother } from "./heartbeat.ts"
import type { Interest } from "./interest.ts"
import type { Replica } from "./replica.ts"
import type { Source } from "./source.ts"
import type { FeedSubscriberEvents } from "./subscriber-options.ts"
import { decodeUpdate, epochOf, isOfEpoch, isUpdate } from "./update.ts"

export interface FollowingOptions<T> {
  readonly replica: Replica<T>
  readonly sources: readonly Source[]
  readonly events: Emitter<FeedSubscriberEvents>
  /** ms for which an update that one source lost is awaited from the others. */
  readonly arbitrationDelay: number
  /** A message could not be understood. */
  readonly invalid: (source: string, error: Error) => void
  /** What is being asked for has become pointless. */
  readonly moot: () => void
  /** Something may be missing; to be looked for in so many ms. */
  readonly wake: (delay: number) => void
}

export class Following<T> {
  /** Epochs that were followed. */
  epochs = 0
  failovers = 0
  /** Whether no source is heard. */
  stale = true
  readonly #options: FollowingOptions<T>
  #interest: Interest | undefined
  #epoch: Buffer | undefined

  constructor(options: FollowingOptions<T>) {
    this.#options = options
  }

  /** The id of the epoch, in hexadecimal digits; undefined before the first one. */
  get epoch(): string | undefined {
    return this.#epoch?.toString("hex")
  }

  /** Other topics are wanted. What was counted counts for the old ones. */
  want(interest: Interest | undefined): void {
    const { replica, sources, moot, wake } = this.#options
    this.#interest = interest
    replica.want(interest)
    for (const source of sources) source.loseTrack()
    moot()
    wake(0)
  }

  /** A source is heard. */
  hear(source: Source): void {
    if (source.fresh) return
    source.fresh = true
    const { events } = this.#options
    events.emit("source:fresh", { source: source.name })
    if (this.stale) {
      this.stale = false
      events.emit("fresh", {})
    }
    this.#choose()
  }

  /** A message of a source: an update or a heartbeat. */
  take(source: Source, message: Message): void {
    if (isUpdate(message)) this.#takeUpdate(source, message)
    else this.#takeHeartbeat(source, message)
  }

  /** Looks for updates of topics with gaps, once other sources had the time to bring them. */
  mindGaps(): void {
    const { replica, wake } = this.#options
    if (replica.gaps.size > 0) wake(this.#patience)
  }

  /** A source is no longer heard. */
  abandon(source: Source): void {
    if (!source.fresh) return
    source.fresh = false
    const { events, sources } = this.#options
    events.emit("source:stale", { source: source.name })
    const { carries } = source
    this.#choose()
    if (carries) this.#announceFailover(source)
    if (this.stale || sources.some(({ fresh }) => fresh)) return
    this.stale = true
    events.emit("stale", {})
  }

  #takeUpdate(source: Source, message: Message): void {
    const { invalid, replica } = this.#options
    const update = decodeUpdate(message)
    if (update === undefined) {
      invalid(source.name, new ProtocolError("A message of the feed is malformed"))
      return
    }
    if (source.epoch === undefined || !isOfEpoch(message, source.epoch)) this.#enter(source, epochOf(message))
    // What was on its way when other topics came to be wanted was not counted for these.
    if (!this.#interest?.matches(update.topic)) return
    source.count()
    if (source.carries && !replica.offer(update)) source.loseTrack()
  }

  #takeHeartbeat(source: Source, message: Message): void {
    const { invalid, replica } = this.#options
    // As with updates, what was on its way for other topics proves nothing of these.
    if (this.#interest === undefined || isForAnother(message, this.#interest.id)) return
    const beat = decodeHeartbeat(message)
    if (beat === undefined) {
      invalid(source.name, new ProtocolError("A heartbeat of the feed is malformed"))
      return
    }
    if (!source.epoch?.equals(beat.epoch)) this.#enter(source, beat.epoch)
    if (beat.sequence < source.sequence) {
      // Its epoch has a name, and it has begun it again.
      source.lagging = true
      source.loseTrack()
    }
    const proof = source.beat(beat)
    if (source.lagging && beat.sequence >= replica.position) source.lagging = false
    if (beat.leaving) this.abandon(source)
    else if (source.lagging) this.#choose()
    if (!source.carries) return
    if (proof !== undefined) replica.prove(proof.from, proof.to)
    this.#look(source)
  }

  #look({ fresh, sequence }: Source): void {
    const { replica, wake } = this.#options
    if (!replica.isWhole) wake(0)
    else if (replica.position < sequence && fresh) wake(this.#patience)
  }

  /** A source says that it is of another epoch. Only its messages do: answers of one that began again overtake them. */
  #enter(source: Source, epoch: Buffer): void {
    source.enter(epoch)
    const carried = source.carries
    source.carries = this.#epoch?.equals(epoch) ?? false
    this.#choose()
    if (carried && !source.carries) this.#announceFailover(source)
  }

  /** What one source lost may be on its way from another. */
  get #patience(): number {
    const { sources, arbitrationDelay } = this.#options
    const carriers = sources.filter(({ fresh, carries }) => fresh && carries)
    return carriers.length > 1 ? arbitrationDelay : 0
  }

  /** Follows another epoch when nobody carries the one that is followed. */
  #choose(): void {
    const { sources, replica, events, moot, wake } = this.#options
    if (sources.some(({ fresh, carries, lagging }) => fresh && carries && !lagging)) return
    const next = sources.find(({ fresh, epoch }) => fresh && epoch !== undefined)
    if (next?.epoch === undefined) return
    const previous = this.epoch
    const { epoch } = next
    this.#epoch = epoch
    this.epochs++
    for (const source of sources) {
      source.carries = source.epoch?.equals(epoch) ?? false
      source.lagging = false
      // What came before is not kept.
      source.loseTrack()
    }
    replica.begin(epoch.toString("hex"))
    moot()
    events.emit("epoch", { epoch: epoch.toString("hex"), previous, source: next.name })
    wake(0)
  }

  #announceFailover(from: Source): void {
    const { sources, events } = this.#options
    const to = sources.find((source) => source !== from && source.fresh && source.carries)
    if (to === undefined || this.epoch === undefined) return
    this.failovers++
    events.emit("failover", { from: from.name, to: to.name, epoch: this.epoch })
  }
}
