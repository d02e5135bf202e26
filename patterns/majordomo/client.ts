// A client of MDP 0.2 (RFC 18): asks services by their names, as many at once as it may have sockets, and asks again on
// a new socket when no answer comes.

import {
  AbortError,
  ClosedError,
  type Codec,
  type FrameLike,
  type Message,
  type MessageLike,
  ProtocolError,
  type Same,
  type Security,
  type SocketArguments,
  StateError,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { type LingerOptions, lingerOf, within } from "../closing.ts"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { type Settings, securitySetting, settle, whole } from "../settings.ts"
import { type Answer, readAnswer, requestOf } from "./commands.ts"
import { Lane } from "./lane.ts"
import { checkNumber, checkService, checkSignal } from "./options.ts"

/** Options of a {@link MajordomoClient}, besides the codec. */
export interface MajordomoClientOptions {
  /** How long an attempt may stay without a sign of life, in ms; each PARTIAL is one. -1 = for ever. Default: 5000. */
  readonly timeout?: number | undefined
  /** Further attempts, each on a new socket. Default: 2. */
  readonly retries?: number | undefined
  /** Requests at a time, each on a socket of its own. More wait for their turn. Default: 64. */
  readonly maxInFlight?: number | undefined
  /** Requests that may wait for their turn; beyond, a request is refused. Default: 1000. */
  readonly maxWaiting?: number | undefined
  /** Parts of an answer that wait here for whoever reads them slowly. Default: 100. */
  readonly prefetch?: number | undefined
  /** Proves who this client is. Default: nothing is proven. */
  readonly security?: Security | undefined
}

type AllOptions = MajordomoClientOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<AllOptions> = {
  codec: codecSetting,
  timeout: whole("ms", 5000, -1, 2_147_483_647),
  retries: whole("attempts", 2),
  maxInFlight: whole("requests", 64, 1, 10_000),
  maxWaiting: whole("requests", 1000),
  prefetch: whole("messages", 100, 1),
  security: securitySetting,
}

/** How one request is made; what is not said here, the client's own options say. */
export interface MajordomoCallOptions {
  /** How long an attempt may stay without a sign of life, in ms; each PARTIAL is one. -1 = for ever. */
  readonly timeout?: number | undefined
  /** Further attempts, each on a new socket. */
  readonly retries?: number | undefined
  /** Ends it: all its attempts, and the wait for its turn. */
  readonly signal?: AbortSignal | undefined
}

/** What a client tells. */
export interface MajordomoClientEvents {
  /** No answer came in time, or the broker was lost: the request is sent again. */
  readonly retry: { readonly service: string; readonly attempt: number; readonly error: Error }
  /** The broker sent what is no command, or an answer to what was not asked. It was ignored. */
  readonly invalid: object
  readonly [type: string]: object
}

/** Counters of a client, at the moment at which they were read. */
export interface MajordomoClientStats {
  /** Requests that were made, those that wait for their turn not counted. */
  readonly requests: number
  readonly inFlight: number
  readonly waiting: number
  /** FINALs and PARTIALs received. */
  readonly finals: number
  readonly partials: number
  readonly retries: number
  /** Requests that ended in an error. */
  readonly failed: number
  readonly invalid: number
}

interface Call {
  readonly timeout: number
  readonly retries: number
  readonly service: string
  readonly frames: readonly FrameLike[]
  readonly signal: AbortSignal | undefined
  /** Whether it may be asked again although a part of the answer has come. */
  readonly repeatable: boolean
}

interface Waiter {
  readonly resolve: (lane: Lane) => void
  readonly reject: (error: Error) => void
}

/**
 * Asks the services behind a broker (RFC 18).
 *
 * @typeParam S - frames, or what the codec encodes: requests
 * @typeParam R - frames, or what the codec decodes: answers
 */
export class MajordomoClient<S = MessageLike, R = Same<MessageLike, S, Message, S>> implements AsyncDisposable {
  /** What happens to it, as it happens. */
  readonly events: Emitter<MajordomoClientEvents> = new Emitter<MajordomoClientEvents>(["retry", "invalid"])
  readonly #settings: ReturnType<typeof settle<AllOptions>>
  readonly #payload: Payload<S, R>
  readonly #idle: Lane[] = []
  readonly #busy = new Crowd<Lane>()
  readonly #waiters = new Crowd<Waiter>()
  #endpoint: string | undefined
  #closing: Promise<void> | undefined
  #over = false
  #drained: (() => void) | undefined
  #calls = 0
  readonly #counts = { requests: 0, finals: 0, partials: 0, retries: 0, failed: 0, invalid: 0 }

  /** @throws OptionError */
  constructor(...[options]: SocketArguments<S, R, MajordomoClientOptions, MajordomoClientOptions>) {
    this.#settings = settle("MajordomoClient", SETTINGS, options as AllOptions | undefined)
    this.#payload = payloadOf<S, R>(this.#settings.codec)
  }

  /**
   * Asks the broker at `endpoint` from now on, which need not be there yet. Returns at once; a client has one broker.
   *
   * @throws EndpointError, StateError when it has a broker already, ClosedError
   */
  connect(endpoint: string): void {
    if (this.closed) throw new ClosedError("The client is closed")
    if (this.#endpoint !== undefined) throw new StateError(`The client has a broker already: ${this.#endpoint}`)
    this.#idle.push(this.#lane(endpoint))
    this.#endpoint = endpoint
  }

  /**
   * Asks a service, and resolves with its answer. Where that has several parts, it is the last one.
   *
   * A request may be done more than once: by the broker when a worker is lost, and by each retry.
   *
   * @throws TimeoutError, UnreachableError when the broker was lost and no attempt is left, AbortError, CodecError,
   * MessageError, OptionError, StateError without a broker or with too many requests waiting, ClosedError (as
   * rejections)
   */
  async request(service: string, request: S, options?: MajordomoCallOptions): Promise<R> {
    const parts = this.#exchange(this.#call(service, this.#payload.encode(request), options, true))
    let last: Message | undefined
    for (;;) {
      const { value, done } = await parts.next()
      // A FINAL without a value ends an answer whose last value was a PARTIAL.
      if (!done || last === undefined || !isEmpty(value)) last = value
      if (done) return this.#payload.decode(last)
    }
  }

  /**
   * Asks a service, and yields the parts of its answer as they come. The request is made when the first is asked for;
   * whoever reads slowly slows the broker down until that gives the connection up. Once a part has come there is no
   * retry, because it would come twice. Leaving the loop ends the request.
   *
   * @throws OptionError, CodecError, MessageError, StateError, ClosedError at once; TimeoutError, UnreachableError,
   * AbortError, CodecError from the loop
   */
  stream(service: string, request: S, options?: MajordomoCallOptions): AsyncGenerator<R, void, undefined> {
    return this.#values(this.#call(service, this.#payload.encode(request), options, false))
  }

  /**
   * Whether some worker offers the service right now (`mmi.service`, RFC 8).
   *
   * @throws as {@link MajordomoClient.request}, and ProtocolError when the broker does not know how to answer
   */
  async offers(service: string, options?: MajordomoCallOptions): Promise<boolean> {
    checkService(service, false)
    const { value } = await this.#exchange(this.#call("mmi.service", [service], options, true)).next()
    const code = String(value[0])
    if (code !== "200" && code !== "404") throw new ProtocolError(`The broker answered ${JSON.stringify(code)}`)
    return code === "200"
  }

  /**
   * Takes no new requests, lets those that are there be answered for up to `linger` ms, then rejects the rest with
   * ClosedError, and closes.
   *
   * @throws OptionError
   */
  close(options?: LingerOptions): Promise<void> {
    const linger = lingerOf(options)
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whether it is closed, or being closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  get stats(): MajordomoClientStats {
    return { ...this.#counts, inFlight: this.#busy.size, waiting: this.#waiters.size }
  }

  #call(service: string, body: readonly FrameLike[], options: MajordomoCallOptions = {}, repeatable: boolean): Call {
    const { timeout = this.#settings.timeout, retries = this.#settings.retries, signal } = options
    checkService(service, false)
    checkNumber("timeout", timeout, -1)
    checkNumber("retries", retries, 0)
    checkSignal(signal)
    if (this.closed) throw new ClosedError("The client is closed")
    if (this.#endpoint === undefined) throw new StateError("The client has no broker: connect() comes first")
    return { service, frames: requestOf(service, body), timeout, retries, signal, repeatable }
  }

  async *#values(call: Call): AsyncGenerator<R, void, undefined> {
    const parts = this.#exchange(call)
    try {
      for (;;) {
        const { value, done } = await parts.next()
        if (!done || !isEmpty(value)) yield this.#payload.decode(value)
        if (done) return
      }
    } finally {
      await parts.return([])
    }
  }

  /** One request with all its attempts: yields the bodies of PARTIALs, and returns that of FINAL. */
  async *#exchange(call: Call): AsyncGenerator<Message, Message, undefined> {
    if (this.closed) throw new ClosedError("The client is closed")
    this.#calls++
    let answered = false
    try {
      for (let attempt = 1; ; attempt++) {
        const lane = await this.#take(call.signal)
        if (attempt === 1) this.#counts.requests++
        let partials = 0
        let done = false
        try {
          this.#surplus(await lane.ask(call.frames, call.signal))
          for (;;) {
            const answer = await this.#next(lane, call)
            if (answer.kind === "final") {
              this.#counts.finals++
              done = answered = true
              return answer.body
            }
            this.#counts.partials++
            partials++
            yield answer.body
          }
        } catch (error) {
          const transient = error instanceof TimeoutError || error instanceof UnreachableError
          const again = transient && attempt <= call.retries && (call.repeatable || partials === 0)
          if (!again || this.#over) throw error
          this.#counts.retries++
          this.events.emit("retry", { service: call.service, attempt, error })
        } finally {
          this.#giveBack(lane, done)
        }
      }
    } finally {
      if (!answered) this.#counts.failed++
      if (--this.#calls === 0) this.#drained?.()
    }
  }

  /** The next part of the answer. What else comes is ignored, and is no sign of life. */
  async #next(lane: Lane, { service, timeout, signal }: Call): Promise<Answer> {
    const end = performance.now() + timeout
    for (;;) {
      const left = timeout === -1 ? -1 : Math.max(end - performance.now(), 0)
      const answer = readAnswer(await lane.next({ timeout: left, signal }))
      if (answer?.service === service) return answer
      this.#surplus(1)
    }
  }

  #surplus(count: number): void {
    if (count === 0) return
    this.#counts.invalid += count
    this.events.emit("invalid", {})
  }

  async #take(signal: AbortSignal | undefined): Promise<Lane> {
    if (this.#over) throw new ClosedError("The client was closed")
    if (signal?.aborted) throw new AbortError(signal.reason)
    const { maxInFlight, maxWaiting } = this.#settings
    const idle = this.#idle.pop()
    if (idle !== undefined || this.#busy.size < maxInFlight) {
      const lane = idle ?? this.#lane(this.#endpoint as string)
      this.#busy.add(lane)
      return lane
    }
    if (this.#waiters.size >= maxWaiting) {
      throw new StateError(`${maxWaiting} requests wait already for one of ${maxInFlight} sockets (maxWaiting)`)
    }
    let waiter: Waiter | undefined
    let forgo = (): void => {}
    try {
      return await new Promise<Lane>((resolve, reject) => {
        waiter = { resolve, reject }
        this.#waiters.add(waiter)
        forgo = onAbort(signal, () => {
          this.#waiters.delete(waiter as Waiter)
          reject(new AbortError(signal?.reason))
        })
      })
    } finally {
      this.#waiters.delete(waiter as Waiter)
      forgo()
    }
  }

  /** Only a socket whose request is answered can take the next one: on any other the answer might still come. */
  #giveBack(lane: Lane, done: boolean): void {
    const reusable = done && !lane.lost && !this.#over
    if (reusable) lane.done()
    else void lane.close()
    this.#busy.delete(lane)
    for (const waiter of this.#waiters) {
      if (this.#over) break
      this.#waiters.delete(waiter)
      const next = reusable ? lane : this.#lane(this.#endpoint as string)
      this.#busy.add(next)
      waiter.resolve(next)
      return
    }
    if (reusable) this.#idle.push(lane)
  }

  #lane(endpoint: string): Lane {
    return new Lane(endpoint, this.#settings.security, this.#settings.prefetch)
  }

  async #close(linger: number): Promise<void> {
    if (this.#calls > 0) {
      const drained = new Promise<void>((resolve) => {
        this.#drained = resolve
      })
      await within(linger, drained)
    }
    this.#over = true
    for (const waiter of this.#waiters) waiter.reject(new ClosedError("The client was closed"))
    await Promise.all([...this.#idle, ...this.#busy].map((lane) => lane.close()))
    this.events.close()
  }
}

/** Whether the body is nothing but an empty frame. */
function isEmpty(body: Message): boolean {
  return body.length === 1 && body[0]?.length === 0
}
