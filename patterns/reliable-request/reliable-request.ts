// Requests that survive their servers: asked again over a fresh connection, at the next server, or at all of them at
// once. The servers are ordinary Reply or Router sockets of any ZeroMQ library.

import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type Message,
  type MessageLike,
  type RequestOptions,
  type Same,
  type SocketArguments,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { type ClosingOptions, closingTime, within } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { oneOf, type Settings, settle, whole } from "../settings.ts"
import { Line } from "./line.ts"
import { type Attempts, Requests } from "./requests.ts"

/** How requests are made. */
export interface ReliableRequestOptions {
  /** The servers, all of which give the same answers. */
  readonly endpoints: readonly string[]
  /**
   * `"failover"` (default) asks one server, and the next one when no answer comes; `"shotgun"` asks all that are there,
   * and the first answer wins.
   */
  readonly strategy?: "failover" | "shotgun" | undefined
  /** Milliseconds per attempt. Default 2500. */
  readonly timeout?: number | undefined
  /** Further attempts after the first has failed. Default 3. */
  readonly retries?: number | undefined
  /** Requests that may be under way at once. Default 10 000. */
  readonly maxPending?: number | undefined
  /** Options of the sockets beneath. */
  readonly socket?: Omit<RequestOptions, "codec" | "balance" | "correlate" | "relaxed"> | undefined
}

/** What happens to requests. */
export interface ReliableRequestEvents {
  readonly [type: string]: object
  /** A server is there. */
  up: { readonly endpoint: string }
  /** A server is not there any more. */
  down: { readonly endpoint: string }
  /** An attempt brought no answer; `attempt` counts from 0. */
  failure: { readonly attempt: number; readonly error: unknown }
  /** Requests go to another server from now on. */
  failover: { readonly from: string; readonly to: string }
  /** The connection to a server that did not answer was replaced by a fresh one. */
  renew: { readonly endpoint: string }
}

/** What was done. */
export interface ReliableRequestStats {
  readonly requests: number
  readonly answered: number
  /** Requests that were given up. */
  readonly failed: number
  /** Questions sent to servers. */
  readonly asked: number
  /** Attempts after a failed one. */
  readonly retries: number
  readonly failovers: number
  readonly renewals: number
  /** Requests under way. */
  readonly pending: number
}

type Given = ReliableRequestOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  endpoints: {
    accepts: "a list of at least one endpoint, no two of them the same",
    test: (value) =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every((each) => typeof each === "string") &&
      new Set(value).size === value.length,
  },
  strategy: oneOf<"failover" | "shotgun">(["failover", "shotgun"], "failover"),
  timeout: whole("ms", 2500, 1, 2 ** 31 - 1),
  retries: whole("attempts", 3),
  maxPending: whole("requests", 10_000, 1),
  socket: { accepts: "an object of options of a Request", test: (value) => typeof value === "object", default: {} },
}

const EVENTS = ["up", "down", "failure", "failover", "renew"] as const

/**
 * Asks servers that may come and go. Answers are for requests that a server may be asked more than once.
 *
 * @typeParam S - requests: frames, or the values that the codec encodes
 * @typeParam R - answers: frames, or the values that the codec decodes
 */
export class ReliableRequest<S = MessageLike, R = Same<MessageLike, S, Message, S>> implements AsyncDisposable {
  /** What happens. */
  readonly events: Emitter<ReliableRequestEvents> = new Emitter<ReliableRequestEvents>([...EVENTS])
  readonly #payload: Payload<S, R>
  readonly #strategy: "failover" | "shotgun"
  readonly #lines: readonly Line[]
  readonly #requests: Requests
  /** The server that is asked first. */
  #current = 0
  #closing: Promise<void> | undefined
  readonly #stats = { asked: 0, failovers: 0, renewals: 0 }

  /** @throws OptionError for an option that is missing, does not exist or is not accepted; EndpointError */
  constructor(...[options]: Required<SocketArguments<S, R, ReliableRequestOptions, ReliableRequestOptions>>) {
    const settled = settle<Given>("a ReliableRequest", SETTINGS, options as Given)
    const { codec, endpoints, socket } = settled
    this.#payload = payloadOf<S, R>(codec)
    this.#strategy = settled.strategy
    this.#requests = new Requests({
      ...settled,
      failed: (error, n) => this.events.emit("failure", { attempt: n, error }),
    })
    const lines: Line[] = []
    try {
      for (const endpoint of endpoints) lines.push(this.#line(endpoint, socket))
    } catch (error) {
      for (const line of lines) void line.close(0)
      throw error
    }
    this.#lines = lines
  }

  /**
   * Asks, and resolves to the answer.
   *
   * @throws TimeoutError or UnreachableError when no attempt brought an answer, CodecError when none decodes,
   * AbortError, StateError when too many requests are under way, ClosedError, OptionError, MessageError (as rejections)
   */
  async request(value: S, options: Attempts = {}): Promise<R> {
    if (this.#closing !== undefined) throw new ClosedError("It is closed")
    const settled = this.#requests.admit(options)
    const body = this.#payload.encode(value)
    return this.#requests.make(settled, async (until, signal) => {
      if (!this.#lines.some(({ isUp }) => isUp)) await this.#anybody(until, signal)
      return this.#strategy === "shotgun"
        ? await this.#askAll(body, until, signal)
        : await this.#askOne(body, until, signal)
    })
  }

  /** The servers, the one that is asked first in front. */
  get servers(): readonly { readonly endpoint: string; readonly up: boolean }[] {
    return this.#inOrder().map(({ endpoint, isUp }) => ({ endpoint, up: isUp }))
  }

  /** What was done so far. */
  get stats(): ReliableRequestStats {
    return { ...this.#requests.counts, ...this.#stats, pending: this.#requests.size }
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Begins no more requests, and lets those under way come to their end for up to `timeout` ms (default 10 000). */
  close(options: ClosingOptions = {}): Promise<void> {
    const timeout = closingTime(options)
    this.#closing ??= this.#end(timeout)
    return this.#closing
  }

  /** Closes at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #line(endpoint: string, options: RequestOptions): Line {
    return new Line(
      endpoint,
      options,
      () => {
        this.#stats.renewals++
        this.events.emit("renew", { endpoint })
      },
      (up) => this.events.emit(up ? "up" : "down", { endpoint }),
    )
  }

  #inOrder(): Line[] {
    return [...this.#lines.slice(this.#current), ...this.#lines.slice(0, this.#current)]
  }

  /** Resolves when a server is there. */
  async #anybody(until: number, signal: AbortSignal): Promise<void> {
    const found = new AbortController()
    const either = AbortSignal.any([signal, found.signal])
    try {
      const timeout = Math.max(0, until - performance.now())
      await Promise.any(this.#lines.map((line) => line.up(timeout, either)))
    } catch (error) {
      if (signal.aborted) throw new AbortError(signal.reason)
      const reasons = error instanceof AggregateError ? (error.errors as unknown[]) : [error]
      throw new UnreachableError("No server is there", { cause: reasons.at(-1) })
    } finally {
      found.abort()
    }
  }

  async #askOne(body: readonly Frame[], until: number, signal: AbortSignal): Promise<R> {
    const line = this.#inOrder().find(({ isUp }) => isUp) ?? (this.#lines[this.#current] as Line)
    try {
      const answer = await this.#ask(line, body, until, signal)
      this.#turnTo(this.#lines.indexOf(line))
      return answer
    } catch (error) {
      // Others may have turned away from it already.
      const at = this.#lines.indexOf(line)
      if (!(error instanceof AbortError) && at === this.#current) this.#turnTo((at + 1) % this.#lines.length)
      throw error
    }
  }

  /** The first answer wins; the others are asked no more. */
  async #askAll(body: readonly Frame[], until: number, signal: AbortSignal): Promise<R> {
    const answered = new AbortController()
    const either = AbortSignal.any([signal, answered.signal])
    const lines = this.#lines.filter(({ isUp }) => isUp)
    try {
      return await Promise.any(lines.map((line) => this.#ask(line, body, until, either)))
    } catch (error) {
      if (signal.aborted) throw new AbortError(signal.reason)
      const reasons = error instanceof AggregateError ? (error.errors as unknown[]) : [error]
      // What might still come is told before what cannot.
      throw reasons.find((reason) => reason instanceof TimeoutError) ?? reasons.at(-1) ?? error
    } finally {
      answered.abort()
    }
  }

  async #ask(line: Line, body: readonly Frame[], until: number, signal: AbortSignal): Promise<R> {
    this.#stats.asked++
    return this.#payload.decode(await line.ask(body, Math.max(1, until - performance.now()), signal))
  }

  #turnTo(index: number): void {
    if (index === this.#current) return
    const [from, to] = [this.#lines[this.#current]?.endpoint, this.#lines[index]?.endpoint] as [string, string]
    this.#current = index
    this.#stats.failovers++
    this.events.emit("failover", { from, to })
  }

  async #end(timeout: number): Promise<void> {
    await within(timeout, this.#requests.over())
    this.#requests.abandon()
    await this.#requests.over()
    await Promise.all(this.#lines.map((line) => line.close(0)))
    this.events.close()
  }
}
