// REQ (RFC 28): asks and waits for the answer, strictly in turn; or many questions at once by `request`.

import { OptionError } from "../../errors.ts"
import { describe, type Message, type MessageLike } from "../../message.ts"
import type { RequestOptions } from "../../options.ts"
import type { Same, Shown, SocketArguments } from "../arguments.ts"
import { type Coding, decodeValue, valueCoding } from "../coding.ts"
import { Distribution } from "../distribution.ts"
import type { Hub } from "../hub.ts"
import { Inbox, SKIP } from "../inbox.ts"
import { ACCEPTED, NOBODY, Outbox, type Verdict } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { checkWait, type WaitOptions } from "../waiting.ts"
import { sends, type Writable } from "../writable.ts"
import { Asking, type Question } from "./asking.ts"
import { Call, type RequestCallOptions } from "./call.ts"
import { LockStep } from "./lock-step.ts"

/**
 * Asks `Reply` and `Router` sockets (RFC 28): {@link Request.request} for any number of questions at once, or `send`
 * and `receive` in turn.
 *
 * @typeParam S - requests: frames, or the values that the codec encodes
 * @typeParam R - answers: frames, or the values that the codec decodes
 */
export class Request<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Socket {
  readonly #coding: Coding
  readonly #asking: Asking
  readonly #lockStep: LockStep
  readonly #outbox: Outbox<Question>

  constructor(...[options]: SocketArguments<S, R, RequestOptions<Shown<S>>, RequestOptions<Shown<S>>>) {
    super("Request", "REQ", options)
    const hub = hubOf(this)
    const coding = valueCoding(hub)
    const asking = new Asking(hub)
    const lockStep = new LockStep(asking, () => hub.options.relaxed !== false)
    const distribution = new Distribution({
      get options() {
        return hub.options
      },
      marks: hub.marks.outbound,
      budget: hub.budget,
      replaced: (pipe) => hub.dropped("replaced", 1, pipe),
      placed: (message, pipe) => asking.placed(message, pipe),
    })
    const outbox = new Outbox<Question>({
      encode: (question) => question.message,
      offer: (message, question) => offer(hub, asking, distribution, message, question as Question),
      ready: () =>
        lockStep.canSend && asking.size < hub.marks.outbound.messages && (distribution.ready() || lockStep.canAskAgain),
      timeout: hub.options.sendTimeout,
    })
    const inbox = new Inbox<unknown>({
      open: () => lockStep.hasAnswer,
      check: () => lockStep.checkReceive(),
      decode(message, pipe) {
        const answer = coding.decode(message, pipe)
        if (answer === SKIP) lockStep.undecodable()
        else lockStep.taken()
        return answer
      },
      timeout: hub.options.receiveTimeout,
    })
    this.#coding = coding
    this.#asking = asking
    this.#lockStep = lockStep
    this.#outbox = outbox
    lockStep.inbox = inbox
    lockStep.withdraw = (question, error) => outbox.withdraw(question, error)
    hub.outbox = outbox as Outbox<unknown>
    hub.inbox = inbox
    hub.follow({
      backlog: distribution.backlog,
      added: (pipe) => distribution.added(pipe),
      joined: (pipe) => distribution.joined(pipe),
      relieved: (pipe) => distribution.relieved(pipe),
      left(pipe) {
        distribution.left(pipe)
        asking.left(pipe)
      },
      intake(pipe, message) {
        asking.heard(pipe, message)
        outbox.serve()
        return false
      },
      closed: () => asking.closed(),
    })
  }

  /**
   * Asks, and resolves to the answer. Any number of questions may be in flight, over all peers, each answer to its own
   * caller; beyond `sendHighWaterMark` they wait. When the asked peer leaves, a request with retries goes to another.
   *
   * @throws {@link TimeoutError}, {@link AbortError}, {@link ClosedError}, {@link MessageError}, {@link CodecError}
   * when the answer does not decode, {@link UnreachableError} when the asked peer left and no retries are left (as
   * rejections)
   */
  request(message: S, options: RequestCallOptions = {}): Promise<R> {
    try {
      checkWait(options)
      const { timeout = hubOf(this).options.receiveTimeout, retries = 0, signal } = options
      if (!(Number.isInteger(retries) && retries >= 0) && retries !== Number.POSITIVE_INFINITY) {
        throw new OptionError("retries", `retries must be a whole number of at least 0, got ${describe(retries)}`)
      }
      hubOf(this).checkOpen()
      const body = this.#coding.encode(message)
      const setup = {
        asking: this.#asking,
        outbox: this.#outbox,
        body,
        subject: this.#coding.typed ? message : body,
        timeout,
        retries,
        signal,
        decode: (answer: Message) => this.#decode(answer),
      }
      return new Promise((resolve, reject) => {
        new Call(setup, resolve as (answer: unknown) => void, reject)
      })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  send(message: S, options?: WaitOptions): Promise<void> {
    let question: Question
    try {
      if (options !== undefined) checkWait(options)
      hubOf(this).checkOpen()
      question = this.#ask(message)
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#outbox.send(question, options).catch((error: unknown) => {
      this.#lockStep.unsent(question)
      throw error
    })
  }

  trySend(message: S): boolean {
    hubOf(this).checkOpen()
    const question = this.#ask(message)
    if (this.#outbox.trySend(question)) return true
    this.#lockStep.unsent(question)
    return false
  }

  #ask(message: S): Question {
    const body = this.#coding.encode(message)
    return this.#lockStep.ask(body, this.#coding.typed ? message : body)
  }

  #decode(answer: Message): unknown {
    const { codec } = hubOf(this).options
    return codec === undefined ? answer : decodeValue(codec, answer)
  }
}

export interface Request<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Writable<S>, Readable<R> {}
sends(Request)
receives(Request)

function offer(hub: Hub, asking: Asking, distribution: Distribution, message: Message, question: Question): Verdict {
  if (asking.size >= hub.marks.outbound.messages) return NOBODY
  asking.open(question)
  let verdict: Verdict = NOBODY
  try {
    verdict = distribution.offer(message, question.subject)
  } finally {
    if (verdict !== ACCEPTED) asking.forget(question)
  }
  return verdict
}
