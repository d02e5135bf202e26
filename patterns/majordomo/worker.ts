// A worker of MDP 0.2 (RFC 18): offers one service, does one task at a time in each of its conversations, and begins a
// new one whenever the old one has ended.

import {
  ClosedError,
  type Codec,
  type Frame,
  type FrameLike,
  type Message,
  type MessageLike,
  OptionError,
  type Security,
  type SocketArguments,
  StateError,
} from "brokerless"
import { type LingerOptions, lingerOf, within } from "../closing.ts"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { type Settings, securitySetting, settle, whole } from "../settings.ts"
import { EMPTY, resultFor } from "./commands.ts"
import { Conversation, type MajordomoEndReason } from "./conversation.ts"
import { checkService, heartbeatInterval, liveness } from "./options.ts"

/** What a handler is told besides the task. */
export interface MajordomoTaskContext {
  /** Aborted when nobody can be answered any more: the broker is lost, or the worker is closed. */
  readonly signal: AbortSignal
}

/**
 * Does a task. It returns the result, or an async iterable: each value that yields is sent as PARTIAL at once, and what
 * it returns, if anything, as FINAL. A task may come more than once (RFC 18: workers are idempotent).
 */
export type MajordomoTaskHandler<Task, Result> = (
  task: Task,
  context: MajordomoTaskContext,
) => Result | MajordomoResults<Result> | Promise<Result | MajordomoResults<Result>>

/** Results, one after the other. */
// biome-ignore lint/suspicious/noConfusingVoidType: what a generator returns that has no return statement
export type MajordomoResults<Result> = AsyncIterable<Result, Result | undefined | void>

/** Options of a {@link MajordomoWorker}, besides the codec. */
export interface MajordomoWorkerOptions<Task = Message, Result = MessageLike> {
  /**
   * Makes the answer to a task that failed, or whose body does not decode (`task` is undefined then). Without it, or
   * when it returns undefined, the broker is sent DISCONNECT and gives the task to another worker.
   */
  readonly onError?: ((error: unknown, task?: Task) => Result | undefined) | undefined
  /** Tasks at a time: so many conversations with the broker, each of one task. Default: 1. */
  readonly concurrency?: number | undefined
  /** How often the broker is sent a HEARTBEAT when it is told nothing else, in ms. Default: 2500. */
  readonly heartbeatInterval?: number | undefined
  /** After how many intervals of silence the broker is lost. Default: 4. */
  readonly liveness?: number | undefined
  /** The first wait before a new conversation in ms; it doubles while the broker says nothing. Default: 100. */
  readonly reconnectInterval?: number | undefined
  /** What that wait grows to at most, in ms. Default: 10 000. */
  readonly reconnectMaxInterval?: number | undefined
  /** Proves who this worker is. Default: nothing is proven. */
  readonly security?: Security | undefined
}

type AllOptions = MajordomoWorkerOptions<never, unknown> & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<AllOptions> = {
  codec: codecSetting,
  onError: { accepts: "a function", test: (value) => typeof value === "function", default: undefined },
  concurrency: whole("conversations", 1, 1, 1000),
  heartbeatInterval,
  liveness,
  reconnectInterval: whole("ms", 100, 1, 3_600_000),
  reconnectMaxInterval: whole("ms", 10_000, 1, 3_600_000),
  security: securitySetting,
}

/** What a worker tells. */
export interface MajordomoWorkerEvents {
  /** READY was sent. */
  readonly ready: { readonly endpoint: string }
  /** A conversation ended; unless the worker is closed, another one begins. */
  readonly disconnect: { readonly reason: MajordomoEndReason }
  /** A task failed. */
  readonly "task:failed": { readonly error: unknown }
  /** A task was done for nobody: the broker was lost over it. */
  readonly "task:discarded": object
  /** The broker sent what is no command. */
  readonly invalid: object
  readonly [type: string]: object
}

/** Counters of a worker, at the moment at which they were read. */
export interface MajordomoWorkerStats {
  /** Tasks that came, and that are being worked on. */
  readonly tasks: number
  readonly working: number
  /** FINALs and PARTIALs sent. */
  readonly finals: number
  readonly partials: number
  /** Tasks that failed, with an answer from `onError` or without. */
  readonly failed: number
  /** Tasks whose result could not be sent, because the broker was lost. */
  readonly discarded: number
  readonly conversations: number
  readonly invalid: number
}

/**
 * Offers a service to a broker (RFC 18).
 *
 * @typeParam Task - frames, or what the codec decodes
 * @typeParam Result - frames, or what the codec encodes
 */
export class MajordomoWorker<Task = Message, Result = MessageLike> implements AsyncDisposable {
  /** The service it offers. */
  readonly service: string
  /** What happens to it, as it happens. */
  readonly events: Emitter<MajordomoWorkerEvents> = new Emitter<MajordomoWorkerEvents>([
    "ready",
    "disconnect",
    "task:failed",
    "task:discarded",
    "invalid",
  ])
  readonly #handler: MajordomoTaskHandler<Task, Result>
  readonly #settings: ReturnType<typeof settle<AllOptions>>
  readonly #payload: Payload<Result, Task>
  readonly #closed = new AbortController()
  /** Those that are not over, and what is being done in them. */
  readonly #conversations = new Map<Conversation, () => Promise<void> | undefined>()
  readonly #tasks = new Crowd<Promise<void>>()
  #endpoint: string | undefined
  #closing: Promise<void> | undefined
  readonly #counts = { tasks: 0, finals: 0, partials: 0, failed: 0, discarded: 0, conversations: 0, invalid: 0 }

  /**
   * @param service - its name: printable text of 1 to 255 octets that does not begin with `mmi.`
   * @throws OptionError
   */
  constructor(
    service: string,
    handler: MajordomoTaskHandler<NoInfer<Task>, NoInfer<Result>>,
    ...[options]: SocketArguments<
      Result,
      Task,
      MajordomoWorkerOptions<NoInfer<Task>, NoInfer<Result>>,
      MajordomoWorkerOptions<NoInfer<Task>, NoInfer<Result>>
    >
  ) {
    checkService(service, true)
    if (typeof handler !== "function") throw new OptionError("handler", "The handler of a worker must be a function")
    this.service = service
    this.#handler = handler
    this.#settings = settle("MajordomoWorker", SETTINGS, options as AllOptions | undefined)
    this.#payload = payloadOf<Result, Task>(this.#settings.codec)
  }

  /**
   * Offers the service to the broker at `endpoint`, now or when it is there, and again whenever it is lost. Returns at
   * once; a worker has one broker.
   *
   * @throws EndpointError, StateError when it has a broker already, ClosedError
   */
  connect(endpoint: string): void {
    if (this.closed) throw new ClosedError("The worker is closed")
    if (this.#endpoint !== undefined) throw new StateError(`The worker has a broker already: ${this.#endpoint}`)
    const first = this.#converse(endpoint)
    this.#endpoint = endpoint
    void this.#line(endpoint, first)
    for (let i = 1; i < this.#settings.concurrency; i++) void this.#line(endpoint, this.#converse(endpoint))
  }

  /**
   * Takes no more tasks, waits up to `linger` ms for those at work and sends their results, then tells the broker and
   * closes. A task that takes longer has its signal aborted, and the broker gives it to another worker.
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

  get stats(): MajordomoWorkerStats {
    return { ...this.#counts, working: this.#tasks.size }
  }

  /** One conversation after the other. */
  async #line(endpoint: string, first: Conversation): Promise<void> {
    let conversation = first
    for (let failures = 0; ; ) {
      const reason = await conversation.ended
      const task = this.#conversations.get(conversation)?.()
      this.#conversations.delete(conversation)
      this.events.emit("disconnect", { reason })
      // One task at a time: what is still being done for nobody has to end first.
      await task
      if (this.closed) return
      failures = conversation.heard ? 0 : failures + 1
      const { reconnectInterval, reconnectMaxInterval } = this.#settings
      const most = Math.min(reconnectInterval * 2 ** failures, reconnectMaxInterval)
      await within(Math.random() * most, this.#aborted())
      if (this.closed) return
      conversation = this.#converse(endpoint)
    }
  }

  #aborted(): Promise<void> {
    const { signal } = this.#closed
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
  }

  #converse(endpoint: string): Conversation {
    let task: Promise<void> | undefined
    const conversation: Conversation = new Conversation({
      endpoint,
      service: this.service,
      heartbeatInterval: this.#settings.heartbeatInterval,
      liveness: this.#settings.liveness,
      security: this.#settings.security,
      joined: () => this.events.emit("ready", { endpoint }),
      invalid: () => {
        this.#counts.invalid++
        this.events.emit("invalid", {})
      },
      request: (client, body) => {
        if (task !== undefined) {
          conversation.end("unexpected")
          return
        }
        const done = this.#do(conversation, client, body).finally(() => {
          this.#tasks.delete(done)
          task = undefined
          if (this.closed) conversation.end("closed")
        })
        task = done
        this.#tasks.add(done)
      },
    })
    this.#conversations.set(conversation, () => task)
    this.#counts.conversations++
    return conversation
  }

  /** Does one task from its request to its FINAL. Never rejects. */
  async #do(conversation: Conversation, client: Frame, frames: Message): Promise<void> {
    const { signal } = conversation
    this.#counts.tasks++
    let task: Task | undefined
    try {
      try {
        task = this.#payload.decode(frames)
        const result = await this.#handler(task, { signal })
        if (isStream(result)) await this.#stream(conversation, client, result)
        else await this.#finish(conversation, client, this.#payload.encode(result))
      } catch (error) {
        if (signal.aborted) throw error
        await this.#fail(conversation, client, error, task)
      }
    } catch (error) {
      if (!signal.aborted) {
        // Even the answer to the failure failed.
        this.events.emit("task:failed", { error })
        conversation.end("failed")
        return
      }
      this.#counts.discarded++
      this.events.emit("task:discarded", {})
    }
  }

  async #stream(conversation: Conversation, client: Frame, results: MajordomoResults<Result>): Promise<void> {
    const { signal } = conversation
    const iterator = results[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { value, done } = await iterator.next()
        signal.throwIfAborted()
        if (done) {
          await this.#finish(conversation, client, value === undefined ? [EMPTY] : this.#payload.encode(value))
          return
        }
        await conversation.send(resultFor(client, "partial", this.#payload.encode(value)))
        this.#counts.partials++
      }
    } catch (error) {
      // Ends a generator that is not at its end; what it says to that is of no interest.
      await Promise.resolve(iterator.return?.()).catch(() => {})
      throw error
    }
  }

  async #finish(conversation: Conversation, client: Frame, body: readonly FrameLike[]): Promise<void> {
    conversation.signal.throwIfAborted()
    await conversation.send(resultFor(client, "final", body))
    this.#counts.finals++
  }

  async #fail(conversation: Conversation, client: Frame, error: unknown, task: Task | undefined): Promise<void> {
    this.#counts.failed++
    this.events.emit("task:failed", { error })
    const answer = (this.#settings.onError as ((error: unknown, task?: Task) => Result) | undefined)?.(error, task)
    if (answer === undefined) conversation.end("failed")
    else await this.#finish(conversation, client, this.#payload.encode(answer))
  }

  async #close(linger: number): Promise<void> {
    // In a later turn, when `closed` says so.
    await undefined
    this.#closed.abort()
    // Those at work end their conversations themselves when they are done.
    for (const [conversation, task] of this.#conversations) if (task() === undefined) conversation.end("closed")
    await within(linger, Promise.all(this.#tasks))
    const conversations = [...this.#conversations.keys()]
    for (const conversation of conversations) conversation.end("closed")
    await Promise.all(conversations.map(({ ended }) => ended))
    this.events.close()
  }
}

function isStream<Result>(result: Result | MajordomoResults<Result>): result is MajordomoResults<Result> {
  return typeof (result as MajordomoResults<Result> | null | undefined)?.[Symbol.asyncIterator] === "function"
}
