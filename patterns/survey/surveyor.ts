// Who asks: one question to everybody who is connected, and the answers until enough have come or the time is over.

import { randomBytes } from "node:crypto"
import {
  AbortError,
  ClosedError,
  type Codec,
  type Frame,
  type Message,
  type MessageLike,
  OptionError,
  type Peer,
  type Same,
  type SocketArguments,
  StateError,
} from "brokerless"
import { Emitter } from "../emitter.ts"
import { Participant, type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting, type Payload, payloadOf } from "../payload.ts"
import { type Settings, settle, whole } from "../settings.ts"
import { RunningSurvey, type Survey, type SurveyReason } from "./survey.ts"
import { compose, parse, timeFrame } from "./wire.ts"

/** How a surveyor asks. */
export interface SurveyorOptions {
  /** Milliseconds that a survey lasts unless it says otherwise. Default 1000. */
  readonly timeout?: number | undefined
  /** Surveys that may be under way at once. Default 1000. */
  readonly maxSurveys?: number | undefined
  /** Options of the socket beneath. */
  readonly socket?: ParticipantSocketOptions | undefined
}

/** How one survey is made. */
export interface SurveyOptions {
  /** Milliseconds until it is over. Default: the surveyor's. */
  readonly timeout?: number | undefined
  /** Ends it as soon as so many have answered. Default: all who were asked. */
  readonly count?: number | undefined
  /** Gives it up. */
  readonly signal?: AbortSignal | undefined
}

/** What happens to a surveyor. */
export interface SurveyorEvents {
  readonly [type: string]: object
  /** A respondent is there, and will be asked from now on. */
  join: { readonly peer: Peer }
  /** A respondent has left. */
  leave: { readonly peer: Peer }
  /** A survey is over. */
  end: {
    readonly reason: SurveyReason | "aborted"
    readonly asked: number
    readonly answered: number
    readonly missing: number
  }
  /** An answer came after the end of its survey, and was dropped. */
  late: { readonly peer: Peer }
  /** A respondent takes nothing at the moment, and was not asked. */
  skip: { readonly peer: Peer }
  /** A peer said what nobody can understand, and was disconnected; or its answer does not decode. */
  invalid: { readonly peer: Peer; readonly error?: unknown }
}

/** What a surveyor has done. */
export interface SurveyorStats {
  /** Surveys begun. */
  readonly surveys: number
  /** Surveys under way. */
  readonly open: number
  /** Questions sent, one for each respondent. */
  readonly asked: number
  readonly answers: number
  readonly declined: number
  /** Respondents that were not asked because they take nothing at the moment. */
  readonly skipped: number
  /** Answers that came after the end of their survey, and were dropped. */
  readonly late: number
  /** Answers that nobody had asked for: a second one, or one of somebody who was not asked. */
  readonly unexpected: number
  /** Messages that are none of this protocol, and answers that do not decode. */
  readonly invalid: number
}

type Given = SurveyorOptions & { readonly codec?: Codec<never, unknown> | undefined }

const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  timeout: whole("ms", 1000, 1, 2 ** 31 - 1),
  maxSurveys: whole("surveys", 1000, 1),
  socket: socketSetting,
}

const EVENTS = ["join", "leave", "end", "late", "skip", "invalid"] as const

/**
 * Asks everybody who is connected, and collects answers until a deadline.
 *
 * @typeParam S - questions: frames, or the values that the codec encodes
 * @typeParam R - answers: frames, or the values that the codec decodes
 */
export class Surveyor<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Participant {
  /** What happens. */
  readonly events: Emitter<SurveyorEvents> = new Emitter<SurveyorEvents>([...EVENTS])
  readonly #payload: Payload<S, R>
  readonly #timeout: number
  readonly #maxSurveys: number
  /** Surveys under way, by their number. */
  readonly #open = new Map<number, RunningSurvey<R>>()
  /** Ids begin with octets of our own, so that no answer to another surveyor at this place is taken for one to us. */
  readonly #epoch: Frame = randomBytes(4) as Frame
  #number = 0
  #finished: (() => void) | undefined
  readonly #stats = { surveys: 0, asked: 0, answers: 0, declined: 0, skipped: 0, late: 0, unexpected: 0, invalid: 0 }

  /** @throws OptionError for an option that does not exist or is not accepted */
  constructor(...[options]: SocketArguments<S, R, SurveyorOptions, SurveyorOptions>) {
    const { codec, timeout, maxSurveys, socket } = settle<Given>("a Surveyor", SETTINGS, options as Given | undefined)
    super(socket)
    this.#payload = payloadOf<S, R>(codec)
    this.#timeout = timeout
    this.#maxSurveys = maxSurveys
  }

  /**
   * Asks everybody who is connected now. Who comes later is not asked; who leaves is waited for no more.
   *
   * @throws OptionError, StateError when too many surveys are under way, ClosedError, AbortError when the signal is
   * aborted already, MessageError or CodecError when the question cannot be sent
   */
  survey(question: S, options: SurveyOptions = {}): Survey<R> {
    const { timeout = this.#timeout, count = Number.POSITIVE_INFINITY, signal } = options
    if (!(Number.isInteger(timeout) && timeout > 0)) {
      throw new OptionError("timeout", `timeout must be a whole number of ms of at least 1, got ${String(timeout)}`)
    }
    if (count !== Number.POSITIVE_INFINITY && !(Number.isInteger(count) && count > 0)) {
      throw new OptionError("count", `count must be a whole number of answers of at least 1, got ${String(count)}`)
    }
    if (signal?.aborted) throw new AbortError(signal.reason)
    if (this.closed) throw new ClosedError("The surveyor is closed")
    if (this.#open.size >= this.#maxSurveys) {
      throw new StateError(`${this.#maxSurveys} surveys are under way (maxSurveys); wait until one is over`)
    }
    const body = this.#payload.encode(question)
    const number = this.#number
    this.#number = (number + 1) >>> 0
    const id = this.#idOf(number)
    const asked = this.#ask(compose("question", id, timeFrame(timeout), ...body))
    const survey = new RunningSurvey<R>(asked, {
      timeout,
      count,
      signal,
      over: (reason, missing) => this.#over(number, survey, reason, missing),
    })
    this.#open.set(number, survey)
    this.#stats.surveys++
    survey.begin()
    return survey
  }

  /** What has been done so far. */
  get stats(): SurveyorStats {
    return { ...this.#stats, open: this.#open.size }
  }

  /** @internal */
  protected override joined(peer: Peer): void {
    this.events.emit("join", { peer })
  }

  /** @internal */
  protected override left(peer: Peer): void {
    for (const survey of [...this.#open.values()]) survey.leave(peer)
    this.events.emit("leave", { peer })
  }

  /** @internal */
  protected heard(peer: Peer, message: Message): void {
    const said = parse(message)
    if (said === undefined || (said.kind !== "answer" && said.kind !== "decline")) {
      this.#stats.invalid++
      this.events.emit("invalid", { peer })
      peer.disconnect()
      return
    }
    const number = said.id.readUInt32BE(4)
    const survey = this.#epoch.equals(said.id.subarray(0, 4)) ? this.#open.get(number) : undefined
    if (survey === undefined) this.#tooLate(peer, said.id, number)
    else if (!survey.awaits(peer)) this.#stats.unexpected++
    else if (said.kind === "decline") {
      this.#stats.declined++
      survey.decline(peer)
    } else this.#answered(peer, survey, said.body)
  }

  /** @internal */
  protected finish(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#finished = resolve
    })
  }

  /** @internal */
  protected abandon(): void {
    for (const survey of [...this.#open.values()]) survey.close()
  }

  /** @internal */
  protected ended(): void {
    this.events.close()
  }

  #idOf(number: number): Frame {
    const id = Buffer.alloc(8)
    this.#epoch.copy(id)
    id.writeUInt32BE(number, 4)
    return id as Frame
  }

  #ask(message: readonly Frame[]): Peer[] {
    const asked: Peer[] = []
    for (const peer of this.peers) {
      if (this.tell(peer, message)) asked.push(peer)
      else {
        this.#stats.skipped++
        this.events.emit("skip", { peer })
      }
    }
    this.#stats.asked += asked.length
    return asked
  }

  #answered(peer: Peer, survey: RunningSurvey<R>, body: Message): void {
    let value: R
    try {
      value = this.#payload.decode(body)
    } catch (error) {
      this.#stats.invalid++
      this.events.emit("invalid", { peer, error })
      survey.undecodable(peer)
      return
    }
    this.#stats.answers++
    survey.answer(peer, value)
  }

  /** The answer is to a survey of ours that is over, or to none that we ever made. */
  #tooLate(peer: Peer, id: Frame, number: number): void {
    const ours = this.#epoch.equals(id.subarray(0, 4)) && number < this.#number
    if (!ours) {
      this.#stats.unexpected++
      return
    }
    this.#stats.late++
    this.events.emit("late", { peer })
  }

  #over(number: number, survey: RunningSurvey<R>, reason: SurveyReason | "aborted", missing: readonly Peer[]): void {
    this.#open.delete(number)
    // Who still works on it need not.
    for (const peer of missing) this.tell(peer, compose("cancel", this.#idOf(number)))
    const { asked, answered } = survey
    this.events.emit("end", { reason, asked, answered, missing: missing.length })
    if (this.#open.size === 0) this.#finished?.()
  }
}
