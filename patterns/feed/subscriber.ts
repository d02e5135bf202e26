// The subscriber of a feed: hears its publishers, follows one epoch of the feed, and asks for what it has missed.

import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type Message,
  MessageError,
  TimeoutError,
  type WaitOptions,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { LONGEST } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { settle } from "../settings.ts"
import { Following } from "./following.ts"
import { Interest, MAX_INTEREST } from "./interest.ts"
import { Line } from "./line.ts"
import { Recoverer } from "./recoverer.ts"
import { Replica } from "./replica.ts"
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
  readonly #following: Following<T>
  readonly #recoverer: Recoverer<T>
  readonly #lines: readonly Line[]
  readonly #queues = new Set<UpdateQueue<T>>()
  readonly #closed = new AbortController()
  readonly #watch: NodeJS.Timeout
  #prefixes: readonly string[] = []
  #interest: Interest | undefined
  #watched = performance.now()
  #room: PromiseWithRoom | undefined
  #conflated = 0
  #invalid = 0
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
    this.#lines = settled.sources.map((endpoints) => new Line(endpoints, settled.security))
    this.#recoverer = new Recoverer<T>({
      replica: this.#replica,
      lines: this.#lines,
      events: this.events,
      timeout: settled.recoveryTimeout,
      newestOnly: settled.conflate,
      signal: this.#closed.signal,
      room: () => this.#untilRoom(),
    })
    this.#following = new Following<T>({
      replica: this.#replica,
      sources: this.#lines.map(({ source }) => source),
      events: this.events,
      arbitrationDelay: settled.arbitrationDelay,
      invalid: (source, error) => this.#announceInvalid(source, error),
      moot: () => this.#recoverer.moot(),
      wake: (delay) => this.#recoverer.wake(delay),
    })
    this.#watch = setInterval(() => this.#judge(), Math.max(1, settled.staleAfter / 4)).unref()
    for (const line of this.#lines) void this.#listen(line)
    const { signal } = settled
    if (signal?.aborted) void this.close()
    else this.#forgo = onAbort(signal, () => void this.close())
  }

  /** The id of the epoch that is followed, in hexadecimal digits; undefined before the first one. */
  get epoch(): string | undefined {
    return this.#following.epoch
  }

  /** Whether no publisher has been heard for `staleAfter`: what is known may be out of date. */
  get stale(): boolean {
    return this.#following.stale
  }

  /** Whether the state of everything subscribed to is here, as it was at `position`. */
  get complete(): boolean {
    return this.#replica.isWhole
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
      invalid: this.#invalid,
      epochs: this.#following.epochs,
      failovers: this.#following.failovers,
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
    this.#want([...this.#prefixes, ...added])
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
      await this.#recoverer.untilWhole(end.signal)
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
    await Promise.all(this.#lines.map((line) => line.close()))
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
    for (const line of this.#lines) line.want(interest, old)
    this.#following.want(interest)
  }

  async #listen(line: Line): Promise<void> {
    const { source } = line
    while (this.#closing === undefined) {
      let messages: Message[]
      try {
        messages = await line.receive()
      } catch {
        return
      }
      source.heard = performance.now()
      this.#following.hear(source)
      for (const message of messages) this.#following.take(source, message)
      this.#following.mindGaps()
      await this.#untilRoom()
    }
  }

  /** Looks for sources that have gone stale. */
  #judge(): void {
    const now = performance.now()
    const late = now - this.#watched > this.#options.staleAfter / 2
    this.#watched = now
    for (const { source } of this.#lines) {
      // While we did not look or did not read, the silence was ours.
      if (late || this.#room !== undefined) source.heard = Math.max(source.heard, now - this.#options.staleAfter / 2)
      else if (source.fresh && now - source.heard > this.#options.staleAfter) this.#following.abandon(source)
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
