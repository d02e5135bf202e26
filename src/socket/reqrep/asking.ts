// Questions and their answers (RFC 28), any number in flight: which was given to which peer, and who waits for it. The
// lock-step pair of send and receive is one question among them.
//
//   with `correlate`: [id] [] body…   answers are matched by the id      without: [] body…   by the order of a peer

import { allocate, EMPTY } from "../../bytes.ts"
import { random } from "../../clock.ts"
import { ClosedError, UnreachableError } from "../../errors.ts"
import type { Frame, Message } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { Register } from "../../register.ts"
import { Roster, type Seat } from "../../roster.ts"
import type { Hub } from "../hub.ts"

/** Who asks, and how it is told of the outcome: exactly one of the two, once. */
export interface Asker {
  /** The answer, without its envelope. */
  answered(answer: Message, pipe: Pipe): void
  failed(error: Error): void
}

/** One attempt at getting an answer. */
export interface Question {
  readonly asker: Asker
  /** What the application gave, for the balancer. */
  readonly subject: unknown
  /** What travels: the envelope, then the body. */
  readonly message: Message
  readonly id: number
  /** The peer that has it, once it is in that peer's queue, and its place among those that this peer was given. */
  pipe: Pipe | undefined
  seat: Seat<Question> | undefined
}

export class Asking {
  readonly #hub: Hub
  readonly #correlate: boolean
  readonly #open = new Register<number, Question>()
  readonly #byMessage = new WeakMap<Message, Question>()
  /** Of each peer, in the order in which it was given them. */
  readonly #given = new Map<Pipe, Roster<Question>>()
  #count = Math.floor(random() * 0x1_0000_0000)

  constructor(hub: Hub) {
    this.#hub = hub
    this.#correlate = hub.options.correlate
  }

  /** Questions that wait for an answer. */
  get size(): number {
    return this.#open.size
  }

  /** A question to be opened and sent. */
  question(body: Message, subject: unknown, asker: Asker): Question {
    const id = this.#count
    this.#count = (this.#count + 1) >>> 0
    const message = this.#correlate ? [idFrame(id), EMPTY, ...body] : [EMPTY, ...body]
    return { asker, subject, message, id, pipe: undefined, seat: undefined }
  }

  /** An answer is waited for from now on. */
  open(question: Question): void {
    this.#open.set(question.id, question)
    if (!this.#correlate) this.#byMessage.set(question.message, question)
  }

  isOpen(question: Question): boolean {
    return this.#open.has(question.id)
  }

  /** Nobody waits for the answer any more. */
  forget(question: Question): void {
    if (!this.#open.delete(question.id)) return
    // Without ids the answer that may still come must not be taken for that of the next question.
    if (!this.#correlate && !this.#forgetful) return
    this.#byMessage.delete(question.message)
    this.#takeFromPeer(question)
  }

  /** Whether its peer could be asked again once nobody waits for its answer any more. */
  freesPeer({ pipe }: Question): boolean {
    return this.#forgetful && pipe !== undefined && pipe.state !== "leaving" && pipe.outbound.hasRoom
  }

  get #forgetful(): boolean {
    return this.#hub.options.relaxed === "forgetful"
  }

  /** A message was put into a peer's queue, or into nobody's; it happens again when that peer is lost. */
  placed(message: Message, pipe: Pipe | undefined): void {
    const question = this.#correlate
      ? this.#open.get((message[0] as Frame).readUInt32BE(0))
      : this.#byMessage.get(message)
    if (question === undefined) return
    this.#takeFromPeer(question)
    question.pipe = pipe
    if (pipe === undefined) return
    pipe.outstanding++
    let given = this.#given.get(pipe)
    if (given === undefined) {
      given = new Roster()
      this.#given.set(pipe, given)
    }
    question.seat = given.add(question)
  }

  /** An answer, or what a peer takes for one. */
  heard(pipe: Pipe, message: Message): void {
    const question = this.#match(pipe, message)
    if (question === undefined || !this.#open.delete(question.id)) {
      if (question !== undefined) this.#takeFromPeer(question)
      this.#hub.dropped("unexpected", 1, pipe)
      return
    }
    this.#takeFromPeer(question)
    message.splice(0, this.#correlate ? 2 : 1)
    question.asker.answered(message, pipe)
  }

  /** A peer has left. What it had not been sent is with others by now; the rest will not be answered. */
  left(pipe: Pipe): void {
    const lost = this.#given.get(pipe)
    if (lost === undefined) return
    this.#given.delete(pipe)
    for (const question of lost) {
      question.pipe = question.seat = undefined
      if (!this.#open.delete(question.id)) continue
      question.asker.failed(new UnreachableError("The peer that was asked left before it answered"))
    }
  }

  closed(): void {
    for (const question of [...this.#open.values()]) {
      this.#open.delete(question.id)
      question.asker.failed(new ClosedError("The socket was closed before the answer came"))
    }
  }

  /** The question that this is the answer to: the answer has to come from the very peer that was asked. */
  #match(pipe: Pipe, message: Message): Question | undefined {
    const first = message[0] as Frame
    if (this.#correlate) {
      if (first.length !== 4 || message.length < 3 || message[1]?.length !== 0) return undefined
      const question = this.#open.get(first.readUInt32BE(0))
      return question?.pipe === pipe ? question : undefined
    }
    if (first.length !== 0 || message.length < 2) return undefined
    return this.#given.get(pipe)?.first
  }

  #takeFromPeer(question: Question): void {
    const { pipe, seat } = question
    if (pipe === undefined || seat === undefined) return
    question.pipe = question.seat = undefined
    this.#given.get(pipe)?.remove(seat)
    pipe.outstanding--
    pipe.relieve()
  }
}

function idFrame(id: number): Frame {
  const frame = allocate(4)
  frame.writeUInt32BE(id, 0)
  return frame
}
