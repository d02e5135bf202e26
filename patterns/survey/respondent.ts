// Who is asked: a handler for the questions of any number of surveyors, so many at a time, each with its own deadline.

import type { Codec, Frame, Message, MessageLike, Peer, Same, SocketArguments } from "brokerless"
import { OptionError } from "brokerless"
import { LONGEST } from "../closing.ts"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { Participant, type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { Register } from "../register.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { compose, parse } from "./wire.ts"

/** How a respondent works. */
export interface RespondentOptions {
  /** Handlers that may run at once. Default 1. */
  readonly concurrency?: number | undefined
  /** Questions that may wait for a handler; beyond, questions are declined. Default 1000. */
  readonly maxWaiting?: number | undefined
  /** Options of the socket beneath. */
  readonly socket?: ParticipantSocketOptions | undefined
}

/** What a handler is told of its question. */
export interface SurveyContext {
  /** Who asks. */
  readonly peer: Peer
  /** When the survey ends, as `performance.now()` counts. */
  readonly deadline: number
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** Answers a question; `undefined` says that this respondent has no answer. */
export type SurveyHandler<S, R> = (question: R, context: SurveyContext) => S | undefined | Promise<S | undefined>

/** What happens to a respondent. */
export interface RespondentEvents {
  readonly [type: string]: object
  /** A surveyor is there. */
  join: { readonly peer: Peer }
  /** A surveyor has left. */
  leave: { readonly peer: Peer }
  /** The handler failed, or its answer could not be sent; the question was declined. */
  failure: { readonly peer: Peer; readonly error: unknown }
  /** Too many questions wait: this one was declined. */
  refuse: { readonly peer: Peer }
  /** A peer said what nobody can understand, and was disconnected; or its question does not decode. */
  invalid: { readonly peer: Peer; readonly error?: unknown }
}

/** What a respondent has done. */
export interface RespondentStats {
  /** Questions that came. */
  readonly questions: number
  /** Questions that wait for a handler. */
  readonly waiting: number
  /** Handlers that run. */
  readonly running: number
  /** Answers sent in time. */
  readonly answered: number
  /** Questions to which there was no answer. */
  readonly declined: number
  /** Questions declined because too many waited. */
  readonly refused: number
  /** Questions that nobody waited for any more when their turn, or their answer, came. */
  readonly expired: number
  /** Handlers that failed. */
  readonly failed: number
  /** Messages that are none of this protocol, and questions that do not decode. */
  readonly invalid: number
}

type Given = RespondentOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  concurrency: whole("handlers", 1, 1),
  maxWaiting: whole("questions", 1000),
  socket: socketSetting,
}

const EVENTS = ["join", "leave", "failure", "refuse", "invalid"] as const

interface Job {
  readonly peer: Peer
  readonly key: string
  readonly id: Frame
  readonly body: Message
  readonly deadline: number
  readonly ending: AbortController
  timer: NodeJS.Timeout | undefined
}

/**
 * Answers surveys.
 *
 * @typeParam S - answers: frames, or the values that the codec encodes
 * @typeParam R - questions: frames, or the values that the codec decodes
 */
export class Respondent<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Participant {
  /** What happens. */
  readonly events: Emitter<RespondentEvents> = new Emitter<RespondentEvents>([...EVENTS])
  readonly #handler: SurveyHandler<S, R>
  readonly #payload: Payload<S, R>
  readonly #concurrency: number
  readonly #maxWaiting: number
  /** Questions waiting and running, by peer and id, in the order in which they came. */
  readonly #jobs = new Register<string, Job>()
  readonly #waiting = new Crowd<Job>()
  #running = 0
  #finished: (() => void) | undefined
  readonly #stats = { questions: 0, answered: 0, declined: 0, refused: 0, expired: 0, failed: 0, invalid: 0 }

  /**
   * `handler` answers the questions.
   *
   * @throws OptionError for an option that does not exist or is not accepted
   */
  constructor(handler: SurveyHandler<S, R>, ...[options]: SocketArguments<S, R, RespondentOptions, RespondentOptions>) {
    if (typeof handler !== "function")
      throw new OptionError("handler", "The handler of a Respondent must be a function")
    const settled = settle<Given>("a Respondent", SETTINGS, options as Given | undefined)
    super(settled.socket)
    this.#handler = handler
    this.#payload = payloadOf<S, R>(settled.codec)
    this.#concurrency = settled.concurrency
    this.#maxWaiting = settled.maxWaiting
  }

  /** What has been done so far. */
  get stats(): RespondentStats {
    return { ...this.#stats, waiting: this.#waiting.size, running: this.#running }
  }

  /** @internal */
  protected override joined(peer: Peer): void {
    this.events.emit("join", { peer })
  }

  /** @internal */
  protected override left(peer: Peer): void {
    for (const job of [...this.#jobs.values()]) if (job.peer === peer) this.#expire(job)
    this.events.emit("leave", { peer })
  }

  /** @internal */
  protected heard(peer: Peer, message: Message): void {
    const said = parse(message)
    if (said?.kind === "question") this.#asked(peer, said.id, said.time, said.body)
    else if (said?.kind === "cancel") {
      const job = this.#jobs.get(keyOf(peer, said.id))
      if (job !== undefined) this.#expire(job)
    } else {
      this.#stats.invalid++
      this.events.emit("invalid", { peer })
      peer.disconnect()
    }
  }

  /** @internal */
  protected finish(): Promise<void> {
    // Nothing has been done about those who wait, and others may answer.
    for (const job of [...this.#waiting]) this.#decline(job)
    if (this.#running === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#finished = resolve
    })
  }

  /** @internal */
  protected abandon(): void {
    for (const job of [...this.#jobs.values()]) this.#expire(job)
  }

  /** @internal */
  protected ended(): void {
    this.events.close()
  }

  #asked(peer: Peer, id: Frame, time: number, body: Message): void {
    this.#stats.questions++
    const key = keyOf(peer, id)
    if (this.#jobs.has(key)) {
      this.#stats.invalid++
      this.events.emit("invalid", { peer })
      return
    }
    if (this.closed || (this.#waiting.size >= this.#maxWaiting && this.#running >= this.#concurrency)) {
      this.#stats.refused++
      this.tell(peer, compose("decline", id))
      this.events.emit("refuse", { peer })
      return
    }
    const ending = new AbortController()
    const job: Job = { peer, key, id, body, deadline: performance.now() + time, ending, timer: undefined }
    job.timer = setTimeout(() => this.#expire(job), Math.min(time, LONGEST))
    this.#jobs.set(key, job)
    this.#waiting.add(job)
    this.#proceed()
  }

  #proceed(): void {
    for (const job of this.#waiting) {
      if (this.#running >= this.#concurrency) return
      this.#waiting.delete(job)
      this.#running++
      void this.#run(job).finally(() => {
        this.#running--
        if (this.#running === 0) this.#finished?.()
        this.#proceed()
      })
    }
  }

  async #run(job: Job): Promise<void> {
    const { peer, deadline, ending } = job
    let question: R
    try {
      question = this.#payload.decode(job.body)
    } catch (error) {
      this.#stats.invalid++
      this.events.emit("invalid", { peer, error })
      this.#decline(job)
      return
    }
    try {
      const answer = await this.#handler(question, { peer, deadline, signal: ending.signal })
      // Nobody waits any more: it is counted already.
      if (!this.#jobs.has(job.key)) return
      if (answer === undefined) this.#decline(job)
      else this.#answer(job, this.#payload.encode(answer))
    } catch (error) {
      this.#stats.failed++
      this.events.emit("failure", { peer, error })
      this.#decline(job)
    }
  }

  #answer(job: Job, body: readonly Frame[]): void {
    if (!this.#forget(job)) return
    if (this.tell(job.peer, compose("answer", job.id, ...body))) this.#stats.answered++
    else this.#stats.expired++
  }

  #decline(job: Job): void {
    if (!this.#forget(job)) return
    this.#stats.declined++
    this.tell(job.peer, compose("decline", job.id))
  }

  /** Nobody waits for the answer any more. */
  #expire(job: Job): void {
    if (!this.#forget(job)) return
    this.#stats.expired++
    job.ending.abort()
  }

  #forget(job: Job): boolean {
    if (this.#jobs.get(job.key) !== job) return false
    this.#jobs.delete(job.key)
    this.#waiting.delete(job)
    clearTimeout(job.timer)
    return true
  }
}

function keyOf(peer: Peer, id: Frame): string {
  return `${peer.id}/${id.toString("hex")}`
}
