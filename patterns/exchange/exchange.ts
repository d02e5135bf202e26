// The publishing side: bindings come from consumers, messages go into the queues that want them, and from each queue to
// one of its consumers.

import {
  AbortError,
  ClosedError,
  type Message,
  type MessageLike,
  OptionError,
  type Peer,
  type SocketArguments,
  UnreachableError,
  type WaitOptions,
} from "brokerless"
import { Emitter } from "../emitter.ts"
import { Participant } from "../participant.ts"
import { type Payload, payloadOf, toFrame } from "../payload.ts"
import { settle } from "../settings.ts"
import { Waiters } from "../waiters.ts"
import type { ExchangeEvents, ExchangeStats, QueueInfo } from "./exchange-face.ts"
import {
  EVENTS,
  type ExchangeOptions,
  type ExchangeSettings,
  type Given,
  type PublishOptions,
  SETTINGS,
} from "./exchange-options.ts"
import { type Headers, writeHeaders } from "./headers.ts"
import { QueueKeeper } from "./queue-keeper.ts"
import type { ExchangeType } from "./routing.ts"
import { MAX_NAME, parseConsumer } from "./wire.ts"
import { chargeOf, type Routed } from "./work-queue.ts"

/** A message, and which headers decide about it. */
interface Publication {
  readonly routed: Routed
  readonly headers: Headers | undefined
}

/** So many queues are to want such a message. */
interface Audience {
  readonly key: string
  readonly headers: Headers | undefined
  readonly count: number
}

/**
 * Publishes messages to the queues that are bound to them.
 *
 * @typeParam S - frames, or the values that the codec encodes
 */
export class Exchange<S = MessageLike> extends Participant {
  /** What happens. */
  readonly events: Emitter<ExchangeEvents> = new Emitter<ExchangeEvents>([...EVENTS])
  readonly #settings: ExchangeSettings
  readonly #payload: Payload<S, unknown>
  readonly #keeper: QueueKeeper
  /** Publishers that wait for room. */
  readonly #publishers = new Waiters<Publication, number>()
  readonly #audiences = new Waiters<Audience, void>()
  #progressing: NodeJS.Immediate | undefined
  #finished: (() => void) | undefined
  readonly #stats = { published: 0, unroutable: 0, invalid: 0 }

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: SocketArguments<S, unknown, ExchangeOptions, ExchangeOptions>) {
    const { codec, socket, ...settings } = settle<Given>("an Exchange", SETTINGS, options as Given | undefined)
    // Bounded by what consumers may be sent ahead.
    super({ sendHighWaterMark: 0, ...socket })
    this.#settings = settings
    this.#payload = payloadOf<S, unknown>(codec)
    this.#keeper = new QueueKeeper({
      settings,
      events: this.events,
      tell: (peer, message) => this.tell(peer, message),
      changed: () => this.#changed(),
      bound: () => this.#bound(),
    })
  }

  /** How it routes. */
  get type(): ExchangeType {
    return this.#settings.type
  }

  /**
   * Publishes a message to every queue that is bound to it, and resolves to how many those are once it is in all of
   * them. When one of them is full, it waits with `overflow: "wait"`.
   *
   * @throws OptionError for a key or headers that cannot be, MessageError, CodecError, UnreachableError with
   * `mandatory` when no queue wants it, TimeoutError, AbortError, ClosedError (as rejections); then it is in no queue
   */
  async publish(key: string, message: S, options: PublishOptions = {}): Promise<number> {
    const { headers, timeout = -1, signal } = options
    this.#check(signal)
    if (typeof key !== "string" || Buffer.byteLength(key) > MAX_NAME) {
      throw new OptionError("key", `A routing key must be text of at most ${MAX_NAME} octets`)
    }
    const frames = [toFrame(key), toFrame(writeHeaders(headers, "a message")), ...this.#payload.encode(message)]
    const routed: Routed = { key, frames, bytes: chargeOf(frames) }
    const queues = this.#keeper.match(key, headers)
    if (queues.size === 0) return this.#unroutable(key)
    if (this.#settings.overflow === "wait" && !this.#keeper.hasRoom(queues, routed)) {
      return this.#publishers.wait({ routed, headers }, timeout, signal, "A queue was full")
    }
    this.#stats.published++
    return this.#keeper.route(queues, routed)
  }

  /**
   * Resolves when at least `count` queues would get a message of this key and these headers.
   *
   * @throws TimeoutError, AbortError, ClosedError (as rejections)
   */
  async waitForQueues(
    key: string,
    count: number = 1,
    options: WaitOptions & { readonly headers?: Headers | undefined } = {},
  ): Promise<void> {
    const { headers, timeout = -1, signal } = options
    this.#check(signal)
    if (this.#keeper.match(key, headers).size >= count) return
    await this.#audiences.wait({ key, headers, count }, timeout, signal, `Fewer than ${count} queues were bound`)
  }

  /** The queues there are. */
  get queues(): readonly QueueInfo[] {
    return [...this.#keeper.queues.values()].map((queue) => ({
      name: queue.name,
      consumers: queue.members.size,
      bindings: [...queue.bindings.keys()],
      waiting: queue.waiting,
      unacknowledged: queue.unacknowledged,
    }))
  }

  /** What has been done so far, and what there is. */
  get stats(): ExchangeStats {
    const { stats, dropped, bindings, bytes, consumers, queues } = this.#keeper
    let [waiting, unacknowledged] = [0, 0]
    for (const queue of queues.values()) {
      waiting += queue.waiting
      unacknowledged += queue.unacknowledged
    }
    const now = { queues: queues.size, consumers, bindings, waiting, unacknowledged, bytes }
    return { ...this.#stats, ...stats, ...now, publishing: this.#publishers.size, dropped: { ...dropped } }
  }

  /** @internal */
  protected override left(peer: Peer): void {
    this.#keeper.leave(peer)
  }

  /** @internal */
  protected heard(peer: Peer, message: Message): void {
    const said = parseConsumer(message)
    if (said !== undefined && this.#obey(peer, said)) return
    this.#stats.invalid++
    this.events.emit("invalid", { peer })
    peer.disconnect()
  }

  /** @internal */
  protected finish(): Promise<void> {
    this.#keeper.hurry()
    this.#audiences.failAll(() => new ClosedError("The exchange was closed"))
    return new Promise((resolve) => {
      this.#finished = resolve
      this.#changed()
    })
  }

  /** @internal */
  protected abandon(): void {
    this.#publishers.failAll(() => new ClosedError("The exchange was closed before a queue had room"))
    this.#keeper.close()
  }

  /** @internal */
  protected ended(): void {
    clearImmediate(this.#progressing)
    this.events.close()
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.closed) throw new ClosedError("The exchange is closed")
    if (signal?.aborted) throw new AbortError(signal.reason)
  }

  /** Does what a consumer says; false when that makes no sense. */
  #obey(peer: Peer, said: NonNullable<ReturnType<typeof parseConsumer>>): boolean {
    switch (said.kind) {
      case "join":
        return this.#keeper.join(peer, said.queue, said.prefetch)
      case "bind":
        return this.#keeper.bind(peer, said.form, said.text)
      case "unbind":
        return this.#keeper.unbind(peer, said.form, said.text)
      case "acknowledge":
        return this.#keeper.settle(peer, said.tags, "acknowledged")
      case "reject":
        return this.#keeper.settle(peer, said.tags, said.requeue ? "requeue" : "rejected")
    }
  }

  #unroutable(key: string): number {
    if (this.#settings.mandatory) throw new UnreachableError(`No queue is bound to ${JSON.stringify(key)}`)
    this.#stats.published++
    this.#stats.unroutable++
    this.events.emit("unroutable", { key })
    return 0
  }

  #bound(): void {
    for (const waiter of this.#audiences) {
      const { key, headers, count } = waiter.item
      if (this.#keeper.match(key, headers).size >= count) this.#audiences.settle(waiter, undefined)
    }
  }

  /** Many changes of one turn are looked at together. */
  #changed(): void {
    if (this.#publishers.size === 0 && this.#finished === undefined) return
    this.#progressing ??= setImmediate(() => {
      this.#progressing = undefined
      this.#progress()
    })
  }

  /** There may be room: publishers that wait are tried, in order. */
  #progress(): void {
    for (const waiter of this.#publishers) {
      const { routed, headers } = waiter.item
      const queues = this.#keeper.match(routed.key, headers)
      if (!this.#keeper.hasRoom(queues, routed)) continue
      try {
        if (queues.size > 0) this.#stats.published++
        const count = queues.size > 0 ? this.#keeper.route(queues, routed) : this.#unroutable(routed.key)
        this.#publishers.settle(waiter, count)
      } catch (error) {
        this.#publishers.fail(waiter, error)
      }
    }
    if (this.#publishers.size === 0 && this.#keeper.isDone) this.#finished?.()
  }
}
