// A bounded queue of whole messages, each with what it was charged when it came in.
//
// Same drawing and invariant as ring.ts, with a second row of slots for the charges. The charge is remembered because
// memory can be taken away from a frame while it waits (a transferred ArrayBuffer), and accounts must still balance.
// Budget per message: two array stores, no object.

import { chargeOf, FRAME_CHARGE, type Frame, type Message } from "../message.ts"
import type { Budget } from "./budget.ts"

/** What is kept of a peer that has left, for as long as messages of its wait to be read, bytes. */
const LEFT_CHARGE = 2048

const FIRST_CAPACITY = 16
const COUNTER_LIMIT = 2 ** 30

/**
 * How much a queue may hold. `messages` may be Infinity; a queue below both marks takes one more of any size. An empty
 * one takes a message even where the budget of its socket is exhausted: otherwise what fills the budget one way could
 * keep out the very messages the other way that would empty it. A socket may set other marks while queues are in use:
 * they are asked for every time.
 */
export interface Marks {
  readonly messages: number
  readonly bytes: number
}

export class MessageQueue {
  readonly marks: Marks
  /** Octets charged. */
  bytes = 0
  readonly #budget: Budget
  #leftBehind = false
  #messages: (Message | undefined)[] = []
  #charges: number[] = []
  #mask = -1
  #head = 0
  #tail = 0
  /** The position of slot 0, so that growing moves slots and no position. */
  #origin = 0

  constructor(marks: Marks, budget: Budget) {
    this.marks = marks
    this.#budget = budget
  }

  /** Once full, a queue counts as having room again when it holds no more than this. */
  get lowMark(): number {
    const { messages } = this.marks
    // A wake-up for every single message would cost more than the message; small queues need the precision.
    return messages > 16 ? Math.floor(messages / 2) : messages - 1
  }

  get length(): number {
    return this.#tail - this.#head
  }

  get hasRoom(): boolean {
    return (
      this.#tail - this.#head < this.marks.messages &&
      this.bytes < this.marks.bytes &&
      (this.#budget.bytes < this.#budget.limit || this.#tail === this.#head)
    )
  }

  /** Whether it holds as much as its own marks allow. */
  get atMark(): boolean {
    return this.#tail - this.#head >= this.marks.messages || this.bytes >= this.marks.bytes
  }

  /** Whether it holds at most half of that. */
  get halfEmpty(): boolean {
    return (this.#tail - this.#head) * 2 <= this.marks.messages && this.bytes * 2 <= this.marks.bytes
  }

  /** Whether a queue that was full has emptied enough to be worth a wake-up. */
  get relieved(): boolean {
    return (
      this.#tail - this.#head <= this.lowMark &&
      this.bytes <= this.marks.bytes / 2 &&
      (this.#budget.bytes < this.#budget.limit || this.#tail === this.#head)
    )
  }

  /** Adds whether there is room or not: whether to ask first is the caller's affair. */
  push(message: Message): void {
    const charge = message.length === 1 ? (message[0] as Frame).length + FRAME_CHARGE : chargeOf(message)
    if (this.#tail - this.#head > this.#mask) this.#grow()
    const slot = this.#tail++ & this.#mask
    this.#messages[slot] = message
    this.#charges[slot] = charge
    this.bytes += charge
    this.#budget.bytes += charge
    if (this.#leftBehind) this.#budget.leftBehind += charge
  }

  /** The peer has left: what waits is charged with what has to be kept of it, and counts as left behind. */
  leaveBehind(): void {
    if (this.#leftBehind || this.#head === this.#tail) return
    const last = (this.#tail - 1) & this.#mask
    this.#charges[last] = (this.#charges[last] as number) + LEFT_CHARGE
    this.bytes += LEFT_CHARGE
    this.#budget.bytes += LEFT_CHARGE
    this.#budget.leftBehind += this.bytes
    this.#leftBehind = true
  }

  shift(): Message | undefined {
    if (this.#head === this.#tail) return undefined
    const slot = this.#head++ & this.#mask
    const message = this.#messages[slot]
    this.#messages[slot] = undefined
    const charge = this.#charges[slot] as number
    this.bytes -= charge
    this.#release(charge)
    if (this.#head === this.#tail && this.#head > COUNTER_LIMIT) this.#rewind(0)
    return message
  }

  /** How many messages have left the queue: the first has this position. */
  get position(): number {
    return this.#origin + this.#head
  }

  /** The n-th message from the front, without taking it. */
  at(n: number): Message | undefined {
    return n < this.#tail - this.#head ? this.#messages[(this.#head + n) & this.#mask] : undefined
  }

  /** What the first message was charged; compare with what it weighs now to see whether its memory is still there. */
  get headCharge(): number {
    return this.#charges[this.#head & this.#mask] as number
  }

  /** Puts `message` in the place of the n-th from the front. */
  replace(n: number, message: Message): void {
    const slot = (this.#head + n) & this.#mask
    const charge = chargeOf(message)
    const difference = charge - (this.#charges[slot] as number)
    this.#messages[slot] = message
    this.#charges[slot] = charge
    this.bytes += difference
    this.#release(-difference)
  }

  /** All messages, oldest first; the queue is empty afterwards and keeps no memory. */
  drain(): Message[] {
    const all: Message[] = []
    for (let message = this.shift(); message !== undefined; message = this.shift()) all.push(message)
    this.trim()
    return all
  }

  /** Gives back the memory of an empty queue. */
  trim(): void {
    if (this.#head !== this.#tail) return
    this.#messages = []
    this.#charges = []
    this.#mask = -1
    this.#rewind(0)
  }

  #release(charge: number): void {
    if (this.#leftBehind) this.#budget.releaseLeftBehind(charge)
    else this.#budget.release(charge)
  }

  #grow(): void {
    const length = this.#tail - this.#head
    const capacity = length === 0 ? FIRST_CAPACITY : length * 2
    const messages: (Message | undefined)[] = new Array(capacity)
    const charges: number[] = new Array(capacity)
    for (let i = 0; i < capacity; i++) {
      const slot = (this.#head + i) & this.#mask
      messages[i] = i < length ? this.#messages[slot] : undefined
      charges[i] = i < length ? (this.#charges[slot] as number) : 0
    }
    this.#messages = messages
    this.#charges = charges
    this.#mask = capacity - 1
    this.#rewind(length)
  }

  /** The first message is in slot 0 from now on. */
  #rewind(length: number): void {
    this.#origin += this.#head
    this.#head = 0
    this.#tail = length
  }
}
