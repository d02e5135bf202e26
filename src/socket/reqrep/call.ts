// One call of `request()`: its attempts, each with its own time, until an answer comes or nothing is left to try.

import { afterHolding, cancel, type Timer } from "../../clock.ts"
import { AbortError, ClosedError, TimeoutError } from "../../errors.ts"
import type { Message } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { onAbort } from "../aborts.ts"
import type { Outbox } from "../outbox.ts"
import type { WaitOptions } from "../waiting.ts"
import type { Asker, Asking, Question } from "./asking.ts"

/** How long to wait for an answer, and how often to ask. */
export interface RequestCallOptions extends WaitOptions {
  /** Milliseconds per attempt, -1 for ever. Default: the option `receiveTimeout`. */
  readonly timeout?: number | undefined
  /** Bounds all attempts together. */
  readonly signal?: AbortSignal | undefined
  /** Further attempts after the first has failed. Default 0. */
  readonly retries?: number | undefined
}

export interface CallSetup {
  readonly asking: Asking
  readonly outbox: Outbox<Question>
  readonly body: Message
  readonly subject: unknown
  readonly timeout: number
  readonly retries: number
  readonly signal: AbortSignal | undefined
  /** Turns the answer into what the application gets. May throw. */
  decode(answer: Message, pipe: Pipe): unknown
}

export class Call implements Asker {
  readonly #setup: CallSetup
  readonly #resolve: (answer: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #aborted = (): void => this.#end(new AbortError(this.#setup.signal?.reason))
  #retries: number
  #question: Question | undefined
  #timer: Timer | undefined
  #over = false
  /** Takes back what was asked of the signal. */
  #release: (() => void) | undefined

  constructor(setup: CallSetup, resolve: (answer: unknown) => void, reject: (error: unknown) => void) {
    this.#setup = setup
    this.#resolve = resolve
    this.#reject = reject
    this.#retries = setup.retries
    if (setup.signal !== undefined) this.#release = onAbort(setup.signal, this.#aborted)
    this.#attempt()
  }

  answered(answer: Message, pipe: Pipe): void {
    try {
      const value = this.#setup.decode(answer, pipe)
      this.#settle()
      this.#resolve(value)
    } catch (error) {
      this.#end(error)
    }
  }

  /** The peer left, or the socket was closed. */
  failed(error: Error): void {
    this.#question = undefined
    if (error instanceof ClosedError || this.#retries === 0) this.#end(error)
    else this.#retry()
  }

  #attempt(): void {
    const { asking, outbox, body, subject, timeout, signal } = this.#setup
    const question = asking.question(body, subject, this)
    this.#question = question
    if (timeout >= 0) this.#timer = afterHolding(timeout, () => this.#timedOut())
    outbox.send(question, signal === undefined ? FOR_EVER : { timeout: -1, signal }).catch((error: unknown) => {
      if (!(error instanceof AbortError)) this.#end(error)
    })
  }

  #timedOut(): void {
    if (this.#retries > 0) this.#retry()
    else this.#end(new TimeoutError(`No answer came within ${this.#setup.timeout} ms`))
  }

  #retry(): void {
    this.#retries--
    this.#forget()
    this.#attempt()
  }

  #end(error: unknown): void {
    if (this.#over) return
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.#over = true
    this.#forget()
    this.#release?.()
  }

  /** The present attempt counts no more, wherever it is. */
  #forget(): void {
    cancel(this.#timer)
    this.#timer = undefined
    const question = this.#question
    this.#question = undefined
    if (question === undefined) return
    const { asking, outbox } = this.#setup
    if (asking.isOpen(question)) {
      asking.forget(question)
      // It counted against the mark; whoever waits may take its place.
      outbox.serve()
    } else {
      outbox.withdraw(question)
    }
  }
}

const FOR_EVER: WaitOptions = { timeout: -1 }
