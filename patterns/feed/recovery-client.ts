// Asks a publisher for what was missed, answer after answer, until all of it is there. Whatever a publisher answers,
// what comes out of here is sound or an error.

import { ProtocolError, Request, type Security, UnreachableError } from "brokerless"
import type { Interest } from "./interest.ts"
import { decodeAnswer, encodeQuestion, followUp, type Given, type Question } from "./recovery.ts"
import { type Update, unpack } from "./update.ts"

/** A part of what was asked for. */
export interface Part {
  readonly answer: Given
  readonly updates: readonly Update[]
}

/** How long to wait for one answer, in ms, and what ends all waiting. */
export interface Patience {
  readonly timeout: number
  readonly signal?: AbortSignal | undefined
}

export class RecoveryClient {
  readonly #request: Request
  /** How often a publisher came. */
  #arrivals = 0

  constructor(endpoint: string, security: Security | undefined) {
    this.#request = new Request(security === undefined ? {} : { security })
    this.#request.events.on("peer:join", () => this.#arrivals++)
    this.#request.connect(endpoint)
  }

  /**
   * All parts of the answer: changes, or a snapshot.
   *
   * @throws what `request()` of the socket throws; ProtocolError for an answer that makes no sense; UnreachableError
   * if the publisher refuses, or was lost between two parts of its changes
   */
  async *fetch(question: Question, interest: Interest, patience: Patience): AsyncGenerator<Part, void, undefined> {
    let next: Question | undefined = question
    let last: Question | undefined
    let arrivals = 0
    while (next !== undefined) {
      const part: Part = await this.#ask(next, interest, patience)
      // One that has restarted may know less than it did, and the rest of its changes would hide that.
      if (last?.kind === "changes" && part.answer.kind === "changes" && this.#arrivals !== arrivals) {
        throw new UnreachableError("The publisher was lost in the midst of its answer")
      }
      arrivals = this.#arrivals
      last = next
      next = followUp(part.answer, last)
      if (next !== undefined && !advances(last, next)) throw new ProtocolError("The publisher's answers go in a circle")
      yield part
    }
  }

  close(): Promise<void> {
    return this.#request.close({ linger: 0 })
  }

  async #ask(question: Question, interest: Interest, { timeout, signal }: Patience): Promise<Part> {
    const frames = await this.#request.request([encodeQuestion(question), interest.list], { timeout, signal })
    const [header, body] = frames
    const answer = header === undefined ? undefined : decodeAnswer(header)
    if (answer?.kind === "refused") throw new UnreachableError(`The publisher refused to answer: ${answer.reason}`)
    const updates = body === undefined || frames.length !== 2 ? undefined : unpack(body)
    if (answer === undefined || updates === undefined) throw new ProtocolError("The publisher's answer is malformed")
    return { answer, updates }
  }
}

function advances(last: Question, next: Question): boolean {
  if (last.kind === "changes" && next.kind === "changes") return next.since > last.since
  if (last.kind === "more" && next.kind === "more") return next.offset > last.offset
  // From changes to a snapshot, because the history has moved on; never back.
  return last.kind !== "more"
}
