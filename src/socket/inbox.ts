// The receiving half of a socket: whose message is next, in fair turns, and who waits for one.
// Budget of a receive that acts at once: the promise it returns, and nothing else.

import { ClosedError } from "../errors.ts"
import type { Message } from "../message.ts"
import type { Peer } from "../peer.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { READ_TURN, Rotation, type Turns } from "../routing/rotation.ts"
import { laterInTurn, Pace } from "./pace.ts"
import { type Count, checkWait, WaitingLine, type WaitOptions } from "./waiting.ts"

/** What `decode` returns for a message that is not for the application. */
export const SKIP: unique symbol = Symbol("skip")

/** A received message, and who sent it. */
export interface Received<R> {
  /** What arrived: frames, or what the codec decoded. */
  readonly message: R
  /** Who sent it. */
  readonly peer: Peer
}

export interface InboxSetup<R> {
  /** What the application gets for a message, or SKIP. */
  decode(message: Message, pipe: Pipe): R | typeof SKIP
  /** Whether a message may be handed out now; a "no" is taken back by {@link Inbox.reopen}. */
  open?(): boolean
  /** Called before the application is given anything, or made to wait: throws what it is to see. */
  check?(): void
  /** The socket's own `receiveTimeout`. */
  readonly timeout: number
  /** Whose message is next; in fair turns, if nothing is said. */
  readonly turns?: Turns
}

/**
 * What somebody waits for: one message, one as an iterator hands it on, one with its sender, to know that there is one,
 * or as many as there are.
 */
type Want = "message" | "next" | "sender" | "look" | number

const END: IteratorReturnResult<undefined> = { value: undefined, done: true }

export class Inbox<R> {
  readonly pace: Pace = new Pace()
  readonly #setup: InboxSetup<R>
  readonly #turns: Turns
  readonly #count: Count = { waiting: 0 }
  readonly #line = new WaitingLine<Want, unknown>(this.#count)
  #closed = false
  #serving = false
  #from: Pipe | undefined
  #emptied: (() => void) | undefined

  constructor(setup: InboxSetup<R>) {
    this.#setup = setup
    this.#turns = setup.turns ?? new Rotation(READ_TURN)
  }

  /** Whether a receive would act now. Nothing is taken to find out, and nothing decoded. */
  get ready(): boolean {
    if (this.#closed || (this.#setup.open !== undefined && !this.#setup.open())) return false
    return this.#holdsMessages
  }

  tryReceive(): R | undefined {
    this.#checkOpen()
    const message = this.take()
    return message === SKIP ? undefined : message
  }

  receive(options: WaitOptions | undefined): Promise<R> {
    try {
      if (options !== undefined) checkWait(options)
      this.#checkOpen()
      const message = this.#count.waiting === 0 ? this.take() : SKIP
      if (message === SKIP) return this.#wait("message", options) as Promise<R>
      return this.pace.spent() ? laterInTurn(message) : Promise.resolve(message)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  receiveFrom(options: WaitOptions | undefined): Promise<Received<R>> {
    try {
      if (options !== undefined) checkWait(options)
      this.#checkOpen()
      const message = this.#count.waiting === 0 ? this.take() : SKIP
      if (message === SKIP) return this.#wait("sender", options) as Promise<Received<R>>
      const received = { message, peer: this.#from?.peer as Peer }
      return this.pace.spent() ? laterInTurn(received) : Promise.resolve(received)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  receiveMany(max: number, options: WaitOptions | undefined): Promise<R[]> {
    try {
      if (options !== undefined) checkWait(options)
      this.#checkOpen()
      const messages = this.#count.waiting === 0 ? this.#takeMany(max) : []
      if (messages.length === 0) return this.#wait(max, options) as Promise<R[]>
      return this.pace.spent() ? laterInTurn(messages) : Promise.resolve(messages)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Resolves when a receive would act, without taking anything. */
  look(signal: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new ClosedError("The socket is closed"))
    if (this.ready) return Promise.resolve()
    return this.#line.wait("look", -1, signal, "No message came") as Promise<void>
  }

  /** Refuses the first who waits for a message; false when nobody does. */
  refuse(error: Error): boolean {
    const waiter = this.#line.first()
    if (waiter === undefined) return false
    this.#line.fail(waiter, error)
    return true
  }

  /** Messages may be handed out again. */
  reopen(): void {
    if (this.#count.waiting > 0) this.#serve()
  }

  iterate(): AsyncIterableIterator<R, undefined> {
    return new InboxIterator<R>(this)
  }

  /** For iterators: the next message, or SKIP when there is none now. Throws what `check` throws. */
  takeNow(): R | typeof SKIP {
    this.#setup.check?.()
    return this.#count.waiting > 0 ? SKIP : this.take()
  }

  /** For iterators: the next message, however long it takes, or the end. */
  awaitNext(): Promise<IteratorResult<R, undefined>> {
    return this.#line.wait("next", -1, undefined, "No message came") as Promise<IteratorResult<R, undefined>>
  }

  /** Whether somebody waits for a message. */
  get awaited(): boolean {
    return this.#count.waiting > 0
  }

  get closed(): boolean {
    return this.#closed
  }

  /** A pipe has messages. Whoever waits is served. */
  readable(pipe: Pipe): void {
    this.#turns.enter(pipe)
    if (this.#count.waiting > 0) this.#serve()
  }

  /** Those who wait are refused, iterators end, and nothing is handed out any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const waiter of this.#line) {
      if (waiter.item === "next") this.#line.settle(waiter, END)
      else this.#line.fail(waiter, new ClosedError("The socket was closed before a message came"))
    }
    this.#emptied?.()
  }

  /** Messages that have arrived and were not handed out, those of peers that have left included. */
  get unread(): number {
    let unread = 0
    for (const pipe of this.#turns.pipes()) {
      // Those who come after a pipe have no turn of their own before that is empty.
      let next: Pipe | undefined = pipe
      while (next !== undefined && next.inbound.length > 0) {
        unread += next.inbound.length
        next = next.successor
      }
    }
    return unread
  }

  /** Throws away what nobody has read; `discarded` is told how many messages of each peer that were. */
  discard(discarded: (count: number, pipe: Pipe) => void): void {
    for (let pipe = this.#turns.head(); pipe !== undefined; pipe = this.#turns.head()) {
      let count = 0
      // Room fetches more: of a peer that has gone what came with the last octets, of one that is there too much.
      if (pipe.state === "gone") while (pipe.pop() !== undefined) count++
      else count = pipe.inbound.drain().length
      this.#turns.retire()
      if (count > 0) discarded(count, pipe)
    }
  }

  /** Resolves when all that has arrived was handed out, or nothing is handed out any more. */
  whenEmpty(): Promise<void> {
    if (this.#closed || !this.#holdsMessages) return Promise.resolve()
    return new Promise((resolve) => {
      this.#emptied = resolve
    })
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError("The socket is closed")
    this.#setup.check?.()
  }

  #wait(want: Want, options: WaitOptions | undefined): Promise<unknown> {
    // What was there did not decode, perhaps, and the caller has to be told rather than to wait.
    this.#setup.check?.()
    return this.#line.wait(want, options?.timeout ?? this.#setup.timeout, options?.signal, "No message came")
  }

  /** The next message, or SKIP when there is none now; whether the application may have it is the caller's affair. */
  take(): R | typeof SKIP {
    return this.#closed ? SKIP : this.#next()
  }

  get #holdsMessages(): boolean {
    for (let pipe = this.#turns.head(); pipe !== undefined; pipe = this.#turns.head()) {
      if (pipe.inbound.length > 0) return true
      this.#turns.retire()
    }
    return false
  }

  /** The next message in fair turns, or SKIP. */
  #next(): R | typeof SKIP {
    if (this.#setup.open !== undefined && !this.#setup.open()) return SKIP
    for (let pipe = this.#turns.head(); pipe !== undefined; pipe = this.#turns.head()) {
      const message = pipe.pop()
      if (message === undefined) {
        this.#turns.retire()
        continue
      }
      this.#turns.advance()
      const decoded = this.#setup.decode(message, pipe)
      if (this.#emptied !== undefined && !this.#holdsMessages) this.#emptied()
      if (decoded === SKIP) continue
      this.#from = pipe
      return decoded
    }
    return SKIP
  }

  #takeMany(max: number): R[] {
    const messages: R[] = []
    while (messages.length < max) {
      const message = this.take()
      if (message === SKIP) break
      messages.push(message)
    }
    return messages
  }

  /** What a caller who wants it so gets for a message. */
  #outcome(want: "message" | "next" | "sender", message: R): unknown {
    if (want === "message") return message
    return want === "next" ? { value: message, done: false } : { message, peer: this.#from?.peer as Peer }
  }

  #serve(): void {
    // Taking a message can make room, and room can bring the next: one loop at a time.
    if (this.#serving) return
    this.#serving = true
    try {
      for (let waiter = this.#line.first(); waiter !== undefined; waiter = this.#line.first()) {
        const want = waiter.item
        if (want === "look") {
          if (!this.ready) return
          this.#line.settle(waiter, undefined)
        } else if (typeof want === "number") {
          const messages = this.#takeMany(want)
          if (messages.length === 0) return
          this.#line.settle(waiter, messages)
        } else {
          const message = this.take()
          if (message === SKIP) return
          this.#line.settle(waiter, this.#outcome(want, message))
        }
      }
    } finally {
      this.#serving = false
    }
  }
}

/** Iterates over what arrives until the socket closes. Written by hand: a generator costs twice as much per message. */
class InboxIterator<R> implements AsyncIterableIterator<R, undefined> {
  readonly #inbox: Inbox<R>
  #ended = false

  constructor(inbox: Inbox<R>) {
    this.#inbox = inbox
  }

  next(): Promise<IteratorResult<R, undefined>> {
    const inbox = this.#inbox
    if (this.#ended || inbox.closed) return Promise.resolve(END)
    let value: R | typeof SKIP
    try {
      value = inbox.takeNow()
    } catch (error) {
      return Promise.reject(error)
    }
    if (value === SKIP) return inbox.awaitNext()
    const result: IteratorYieldResult<R> = { value, done: false }
    return inbox.pace.spent() ? laterInTurn(result) : Promise.resolve(result)
  }

  /** Leaving the loop leaves the socket open and loses nothing. */
  return(): Promise<IteratorReturnResult<undefined>> {
    this.#ended = true
    return Promise.resolve(END)
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
