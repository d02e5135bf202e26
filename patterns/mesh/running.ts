// One call that is being handled: its handler, its deadline, and the stream that may come of it.

import type { Codec, Frame, FrameLike, Peer } from "brokerless"
import type { Caller, HandledCall } from "./caller.ts"
import type { CallContext, CallOptions, MeshClient } from "./contract.ts"
import { writeThrown } from "./documents.ts"
import type { Method } from "./offerings.ts"
import type { MeshStats } from "./stats.ts"
import { header, TYPE } from "./wire.ts"

export interface CallRequest {
  readonly id: number
  /** Milliseconds that the caller still waits. */
  readonly remaining: number
  readonly target: string
  /** Items that may be sent before credit is given. */
  readonly window: number
  /** The deadline holds only until a stream begins. */
  readonly untilStream: boolean
}

/** Whoever serves: what a call that is being handled needs of it, and what it tells it. */
export interface RunningKeeper {
  readonly setup: {
    readonly stats: MeshStats
    readonly options: { readonly codec: Codec<unknown> }
    /** How a handler calls others. */
    readonly client: (service: string, options: CallOptions) => MeshClient<object>
  }
  /** Sends now, or when there is room; false when the caller is gone or takes nothing for `patience` ms. */
  send(caller: Caller, message: readonly FrameLike[], patience: number): boolean | Promise<boolean>
  /** A handler has come to its end. */
  released(): void
  /** A call is over: nobody waits for it any more. */
  finished(running: Running): void
}

const MAX_CREDIT = 1_000_000
const MAX_TIMER = 2 ** 31 - 1
const NOBODY_WAITS = "Nobody waits for the answer any more"

export class Running implements HandledCall {
  readonly caller: Caller
  readonly method: Method
  readonly request: CallRequest
  readonly #serving: RunningKeeper
  #deadline: number
  #timer: NodeJS.Timeout | undefined
  #aborter: AbortController | undefined
  #credit: number
  #credited: (() => void) | undefined
  /** Tells the source of a stream that nobody reads it any more. */
  #leave: (() => void) | undefined
  #over = false

  constructor(serving: RunningKeeper, caller: Caller, method: Method, request: CallRequest) {
    this.#serving = serving
    this.caller = caller
    this.method = method
    this.request = request
    this.#credit = Math.min(request.window, MAX_CREDIT)
    this.#deadline = performance.now() + request.remaining
  }

  /** Milliseconds until the deadline. */
  get remaining(): number {
    return Math.max(0, this.#deadline - performance.now())
  }

  /** Made only when a handler asks for it. */
  get signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController()
      if (this.#over) this.#aborter.abort(new Error(NOBODY_WAITS))
    }
    return this.#aborter.signal
  }

  client(name: string, options: CallOptions): MeshClient<object> {
    return this.#serving.setup.client(name, options)
  }

  begin(body: Frame): void {
    let result: unknown
    try {
      const args = this.#serving.setup.options.codec.decode(body)
      if (!Array.isArray(args)) throw new TypeError("The arguments of a call must be a list")
      result = this.method.handler(new Context(this), ...(args as unknown[]))
    } catch (error) {
      this.#threw(error)
      return
    }
    if (!isThenable(result)) {
      this.#settle(result)
      return
    }
    result.then(
      (value) => this.#settle(value),
      (error: unknown) => this.#threw(error),
    )
    this.#watch()
  }

  /** Nobody waits any more: the handler is told, and answers nobody. */
  cancel(): void {
    if (this.#over) return
    this.#serving.setup.stats.cancelled++
    this.#end()
    this.#aborter?.abort(new Error(NOBODY_WAITS))
  }

  credit(items: number): void {
    this.#credit = Math.min(this.#credit + items, MAX_CREDIT)
    this.#credited?.()
  }

  #watch(): void {
    this.#timer = setTimeout(() => this.cancel(), Math.min(this.remaining, MAX_TIMER))
    this.#timer.unref()
  }

  #settle(value: unknown): void {
    if (!this.#over && isAsyncIterable(value)) {
      void this.#stream(value).finally(() => this.#serving.released())
      return
    }
    this.#serving.released()
    if (this.#over) return
    try {
      const head = header(TYPE.answer, this.request.id)
      this.#last(value === undefined ? [head] : [head, this.#encode(value)])
    } catch (error) {
      this.#fail(error)
    }
  }

  #threw(error: unknown): void {
    this.#serving.released()
    this.#fail(error)
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#serving.setup.stats.handlerFailures++
    this.#last([header(TYPE.error, this.request.id), writeThrown(error)])
  }

  /** Says the last word; until that is on its way the call counts as running. */
  #last(message: readonly FrameLike[]): void {
    const patience = Math.max(1, Math.ceil(Math.min(this.remaining, MAX_TIMER)))
    const sent = this.#serving.send(this.caller, message, patience)
    if (typeof sent === "boolean") this.#end()
    else void sent.then(() => this.#end())
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#serving.finished(this)
    this.#credited?.()
    this.#leave?.()
  }

  async #stream(source: AsyncIterable<unknown>): Promise<void> {
    clearTimeout(this.#timer)
    if (this.request.untilStream) this.#deadline = Number.POSITIVE_INFINITY
    else this.#watch()
    try {
      const iterator = source[Symbol.asyncIterator]()
      // At once, although the source may be at work on its next item: that may take for ever.
      this.#leave = () => void (async () => iterator.return?.())().catch(() => {})
      let sequence = 0
      for (;;) {
        while (this.#credit === 0 && !this.#over) await this.#moreCredit()
        if (this.#over) return
        const { done, value } = await iterator.next()
        if (this.#over) return
        if (done === true) break
        this.#credit--
        const head = header(TYPE.item, this.request.id, sequence++ >>> 0)
        const sent = this.#serving.send(this.caller, value === undefined ? [head] : [head, this.#encode(value)], -1)
        if (sent !== true && !(await sent)) return this.cancel()
        this.#serving.setup.stats.itemsSent++
      }
      this.#leave = undefined
      this.#last([header(TYPE.end, this.request.id, sequence >>> 0)])
    } catch (error) {
      this.#fail(error)
    }
  }

  #moreCredit(): Promise<void> {
    return new Promise((resolve) => {
      this.#credited = resolve
    })
  }

  #encode(value: unknown): FrameLike {
    return this.#serving.setup.options.codec.encode(value)
  }
}

/** What the handler sees, and no more. */
class Context implements CallContext {
  readonly #running: Running

  constructor(running: Running) {
    this.#running = running
  }

  get target(): string {
    return this.#running.request.target
  }

  get caller(): string {
    return this.#running.caller.name
  }

  get peer(): Peer {
    return this.#running.caller.peer
  }

  get signal(): AbortSignal {
    return this.#running.signal
  }

  get remaining(): number {
    return this.#running.remaining
  }

  service<Api extends object>(name: string, options: CallOptions = {}): MeshClient<Api> {
    const { remaining, signal } = this
    const bounded = remaining === Number.POSITIVE_INFINITY
    const client = this.#running.client(name, {
      ...options,
      ...(bounded ? {} : { deadline: Math.max(1, Math.floor(Math.min(options.deadline ?? remaining, remaining))) }),
      signal: options.signal === undefined ? signal : AbortSignal.any([signal, options.signal]),
    })
    return client as unknown as MeshClient<Api>
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value
}
