// The subscriber of a feed: hears its publishers, follows one epoch of the feed, and asks for what it has missed.

import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type Message,
  MessageError,
  ProtocolError,
  TimeoutError,
  type WaitOptions,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { LONGEST } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { settle } from "../settings.ts"
import { decodeHeartbeat, type Heartbeat } from "./heartbeat.ts"
import { Interest, MAX_INTEREST } from "./interest.ts"
import { Recoverer } from "./recoverer.ts"
import { Replica } from "./replica.ts"
import { Source } from "./source.ts"
import {
  type AnySubscriberOptions,
  type FeedSubscriberEvents,
  type FeedSubscriberOptions,
  type FeedSubscriberStats,
  type FeedUpdate,
  SUBSCRIBER_EVENTS,
  SUBSCRIBER_SETTINGS,
} from "./subscriber-options.ts"
import { checkPrefix } from "./topic.ts"
import { decodeUpdate, epochOf, isOfEpoch, isUpdate } from "./update.ts"
import { UpdateQueue } from "./update-queue.ts"

/** Without a codec a feed carries frames. */
export type FeedSubscriberArguments<T> =
  | [options: FeedSubscriberOptions & { readonly codec: Codec<never, T> }]
  | ([Frame] extends [T] ? [options: FeedSubscriberOptions & { readonly codec?: undefined }] : never)

/**
 * Follows a feed: knows the current value of each topic it has subscribed to, and hands out every update, in the order
 * of each topic, once.
 *
 * @typeParam T - what is received: frames, or the values that the codec decodes
 */
export class FeedSubscriber<T = Frame> implements AsyncDisposable, AsyncIterable<FeedUpdate<T>, undefined> {
  /** What happens to this subscriber, as it happens. */
  readonly events: Emitter<FeedSubscriberEvents> = new Emitter<FeedSubscriberEvents>(SUBSCRIBER_EVENTS)
  readonly #options: ReturnType<typeof settle<AnySubscriberOptions>>
  readonly #replica: Replica<T>
  readonly #recoverer: Recoverer<T>
  readonly #sources: readonly Source[]
  readonly #queues = new Set<UpdateQueue<T>>()
  readonly #closed = new AbortController()
  readonly #watch: NodeJS.Timeout
  #prefixes: readonly string[] = []
  #interest: Interest | undefined
  #epoch: Buffer | undefined
  #stale = true
  #watched = performance.now()
  #room: PromiseWithRoom | undefined
  #conflated = 0
  #invalid = 0
  #epochs = 0
  #failovers = 0
  #closing: Promise<void> | undefined
  /** Takes back what was asked of the signal. */
  #forgo: () => void = () => {}

  /** @throws OptionError for an option that does not exist or is not accepted; EndpointError */
  constructor(...[options]: FeedSubscriberArguments<T>) {
    const settled = settle<AnySubscriberOptions>("FeedSubscriber", SUBSCRIBER_SETTINGS, options as AnySubscriberOptions)
    const codec = settled.codec as Codec<never, T> | undefined
    this.#options = settled
    this.#replica = new Replica<T>({
      decode: codec === undefined ? (payload) => payload as T : (payload) => codec.decode(payload),
      conflate: settled.conflate,
      maxTopics: settled.maxTopics,
      maxHeld: settled.maxQueued,
      maxHeldBytes: settled.maxQueuedBytes,
      deliver: (update) => {
        for (const queue of this.#queues) queue.push(update)
      },
      gap: (topic, from, to) => this.events.emit("gap", { topic, from, to }),
      invalid: (error) => this.#announceInvalid("", error),
      limit: (limit) => this.events.emit("limit", { limit }),
    })
    this.#sources = settled.sources.map((endpoints) => new Source(endpoints, settled.security))
    this.#recoverer = new Recoverer<T>({
      replica: this.#replica,
      sources: this.#sources,
      events: this.events,
      timeout: settled.recoveryTimeout,
      newestOnly: settled.conflate,
      signal: this.#closed.signal,
      room: () => this.#untilRoom(),
      entered: (source, epoch) => this.#enter(source, epoch),
    })
    this.#watch = setInterval(() => this.#judge(), Math.max(1, settled.staleAfter / 4)).unref()
    for (const source of this.#sources) void this.#listen(source)
    const { signal } = settled
    if (signal?.aborted) void this.close()
    else this.#forgo = onAbort(signal, () => void this.close())
  }

  /** The id of the epoch that is followed, in hexadecimal digits; undefined before the first one. */
  get epoch(): string | undefined {
    return this.#epoch?.toString("hex")
  }

  /** Whether no publisher has been heard for `staleAfter`: what is known may be out of date. */
  get stale(): boolean {
    return this.#stale
  }

  /** Whether the state of everything subscribed to is here, as it was at `position`. */
  get complete(): boolean {
    return this.#recoverer.isComplete
  }

  /** The number of topics that have a value. */
  get size(): number {
    return this.#replica.living
  }

  /** Counters of this moment. */
  get stats(): FeedSubscriberStats {
    let queued = 0
    let conflated = this.#conflated
    for (const queue of this.#queues) {
      queued += queue.size
      conflated += queue.conflated
    }
    return {
      ...this.#replica.counts,
      conflated,
      snapshots: this.#recoverer.snapshots,
      invalid: this.#invalid,
      epochs: this.#epochs,
      failovers: this.#failovers,
      topics: this.#replica.living,
      position: this.#replica.position,
      queued,
      held: this.#replica.held,
    }
  }

  /** The current value of a topic; undefined if it has none. */
  get(topic: string): T | undefined {
    return this.#replica.get(topic)
  }

  /** Whether a topic has a value. */
  has(topic: string): boolean {
    return this.#replica.has(topic)
  }

  /** Topics and their current values. */
  *entries(): IterableIterator<[topic: string, value: T]> {
    for (const { topic, value } of this.#replica.state()) yield [topic, value as T]
  }

  /**
   * Asks for topics that begin with one of the prefixes; without any, for all. Equal subscriptions are one.
   *
   * @throws MessageError for a prefix of more than 1024 octets, or if all of them together have more than 60 000;
   * ClosedError
   */
  subscribe(...prefixes: readonly string[]): void {
    this.#checkOpen()
    const added = prefixes.length === 0 ? [""] : prefixes
    for (const prefix of added) checkPrefix(prefix)
    const old = this.#interest
    this.#want([...this.#prefixes, ...added])
    // What is known is of the old prefixes only.
    const unknown = this.#interest?.prefixes.filter((prefix) => old === undefined || !old.matches(prefix)) ?? []
    if (unknown.length > 0) this.#recoverer.unknown(new Interest(unknown))
  }

  /**
   * Takes subscriptions back, that to all topics without a prefix; what is no longer subscribed to is forgotten.
   *
   * @throws ClosedError
   */
  unsubscribe(...prefixes: readonly string[]): void {
    this.#checkOpen()
    const removed = new Set(prefixes.length === 0 ? [""] : prefixes)
    this.#want(this.#prefixes.filter((prefix) => !removed.has(prefix)))
    this.#replica.forget((topic) => this.#interest?.matches(topic) ?? false)
  }

  /**
   * Resolves when the state of everything subscribed to is here.
   *
   * @throws TimeoutError, AbortError, ClosedError (as rejections)
   */
  async ready({ timeout = -1, signal }: WaitOptions = {}): Promise<void> {
    this.#checkOpen()
    const end = new AbortController()
    const giveUp = (error: Error) => () => end.abort(error)
    const abort = (): void => end.abort(new AbortError(signal?.reason))
    const close = giveUp(new ClosedError("The subscriber was closed before it was ready"))
    const timer =
      timeout < 0
        ? undefined
        : setTimeout(giveUp(new TimeoutError(`Not ready within ${timeout} ms`)), Math.min(timeout, LONGEST))
    const forgo = [onAbort(signal, abort), onAbort(this.#closed.signal, close)]
    if (signal?.aborted) abort()
    try {
      await this.#recoverer.untilComplete(end.signal)
    } finally {
      clearTimeout(timer)
      for (const each of forgo) each()
    }
  }

  /**
   * The current value of each topic, then every update, until the subscriber closes. With several loops each gets all.
   * A loop that does not keep up holds up the subscriber once `maxQueued` updates wait for it; with `conflate` it gets
   * the newest of each topic instead.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<FeedUpdate<T>, undefined> {
    const queue: UpdateQueue<T> = new UpdateQueue<T>(
      this.#options.conflate,
      () => this.#makeRoom(),
      () => {
        if (this.#queues.delete(queue)) this.#conflated += queue.conflated
      },
    )
    for (const update of this.#replica.state()) queue.push(update)
    if (this.#closing === undefined) this.#queues.add(queue)
    else queue.end()
    return queue
  }

  /** Closes all sockets. Loops end when they have got what waits for them. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#forgo()
    clearInterval(this.#watch)
    this.#closed.abort(new ClosedError("The subscriber is closed"))
    for (const queue of this.#queues) {
      this.#conflated += queue.conflated
      queue.end()
    }
    this.#queues.clear()
    this.#makeRoom()
    await Promise.all(this.#sources.map((source) => source.close()))
    this.events.close()
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new ClosedError("The subscriber is closed")
  }

  #want(prefixes: readonly string[]): void {
    const old = this.#interest
    const interest = prefixes.length === 0 ? undefined : new Interest(prefixes)
    if (interest !== undefined && interest.list.length > MAX_INTEREST) {
      throw new MessageError("EMSGSIZE", `All prefixes together may have ${MAX_INTEREST} octets`)
    }
    this.#prefixes = [...new Set(prefixes)]
    if (interest !== undefined && old?.list.equals(interest.list)) return
    this.#interest = interest
    this.#recoverer.about(interest)
    for (const source of this.#sources) source.want(interest, old)
  }

  async #listen(source: Source): Promise<void> {
    while (this.#closing === undefined) {
      let messages: Message[]
      try {
        messages = await source.receive()
      } catch {
        return
      }
      this.#hear(source)
      for (const message of messages) {
        if (isUpdate(message)) this.#takeUpdate(source, message)
        else this.#takeHeartbeat(source, message)
      }
      if (this.#replica.gaps.size > 0) this.#recoverer.wake(this.#patience())
      await this.#untilRoom()
    }
  }

  #hear(source: Source): void {
    source.heard = performance.now()
    if (source.fresh) return
    source.fresh = true
    this.events.emit("source:fresh", { source: source.name })
    if (this.#stale) {
      this.#stale = false
      this.events.emit("fresh", {})
    }
    this.#choose()
  }

  #takeUpdate(source: Source, message: Message): void {
    const update = decodeUpdate(message)
    if (update === undefined) {
      this.#announceInvalid(source.name, new ProtocolError("A message of the feed is malformed"))
      return
    }
    const isKnown = source.epoch !== undefined && isOfEpoch(message, source.epoch)
    if (!isKnown && !this.#enter(source, epochOf(message))) return
    source.count()
    if (source.carries && !this.#replica.offer(update)) source.loseTrack()
  }

  #takeHeartbeat(source: Source, message: Message): void {
    const interest = this.#interest
    if (interest === undefined) return
    const beat = decodeHeartbeat(message, interest.id)
    if (beat === undefined) {
      this.#announceInvalid(source.name, new ProtocolError("A heartbeat of the feed is malformed"))
      return
    }
    if (!(source.epoch?.equals(beat.epoch) ?? false) && !this.#enter(source, beat.epoch)) return
    if (beat.sequence < source.sequence) {
      // Its epoch has a name, and it has begun it again.
      source.lagging = true
      source.loseTrack()
    }
    const proof = source.beat(beat)
    if (source.lagging && beat.sequence >= this.#replica.position) source.lagging = false
    if (beat.leaving) this.#abandon(source)
    else if (source.lagging) this.#choose()
    if (source.carries) this.#follow(source, beat, proof)
  }

  #follow(source: Source, beat: Heartbeat, proof: { from: number; to: number } | undefined): void {
    const { sequence } = beat
    if (proof !== undefined) this.#replica.prove(proof.from, proof.to)
    if (!this.#recoverer.isComplete) this.#recoverer.wake(0)
    else if (this.#replica.position < sequence && source.fresh) this.#recoverer.wake(this.#patience())
  }

  /** What one publisher lost may be on its way from another. */
  #patience(): number {
    const carriers = this.#sources.filter(({ fresh, carries }) => fresh && carries)
    return carriers.length > 1 ? this.#options.arbitrationDelay : 0
  }

  /** @returns whether the source may be of this epoch */
  #enter(source: Source, epoch: Buffer): boolean {
    if (source.epoch?.equals(epoch)) return true
    if (!source.enter(epoch)) return false
    const carried = source.carries
    source.carries = this.#epoch?.equals(epoch) ?? false
    this.#choose()
    if (carried && !source.carries) this.#announceFailover(source)
    return true
  }

  /** Follows another epoch when nobody carries the one that is followed. */
  #choose(): void {
    if (this.#sources.some(({ fresh, carries, lagging }) => fresh && carries && !lagging)) return
    const next = this.#sources.find(({ fresh, epoch }) => fresh && epoch !== undefined)
    if (next?.epoch === undefined) return
    const previous = this.epoch
    const { epoch } = next
    this.#epoch = epoch
    this.#epochs++
    for (const source of this.#sources) {
      source.carries = source.epoch?.equals(epoch) ?? false
      source.lagging = false
    }
    this.#replica.begin(epoch.toString("hex"))
    this.#recoverer.begin()
    this.events.emit("epoch", { epoch: epoch.toString("hex"), previous, source: next.name })
    this.#recoverer.wake(0)
  }

  /** A source is no longer heard. */
  #abandon(source: Source): void {
    if (!source.fresh) return
    source.fresh = false
    this.events.emit("source:stale", { source: source.name })
    const { carries } = source
    this.#choose()
    if (carries) this.#announceFailover(source)
    if (this.#stale || this.#sources.some(({ fresh }) => fresh)) return
    this.#stale = true
    this.events.emit("stale", {})
  }

  #announceFailover(from: Source): void {
    const to = this.#sources.find((source) => source !== from && source.fresh && source.carries)
    if (to === undefined || this.#epoch === undefined) return
    this.#failovers++
    this.events.emit("failover", { from: from.name, to: to.name, epoch: this.#epoch.toString("hex") })
  }

  /** Looks for sources that have gone stale. */
  #judge(): void {
    const now = performance.now()
    const late = now - this.#watched > this.#options.staleAfter / 2
    this.#watched = now
    for (const source of this.#sources) {
      // While we did not look or did not read, the silence was ours.
      if (late || this.#room !== undefined) source.heard = Math.max(source.heard, now - this.#options.staleAfter / 2)
      else if (source.fresh && now - source.heard > this.#options.staleAfter) this.#abandon(source)
    }
  }

  #announceInvalid(source: string, error: Error): void {
    this.#invalid++
    this.events.emit("invalid", { source, error })
  }

  get #full(): boolean {
    if (this.#options.conflate) return false
    for (const { size } of this.#queues) if (size >= this.#options.maxQueued) return true
    return false
  }

  /** Resolves when every loop has room. */
  async #untilRoom(): Promise<void> {
    while (this.#full && this.#closing === undefined) {
      this.#room ??= roomToCome()
      await this.#room.promise
    }
  }

  #makeRoom(): void {
    if (this.#room === undefined || (this.#full && this.#closing === undefined)) return
    const { resolve } = this.#room
    this.#room = undefined
    resolve()
  }
}

interface PromiseWithRoom {
  readonly promise: Promise<void>
  readonly resolve: () => void
}

function roomToCome(): PromiseWithRoom {
  let resolve: () => void = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}
