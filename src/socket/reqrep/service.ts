// A Reply at work: requests in, handlers running, answers out. Answers of one lane (a peer and an envelope) leave in
// the order of their requests; lanes do not wait for each other. A handler counts as running until its answer is
// accepted, so `concurrency` also bounds the answers that wait for room.

import { toKey } from "../../bytes.ts"
import { OptionError } from "../../errors.ts"
import { describe, type Frame, type Message } from "../../message.ts"
import type { Peer } from "../../peer.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { Register } from "../../register.ts"
import { Roster, type Seat } from "../../roster.ts"
import { asError } from "../../thrown.ts"
import { type Coding, decodeValue, invalid, valueCoding } from "../coding.ts"
import type { Hub } from "../hub.ts"
import { type Inbox, SKIP } from "../inbox.ts"
import { inNextTurn } from "../pace.ts"
import { checkWait, WaitingLine } from "../waiting.ts"

/** What a handler is told of its request. */
export interface RequestContext {
  /** Who asks. */
  readonly peer: Peer
  /** Aborted when nobody waits for the answer any more: the peer has left, or the socket is closed. */
  readonly signal: AbortSignal
}

/** Answers a request. */
export type Handler<S, R> = (request: R, context: RequestContext) => S | Promise<S>

/** How requests are served. */
export interface ServeOptions<S, R> {
  /** Handlers that may run at once. Default 1. */
  readonly concurrency?: number | undefined
  /** Ends the service: what runs is finished, and nothing more is taken. */
  readonly signal?: AbortSignal | undefined
  /**
   * Called when the handler fails, or when the request does not decode (then without it). May return the answer to
   * send; without one nobody is answered. Either way the failure is counted and announced as `message:invalid`.
   */
  readonly onError?: ((error: unknown, request?: R) => S | undefined | Promise<S | undefined>) | undefined
}

/** A request as it came: who is to get the answer, and what was asked. */
export interface RawRequest {
  readonly pipe: Pipe
  readonly envelope: readonly Frame[]
  readonly body: Message
}

/** A request on its way to its answer: undefined while the handler runs, null when nobody is to be answered. */
interface Job {
  readonly request: RawRequest
  readonly lane: Lane
  answer: Message | null | undefined
  aborter: AbortController | undefined
  seat: Seat<Job> | undefined
}

/** Jobs in the order of their requests; the first is the next to be answered. */
interface Lane {
  readonly name: string
  readonly jobs: Job[]
  /** Whether the answer of the first waits for room. */
  waiting: boolean
}

export class Service {
  readonly #hub: Hub
  readonly #inbox: Inbox<unknown>
  readonly #coding: Coding
  readonly #handler: Handler<unknown, unknown>
  readonly #concurrency: number
  readonly #signal: AbortSignal | undefined
  readonly #onError: ServeOptions<unknown, unknown>["onError"]
  readonly #jobs = new Roster<Job>()
  /** Those that have jobs. */
  readonly #lanes = new Register<string, Lane>()
  /** That of a service with one job at a time. */
  readonly #only: Lane = { name: "", jobs: [], waiting: false }
  /** Answers that wait for room in a peer's queue. */
  readonly #room = new Map<Pipe, WaitingLine<undefined, void>>()
  #wake: (() => void) | undefined

  constructor(
    hub: Hub,
    inbox: Inbox<unknown>,
    handler: Handler<unknown, unknown>,
    options: ServeOptions<unknown, unknown>,
  ) {
    checkWait(options)
    const { concurrency = 1, onError, signal } = options
    if (typeof handler !== "function") {
      throw new OptionError("handler", `handler must be a function, got ${describe(handler)}`)
    }
    if (concurrency !== Number.POSITIVE_INFINITY && !(Number.isInteger(concurrency) && concurrency >= 1)) {
      throw new OptionError(
        "concurrency",
        `concurrency must be a whole number of at least 1, got ${describe(concurrency)}`,
      )
    }
    if (onError !== undefined && typeof onError !== "function") {
      throw new OptionError("onError", `onError must be a function, got ${describe(onError)}`)
    }
    this.#hub = hub
    this.#inbox = inbox
    this.#coding = valueCoding(hub)
    this.#handler = handler
    this.#concurrency = concurrency
    this.#signal = signal
    this.#onError = onError
  }

  /** Serves until the signal or the socket ends it, and what runs is finished. */
  async run(): Promise<void> {
    const ending = new AbortController()
    const end = (): void => {
      ending.abort()
      this.#wake?.()
    }
    this.#signal?.addEventListener("abort", end, { once: true })
    try {
      await this.#takeUntil(ending.signal)
    } finally {
      this.#signal?.removeEventListener("abort", end)
    }
    while (this.#jobs.size > 0) await this.#change()
  }

  /** A peer has left: nobody waits for its answers. */
  left(pipe: Pipe): void {
    for (const job of this.#jobs) if (job.request.pipe === pipe) job.aborter?.abort()
    this.relieved(pipe)
    this.#room.delete(pipe)
  }

  /** A peer has room for answers again. */
  relieved(pipe: Pipe): void {
    const line = this.#room.get(pipe)
    if (line !== undefined) for (const waiter of [...line]) line.settle(waiter, undefined)
  }

  /** The socket is closed. */
  closed(): void {
    for (const job of this.#jobs) job.aborter?.abort()
    for (const pipe of [...this.#room.keys()]) this.relieved(pipe)
  }

  async #takeUntil(ending: AbortSignal): Promise<void> {
    while (!ending.aborted) {
      if (this.#jobs.size >= this.#concurrency) {
        await this.#change()
        continue
      }
      const request = this.#inbox.take()
      if (request !== SKIP) {
        this.#start(request as RawRequest)
        if (this.#inbox.pace.spent()) await inNextTurn()
        continue
      }
      try {
        await this.#inbox.look(ending)
      } catch {
        // Aborted, or the socket is closed: either way nothing more is taken.
        return
      }
    }
  }

  /** Resolves when a job is done, or the service is to end. */
  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #start(request: RawRequest): void {
    const lane = this.#laneOf(request)
    const job: Job = { request, lane, answer: undefined, aborter: undefined, seat: undefined }
    job.seat = this.#jobs.add(job)
    lane.jobs.push(job)
    let value: unknown
    try {
      value = this.#decode(request.body)
    } catch (error) {
      this.#failed(job, error)
      return
    }
    try {
      const answer = this.#handler(value, new Context(job))
      if (isThenable(answer)) {
        void answer.then(
          (settled) => this.#answered(job, settled, value),
          (error: unknown) => this.#failed(job, error, value),
        )
      } else {
        this.#answered(job, answer, value)
      }
    } catch (error) {
      this.#failed(job, error, value)
    }
  }

  #decode(body: Message): unknown {
    const { codec } = this.#hub.options
    return codec === undefined ? body : decodeValue(codec, body)
  }

  #answered(job: Job, answer: unknown, request: unknown): void {
    try {
      job.answer = this.#coding.encode(answer)
    } catch (error) {
      this.#failed(job, error, request)
      return
    }
    this.#proceed(job.lane)
  }

  /** The handler failed; `onError` may know an answer. */
  #failed(job: Job, error: unknown, ...request: unknown[]): void {
    invalid(this.#hub, job.request.pipe, asError(error))
    const settle = (answer: unknown): void => {
      try {
        job.answer = answer === undefined ? null : this.#coding.encode(answer)
      } catch {
        job.answer = null
      }
      this.#proceed(job.lane)
    }
    try {
      const substitute = this.#onError?.(error, ...request)
      if (isThenable(substitute)) void substitute.then(settle, () => settle(undefined))
      else settle(substitute)
    } catch {
      settle(undefined)
    }
  }

  #laneOf(request: RawRequest): Lane {
    if (this.#concurrency === 1) return this.#only
    const name = laneName(request)
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = { name, jobs: [], waiting: false }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  /** Sends the answers at the front of a lane. */
  #proceed(lane: Lane): void {
    const { jobs } = lane
    if (lane.waiting) return
    for (let job = jobs[0]; job?.answer !== undefined; job = jobs[0]) {
      const { pipe } = job.request
      if (job.answer !== null && pipe.state === "ready" && !pipe.hasRoom) {
        this.#waitForRoom(job, lane)
        return
      }
      if (job.answer !== null) this.#deliver(job.request, job.answer)
      jobs.shift()
      if (jobs.length === 0 && lane !== this.#only) this.#lanes.delete(lane.name)
      if (job.seat !== undefined) this.#jobs.remove(job.seat)
      this.#wake?.()
    }
  }

  #deliver(request: RawRequest, answer: Message): void {
    const { pipe, envelope } = request
    if (pipe.state === "ready") pipe.push([...envelope, ...answer])
    else this.#hub.dropped("unroutable", 1, pipe)
  }

  #waitForRoom(job: Job, lane: Lane): void {
    const { pipe } = job.request
    let line = this.#room.get(pipe)
    if (line === undefined) {
      line = new WaitingLine({ waiting: 0 })
      this.#room.set(pipe, line)
    }
    const { sendTimeout } = this.#hub.options
    lane.waiting = true
    const proceed = (): void => {
      lane.waiting = false
      this.#proceed(lane)
    }
    void line.wait(undefined, sendTimeout, undefined, "No room for the answer").then(proceed, () => {
      job.answer = null
      this.#hub.dropped("high-water-mark", 1, pipe)
      proceed()
    })
  }
}

/** Creates its signal only when a handler asks for it. */
class Context implements RequestContext {
  readonly #job: Job

  constructor(job: Job) {
    this.#job = job
  }

  get peer(): Peer {
    return this.#job.request.pipe.peer as Peer
  }

  get signal(): AbortSignal {
    const job = this.#job
    job.aborter ??= new AbortController()
    if (job.request.pipe.state === "gone") job.aborter.abort()
    return job.aborter.signal
  }
}

function laneName(request: RawRequest): string {
  let lane = `${request.pipe.peer?.id}`
  for (const frame of request.envelope) lane += `/${toKey(frame)}`
  return lane
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
}
