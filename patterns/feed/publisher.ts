// The publisher of a feed: numbers updates, remembers them within limits, sends them, beats, and answers those who
// missed something.

import { createHash, randomBytes } from "node:crypto"
import {
  AbortError,
  ClosedError,
  type CloseOptions,
  type Codec,
  CodecError,
  type FrameLike,
  MessageError,
  Reply,
  type Security,
  StateError,
  type WaitOptions,
  XPublisher,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { Emitter } from "../emitter.ts"
import { settle } from "../settings.ts"
import { encodeHeartbeat } from "./heartbeat.ts"
import { INTEREST_PREFIX, Interest, MAX_INTEREST } from "./interest.ts"
import { Interests, type Registered } from "./interests.ts"
import { Ledger } from "./ledger.ts"
import { FeedLimitError } from "./limit-error.ts"
import { EPOCH_SIZE, toOctets } from "./octets.ts"
import {
  type AnyPublisherOptions,
  type FeedPublisherEvents,
  type FeedPublisherOptions,
  type FeedPublisherStats,
  PUBLISHER_SETTINGS,
} from "./publisher-options.ts"
import { ANSWER_SIZE } from "./recovery.ts"
import { RecoveryClient } from "./recovery-client.ts"
import { RecoveryService } from "./recovery-service.ts"
import type { FeedEndpoints } from "./subscriber-options.ts"
import { checkTopic } from "./topic.ts"
import { encodeHeader, type Update } from "./update.ts"

const INTEREST_OCTET = INTEREST_PREFIX.charCodeAt(0)
const SUBSCRIBE = 1
/** Answers that may wait for room at once, and ms after which a peer is disconnected that reads none of them. */
const ANSWERING = 64
const STALLED = 10_000
/** The last number that JavaScript counts to. */
const MAX_SEQUENCE = Number.MAX_SAFE_INTEGER

/** Without a codec a feed carries frames. */
export type FeedPublisherArguments<T> =
  | [options: FeedPublisherOptions & { readonly codec: Codec<T, unknown> }]
  | ([T] extends [FrameLike] ? [options?: FeedPublisherOptions & { readonly codec?: undefined }] : never)

/** How {@link FeedPublisher.catchUp} asks the other publisher. */
export interface CatchUpOptions extends WaitOptions {
  readonly security?: Security | undefined
}

/**
 * Publishes a feed: the values of topics, one update after the other. Subscribers converge on its state after
 * whatever happens to them or to the network.
 *
 * @typeParam T - what is published: frames, or the values that the codec encodes
 */
export class FeedPublisher<T = FrameLike> implements AsyncDisposable {
  /** What happens to this publisher, as it happens. */
  readonly events: Emitter<FeedPublisherEvents> = new Emitter<FeedPublisherEvents>(["join", "leave", "slow", "limit"])
  readonly #options: ReturnType<typeof settle<AnyPublisherOptions>>
  readonly #ledger: Ledger
  readonly #interests: Interests
  readonly #service: RecoveryService
  readonly #updates: XPublisher
  readonly #recovery: Reply
  readonly #beating: NodeJS.Timeout
  /** Interests whose subscribers wait for a first heartbeat. */
  readonly #newcomers = new Set<Registered>()
  #epoch: Buffer
  #published = 0
  #invalid = 0
  #closing: Promise<void> | undefined
  /** Takes back what was asked of the signal. */
  #forgo: () => void = () => {}

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: FeedPublisherArguments<T>) {
    const settled = settle<AnyPublisherOptions>("FeedPublisher", PUBLISHER_SETTINGS, options as AnyPublisherOptions)
    const { epoch, maxInterests, maxSnapshots, overflow, sendHighWaterMark, security, signal } = settled
    const secured = security === undefined ? {} : { security }
    this.#options = settled
    this.#epoch = epoch === undefined ? randomBytes(EPOCH_SIZE) : epochNamed(epoch)
    this.#ledger = new Ledger({
      messages: settled.historyMessages,
      bytes: settled.historyBytes,
      messagesPerTopic: settled.historyMessagesPerTopic,
      bytesPerTopic: settled.historyBytesPerTopic,
    })
    this.#interests = new Interests(maxInterests)
    this.#service = new RecoveryService(
      this.#ledger,
      () => this.#epoch,
      maxSnapshots,
      () => {
        this.events.emit("limit", { limit: "maxSnapshots" })
      },
    )
    this.#updates = new XPublisher({
      ...secured,
      overflow,
      sendHighWaterMark,
      verbosity: "allSubs",
      maxTopicSize: MAX_INTEREST + 1,
    })
    // Whoever asks and reads no answers is to hold up nobody else.
    this.#recovery = new Reply({ ...secured, sendHighWaterMarkBytes: 4 * ANSWER_SIZE, stallTimeout: STALLED })
    this.#beating = setInterval(() => this.#beat(), settled.heartbeatInterval).unref()
    this.#announce()
    void this.#listen()
    void this.#recovery.serve((message) => this.#service.answer(message), { concurrency: ANSWERING }).catch(() => {})
    if (signal?.aborted) void this.close()
    else this.#forgo = onAbort(signal, () => void this.close())
  }

  /** The id of this epoch, in hexadecimal digits: a numbering from the first update on. */
  get epoch(): string {
    return this.#epoch.toString("hex")
  }

  /** How many updates this epoch has so far: the number of the last one. */
  get sequence(): number {
    return this.#ledger.sequence
  }

  /** Counters of this moment. */
  get stats(): FeedPublisherStats {
    const { living: topics, messages: historyMessages, bytes: historyBytes } = this.#ledger
    return {
      published: this.#published,
      topics,
      historyMessages,
      historyBytes,
      interests: this.#interests.size,
      ...this.#service.counts,
      invalid: this.#invalid,
      updates: this.#updates.stats,
      recovery: this.#recovery.stats,
    }
  }

  /**
   * Accepts subscribers. May be called several times, for several transports.
   *
   * @returns the endpoints really bound, as a subscriber wants them
   * @throws EndpointError, ClosedError (as rejections); then neither is bound
   */
  async bind({ updates, recovery }: FeedEndpoints): Promise<FeedEndpoints> {
    // Whoever comes for updates will ask, so somebody has to be there to answer.
    const answering = await this.#recovery.bind(recovery)
    try {
      return { updates: await this.#updates.bind(updates), recovery: answering }
    } catch (error) {
      await this.#recovery.unbind(answering).catch(() => {})
      throw error
    }
  }

  /**
   * Sets the value of a topic. The update is numbered at once, in the order of the calls; the promise resolves when it
   * is on its way. What the value becomes as a frame belongs to the publisher afterwards.
   *
   * With overflow `"wait"` it waits for the slowest subscriber; `options` bound that. Who gives up has published all
   * the same: the update has its number, and subscribers get it from the history.
   *
   * @throws MessageError for a topic that is not 1 to 1024 octets of text; CodecError; FeedLimitError if the feed has
   * `maxTopics` already; AbortError for a signal that is aborted already; ClosedError (as rejections); then nothing is
   * published. TimeoutError, AbortError when the wait is given up
   */
  publish(topic: string, value: T, options?: WaitOptions): Promise<void> {
    try {
      this.#check(topic, options)
      const payload = this.#encode(value)
      if (!this.#ledger.has(topic) && this.#ledger.living >= this.#options.maxTopics) {
        throw new FeedLimitError("maxTopics", `The feed has ${this.#options.maxTopics} topics already (maxTopics)`)
      }
      return this.#send(topic, payload, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Deletes a topic; subscribers are told. Waits as `publish` does.
   *
   * @returns whether it had a value
   * @throws MessageError for a topic that cannot be one; TimeoutError, AbortError, ClosedError (as rejections)
   */
  async delete(topic: string, options?: WaitOptions): Promise<boolean> {
    this.#check(topic, options)
    if (!this.#ledger.has(topic)) return false
    await this.#send(topic, undefined, options)
    return true
  }

  /** Whether a topic has a value. */
  has(topic: string): boolean {
    return this.#ledger.has(topic)
  }

  /** The topics that have a value. */
  *topics(): IterableIterator<string> {
    for (const { topic } of this.#ledger.state()) yield topic
  }

  /**
   * Takes over the epoch and the state of another publisher of the same feed, so that this one can go on from there as
   * its replica: with the updates whose numbers come after `sequence`. To be called before anything is published.
   *
   * @param recovery - where the other one answers
   * @param options - ms to wait for each answer (default 10 000), what ends the wait, and who this is to the other one
   * @throws StateError if something was published here already; UnreachableError, TimeoutError, AbortError,
   * ProtocolError (as rejections); then nothing was taken over
   */
  async catchUp(recovery: string, { timeout = 10_000, signal, security }: CatchUpOptions = {}): Promise<void> {
    const client = new RecoveryClient(recovery, security)
    const all = new Interest([""])
    try {
      const state: Update[] = []
      let epoch: Buffer | undefined
      let sequence = 0
      for await (const { answer, updates } of client.fetch({ kind: "snapshot" }, all, { timeout, signal })) {
        if (answer.kind !== "snapshot") throw new StateError("The other publisher gave no snapshot")
        epoch = answer.epoch
        sequence = answer.sequence
        for (const update of updates) state.push(update)
      }
      if (this.#ledger.sequence > 0) throw new StateError("Only a publisher that has published nothing can catch up")
      this.#epoch = epoch as Buffer
      this.#ledger.restore(state, sequence)
      this.#beat()
    } finally {
      await client.close()
    }
  }

  /** Tells subscribers that this publisher leaves, sends what was accepted, and closes. */
  close(options: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(options: CloseOptions): Promise<void> {
    this.#forgo()
    clearInterval(this.#beating)
    this.#beat(true)
    await Promise.all([this.#updates.close(options), this.#recovery.close(options)])
    this.events.close()
  }

  #check(topic: string, options: WaitOptions | undefined): void {
    if (this.#closing !== undefined) throw new ClosedError("The publisher is closed")
    if (options?.signal?.aborted) throw new AbortError(options.signal.reason)
    if (!this.#ledger.knows(topic)) checkTopic(topic)
    if (this.#ledger.sequence === MAX_SEQUENCE) throw new StateError("This epoch has no numbers left")
  }

  #encode(value: T): Buffer {
    const codec = this.#options.codec as Codec<T, unknown> | undefined
    try {
      return toOctets(codec === undefined ? (value as FrameLike) : codec.encode(value))
    } catch (error) {
      if (codec === undefined) throw new MessageError("EINVAL", (error as Error).message)
      throw new CodecError("The value could not be encoded", { cause: error })
    }
  }

  #send(topic: string, payload: Buffer | undefined, options: WaitOptions | undefined): Promise<void> {
    const entry = this.#ledger.add(topic, payload)
    this.#interests.touched(entry.owner)
    this.#published++
    const header = encodeHeader(this.#epoch, entry)
    const { frame } = entry.owner
    return this.#updates.send(payload === undefined ? [frame, header] : [frame, header, payload], options)
  }

  /** Subscriptions come as messages; some of them say what their sender is interested in. */
  async #listen(): Promise<void> {
    for await (const [frame] of this.#updates) {
      const change = frame?.[0]
      if (frame === undefined || change === undefined || change > SUBSCRIBE) this.#invalid++
      else if (frame[1] !== INTEREST_OCTET) continue
      else if (change === SUBSCRIBE) this.#register(frame.subarray(2))
      else this.#interests.unregister(frame.subarray(2))
    }
  }

  #register(list: Buffer): void {
    const registered = this.#interests.register(list)
    if (registered === "malformed") this.#invalid++
    else if (registered === "full") this.events.emit("limit", { limit: "maxInterests" })
    else this.#welcome(registered)
  }

  /** A newcomer is told at once where the feed is; many that come together are told together. */
  #welcome(registered: Registered): void {
    if (this.#newcomers.size === 0) {
      setImmediate(() => {
        this.#interests.count()
        for (const newcomer of this.#newcomers) this.#beatFor(newcomer, false)
        this.#newcomers.clear()
      })
    }
    this.#newcomers.add(registered)
  }

  #beat(leaving = false): void {
    this.#interests.count()
    for (const registered of this.#interests) this.#beatFor(registered, leaving)
    this.#service.expire(performance.now())
  }

  #beatFor({ interest, count, registration }: Registered, leaving: boolean): void {
    if (this.#updates.closed) return
    const { sequence } = this.#ledger
    const interval = this.#options.heartbeatInterval
    const message = encodeHeartbeat(interest.id, {
      epoch: this.#epoch,
      sequence,
      count,
      registration,
      interval,
      leaving,
    })
    // Where there is no room now there will be for the next one, which says the same.
    this.#updates.trySend(message)
  }

  #announce(): void {
    const { events } = this.#updates
    events.on("peer:join", ({ peer }) => this.events.emit("join", { address: peer.address }))
    events.on("peer:leave", ({ peer }) => this.events.emit("leave", { address: peer.address }))
    events.on("peer:slow", ({ peer }) => this.events.emit("slow", { address: peer.address }))
  }
}

/** Everybody who knows the name gets the same id. */
function epochNamed(name: string): Buffer {
  return createHash("sha256").update(name).digest().subarray(0, EPOCH_SIZE)
}
