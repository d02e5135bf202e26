// The strict form of a request (RFC 28): send, then receive, alternately.

import { CodecError, StateError } from "../../errors.ts"
import type { Message } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { Inbox } from "../inbox.ts"
import type { Asker, Asking, Question } from "./asking.ts"

export class LockStep implements Asker {
  readonly #asking: Asking
  readonly #relaxed: () => boolean
  #state: "idle" | "asked" | "answered" = "idle"
  #question: Question | undefined
  /** Why there will be no answer; the next receive is told. */
  #failure: Error | undefined
  inbox: Inbox<unknown> | undefined
  /** Takes back a question that still waits for a peer. */
  withdraw: ((question: Question, error: Error) => void) | undefined

  constructor(asking: Asking, relaxed: () => boolean) {
    this.#asking = asking
    this.#relaxed = relaxed
  }

  /** Begins a request. Throws {@link StateError} when one is under way, unless the socket is relaxed about that. */
  ask(body: Message, subject: unknown): Question {
    if (this.#state !== "idle") {
      if (!this.#relaxed()) {
        throw new StateError(
          "A Request has to receive the answer before it sends again (or use request(), or relaxed: true)",
        )
      }
      this.#abandon()
    }
    this.#failure = undefined
    this.#state = "asked"
    this.#question = this.#asking.question(body, subject, this)
    return this.#question
  }

  /** The request could not be sent: it is as if it had never been asked. */
  unsent(question: Question): void {
    if (this.#question !== question) return
    this.#question = undefined
    this.#state = "idle"
  }

  get canSend(): boolean {
    return this.#state === "idle" || this.#relaxed()
  }

  /** Whether another request, in the place of the one under way, could go to the same peer. */
  get canAskAgain(): boolean {
    return this.#question !== undefined && this.#asking.freesPeer(this.#question)
  }

  /** Whether the answer may be handed out. */
  get hasAnswer(): boolean {
    return this.#state === "answered"
  }

  /** Throws what a receive is to see that cannot be served. */
  checkReceive(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    if (this.#state === "idle") throw new StateError("A Request has to send before it can receive")
  }

  /** The answer was handed out. */
  taken(): void {
    this.#state = "idle"
  }

  /** The answer does not decode. */
  undecodable(): void {
    this.failed(new CodecError("The answer does not decode"))
  }

  answered(answer: Message, pipe: Pipe): void {
    this.#question = undefined
    this.#state = "answered"
    pipe.enqueue(answer)
    this.inbox?.reopen()
  }

  failed(error: Error): void {
    this.#question = undefined
    this.#state = "idle"
    if (!this.inbox?.refuse(error)) this.#failure = error
  }

  #abandon(): void {
    const question = this.#question
    if (question !== undefined) {
      this.#asking.forget(question)
      this.withdraw?.(question, new StateError("Another request took the place of this one (relaxed)"))
    }
    while (this.#state === "answered") if (typeof this.inbox?.take() === "symbol") break
  }
}
