// The consuming side: takes from the queue of one name, at every exchange that it is connected to, and binds that queue
// to what it wants.

import {
  AbortError,
  ClosedError,
  type Message,
  OptionError,
  type Peer,
  type SocketArguments,
  type WaitOptions,
} from "brokerless"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { Participant } from "../participant.ts"
import { type Payload, payloadOf } from "../payload.ts"
import { settle } from "../settings.ts"
import { Waiters } from "../waiters.ts"
import {
  type ConsumeOptions,
  type ConsumerEvents,
  type ConsumerOptions,
  type ConsumerStats,
  EVENTS,
  type Given,
  SETTINGS,
} from "./consumer-face.ts"
import { Delivered, type Delivery } from "./delivery.ts"
import { type HeadersBinding, type HeaderValue, readHeaders, writeHeaders } from "./headers.ts"
import { Source, Verdicts } from "./verdicts.ts"
import { bind, type ExchangeSaid, type Form, join, MAX_NAME, parseExchange } from "./wire.ts"

/**
 * Takes messages from a queue.
 *
 * @typeParam R - frames, or the values that the codec decodes
 */
export class Consumer<R = Message> extends Participant implements AsyncIterable<Delivery<R>, undefined> {
  /** What happens. */
  readonly events: Emitter<ConsumerEvents> = new Emitter<ConsumerEvents>([...EVENTS])
  /** The name of its queue, empty for one of its own. */
  readonly queue: string
  readonly #prefetch: number
  readonly #automatic: boolean
  readonly #payload: Payload<unknown, R>
  readonly #bindings = new Map<string, { readonly form: Form; readonly text: string }>()
  readonly #sources = new Map<number, Source>()
  readonly #verdicts = new Verdicts((peer, message) => this.tell(peer, message))
  #waiting: { readonly source: Source; readonly tag: number; readonly delivery: Delivered<R> }[] = []
  readonly #receivers = new Waiters<boolean, Delivery<R> | undefined>()
  readonly #running = new Crowd<Promise<void>>()
  readonly #stats = {
    received: 0,
    handed: 0,
    acknowledged: 0,
    requeued: 0,
    rejected: 0,
    returned: 0,
    failed: 0,
    invalid: 0,
  }

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: SocketArguments<never, R, ConsumerOptions, ConsumerOptions>) {
    const settled = settle<Given>("a Consumer", SETTINGS, options as Given | undefined)
    super({ sendHighWaterMark: 0, ...settled.socket })
    this.queue = settled.queue
    this.#prefetch = settled.prefetch
    this.#automatic = settled.acknowledge === "auto"
    this.#payload = payloadOf<unknown, R>(settled.codec)
  }

  /**
   * Binds the queue, at every exchange there is or will be: to a key (direct), a pattern (topic: `*` is one word, `#`
   * any number), headers (headers), or anything at all (fanout). An exchange that does not take it says so by the event
   * `refuse`.
   *
   * @throws OptionError if it is too long or no headers; ClosedError
   */
  bindQueue(binding: string | HeadersBinding): void {
    const written = this.#write(binding)
    if (this.#bindings.has(written.key)) return
    this.#bindings.set(written.key, written)
    for (const { peer } of this.#sources.values()) this.tell(peer, bind("bind", written.form, written.text))
  }

  /** Takes back what {@link Consumer.bindQueue} said. Errors are the same. */
  unbindQueue(binding: string | HeadersBinding): void {
    const written = this.#write(binding)
    if (!this.#bindings.delete(written.key)) return
    for (const { peer } of this.#sources.values()) this.tell(peer, bind("unbind", written.form, written.text))
  }

  /**
   * The next message.
   *
   * @throws TimeoutError, AbortError, ClosedError (as rejections)
   */
  async receive({ timeout = -1, signal }: WaitOptions = {}): Promise<Delivery<R>> {
    const delivery = await this.#next(this.#automatic, timeout, signal)
    if (delivery === undefined) throw new ClosedError("The consumer was closed before a message came")
    return delivery
  }

  /** Messages until the consumer is closed. Leaving the loop leaves it open. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Delivery<R>, undefined> {
    while (!this.closed) {
      const delivery = await this.#next(this.#automatic, -1, undefined)
      if (delivery === undefined) return undefined
      yield delivery
    }
    return undefined
  }

  /**
   * Runs `handler` with every message, and acknowledges what it is done with; what it fails at is given back. Resolves
   * when the signal is aborted or the consumer closed, and what runs is finished.
   *
   * @throws OptionError (as a rejection)
   */
  async consume(handler: (delivery: Delivery<R>) => unknown, options: ConsumeOptions = {}): Promise<void> {
    const { concurrency = 1, signal } = options
    if (typeof handler !== "function") throw new OptionError("handler", "A handler must be a function")
    if (!(Number.isInteger(concurrency) && concurrency >= 1)) {
      throw new OptionError(
        "concurrency",
        `concurrency must be a whole number of at least 1, got ${String(concurrency)}`,
      )
    }
    await Promise.all(Array.from({ length: concurrency }, () => this.#work(handler, signal)))
  }

  /** What has been done so far. */
  get stats(): ConsumerStats {
    return { ...this.#stats, waiting: this.#waiting.length }
  }

  /** @internal */
  protected override joined(peer: Peer): void {
    this.#sources.set(peer.id, new Source(peer))
    this.tell(peer, join(this.#prefetch, this.queue))
    for (const { form, text } of this.#bindings.values()) this.tell(peer, bind("bind", form, text))
    this.events.emit("join", { peer })
  }

  /** @internal */
  protected override left(peer: Peer): void {
    const source = this.#sources.get(peer.id)
    if (source === undefined) return
    this.#sources.delete(peer.id)
    this.#verdicts.forget(source)
    // Whoever has its queue now gets them; here they would be done twice.
    const before = this.#waiting.length
    this.#waiting = this.#waiting.filter((each) => each.source !== source)
    this.#stats.returned += before - this.#waiting.length
    this.events.emit("leave", { peer, unacknowledged: source.outstanding.size })
    source.outstanding.clear()
  }

  /** @internal */
  protected heard(peer: Peer, message: Message): void {
    const said = parseExchange(message)
    const source = this.#sources.get(peer.id)
    if (said?.kind === "refuse") this.events.emit("refuse", { peer, binding: said.text, reason: said.reason })
    else if (said !== undefined && source !== undefined && this.#delivered(source, said)) return
    else {
      this.#stats.invalid++
      this.events.emit("invalid", { peer })
      peer.disconnect()
    }
  }

  /** @internal */
  protected async finish(): Promise<void> {
    this.#receivers.failAll(() => new ClosedError("The consumer was closed"))
    await Promise.all(this.#running)
  }

  /** @internal */
  protected abandon(): void {
    this.#verdicts.flush()
    this.#verdicts.close()
    this.#stats.returned += this.#waiting.length
    this.#waiting = []
  }

  /** @internal */
  protected ended(): void {
    this.events.close()
  }

  #write(binding: string | HeadersBinding): { readonly key: string; readonly form: Form; readonly text: string } {
    if (this.closed) throw new ClosedError("The consumer is closed")
    if (typeof binding !== "string") {
      const text = writeHeaders(binding, "a binding")
      return { key: `h${text}`, form: "headers", text }
    }
    if (Buffer.byteLength(binding) > MAX_NAME) {
      throw new OptionError("binding", `A binding must be headers, or text of at most ${MAX_NAME} octets`)
    }
    return { key: `k${binding}`, form: "key", text: binding }
  }

  /** False when the exchange may not send this. */
  #delivered(source: Source, said: ExchangeSaid & { readonly kind: "deliver" }): boolean {
    const { tag, key, deliveries: redeliveries } = said
    const headers = readHeaders(said.headers)
    if (headers === undefined || source.outstanding.has(tag) || source.outstanding.size >= this.#prefetch) return false
    this.#stats.received++
    source.outstanding.add(tag)
    let value: R
    try {
      value = this.#payload.decode(said.body)
    } catch (error) {
      this.#stats.invalid++
      this.events.emit("invalid", { peer: source.peer, error })
      this.#settle(source, tag, "reject")
      return true
    }
    const facts = { value, key, headers: Object.fromEntries(headers) as Record<string, HeaderValue>, redeliveries }
    const delivery = new Delivered<R>({ ...facts, peer: source.peer }, (verdict) => this.#settle(source, tag, verdict))
    this.#waiting.push({ source, tag, delivery })
    this.#serve()
    return true
  }

  #settle(source: Source, tag: number, verdict: "acknowledge" | "requeue" | "reject"): void {
    if (!this.#verdicts.add(source, tag, verdict)) return
    if (verdict === "acknowledge") this.#stats.acknowledged++
    else if (verdict === "requeue") this.#stats.requeued++
    else this.#stats.rejected++
  }

  #serve(): void {
    for (const waiter of this.#receivers) {
      const delivery = this.#take(waiter.item)
      if (delivery === undefined) return
      this.#receivers.settle(waiter, delivery)
    }
  }

  #take(acknowledge: boolean): Delivery<R> | undefined {
    const delivery = this.#waiting.shift()?.delivery
    if (delivery === undefined) return undefined
    this.#stats.handed++
    if (acknowledge) delivery.acknowledge()
    return delivery
  }

  /** The next message, or undefined when the consumer is closed. */
  async #next(
    acknowledge: boolean,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Delivery<R> | undefined> {
    if (signal?.aborted) throw new AbortError(signal.reason)
    if (this.closed) return undefined
    const delivery = this.#take(acknowledge)
    if (delivery !== undefined) return delivery
    try {
      return await this.#receivers.wait(acknowledge, timeout, signal, "No message came")
    } catch (error) {
      if (error instanceof ClosedError) return undefined
      throw error
    }
  }

  async #work(handler: (delivery: Delivery<R>) => unknown, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      let delivery: Delivery<R> | undefined
      try {
        delivery = await this.#next(false, -1, signal)
      } catch (error) {
        if (error instanceof AbortError) return
        throw error
      }
      if (delivery === undefined) return
      const handling = this.#handle(handler, delivery)
      this.#running.add(handling)
      await handling
      this.#running.delete(handling)
    }
  }

  async #handle(handler: (delivery: Delivery<R>) => unknown, delivery: Delivery<R>): Promise<void> {
    try {
      await handler(delivery)
      delivery.acknowledge()
    } catch (error) {
      this.#stats.failed++
      this.events.emit("failure", { error, key: delivery.key })
      delivery.reject()
    }
  }
}
