// The sending half of a socket. Three cases and no fourth: a peer can take the message — it gets it; there is room to
// queue it — it is queued; otherwise the caller waits, cancellably, in order.
// Budget of a send that acts at once: no closure, no promise of its own.

import { ClosedError } from "../errors.ts"
import type { Message } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { DONE, inNextTurn, inRestingTurn, Pace } from "./pace.ts"
import { type Count, checkWait, type Waiter, WaitingLine, type WaitOptions } from "./waiting.ts"

/** The message has been taken. */
export const ACCEPTED = 0
/** As above, and the sender should let the event loop turn before it goes on. */
export const ACCEPTED_SLOWLY = 1
/** As above, and that turn may wait a moment for I/O. */
export const ACCEPTED_RESTING = 2
/** Nobody can take it now. */
export const NOBODY = 3

/** What became of an offer; a pipe means that the message has to wait for that one and no other. */
export type Verdict = typeof ACCEPTED | typeof ACCEPTED_SLOWLY | typeof ACCEPTED_RESTING | typeof NOBODY | Pipe

function isAccepted(verdict: Verdict): boolean {
  return verdict === ACCEPTED || verdict === ACCEPTED_SLOWLY || verdict === ACCEPTED_RESTING
}

export interface OutboxSetup<S> {
  /** Turns what the application gave into a message. Throws what the caller is to see. */
  encode(value: S): Message
  /** Hands the message on, or says who is to be waited for. May throw what the caller is to see. */
  offer(message: Message, subject: unknown): Verdict
  /** Whether `offer` would take a message, as far as that can be told without one. */
  ready(): boolean
  /** The socket's own `sendTimeout`. */
  readonly timeout: number
}

interface Parcel {
  readonly message: Message
  readonly subject: unknown
}

type Line = WaitingLine<Parcel, void>

export class Outbox<S> {
  readonly pace: Pace = new Pace()
  readonly #setup: OutboxSetup<S>
  readonly #count: Count = { waiting: 0 }
  /** Those who wait for whoever comes, and those who wait for one peer. */
  readonly #anybody: Line = new WaitingLine(this.#count)
  readonly #lines = new Map<Pipe, Line>()
  #closed = false
  #serving = false
  /** Peers with room that are still to be served. */
  readonly #next = new Set<Pipe>()

  constructor(setup: OutboxSetup<S>) {
    this.#setup = setup
  }

  get closed(): boolean {
    return this.#closed
  }

  get ready(): boolean {
    return !this.#closed && this.#anybody.length === 0 && this.#setup.ready()
  }

  send(value: S, options: WaitOptions | undefined): Promise<void> {
    try {
      if (options !== undefined) checkWait(options)
      if (this.#closed) throw new ClosedError("The socket is closed")
      const message = this.#setup.encode(value)
      const verdict = this.attempt(message, value)
      const settled = this.accepted(verdict)
      if (settled !== undefined) return settled
      const timeout = options?.timeout ?? this.#setup.timeout
      const parcel = { message, subject: value }
      return this.#lineOf(verdict).wait(parcel, timeout, options?.signal, "No peer could take the message")
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Offers a message that is frames already; nobody waits for what becomes of it. */
  attempt(message: Message, subject: unknown): Verdict {
    // Whoever comes later waits behind those who wait for anybody; a line for one peer is judged by that peer's room.
    if (this.#count.waiting > 0 && this.#anybody.length > 0) return NOBODY
    return this.#setup.offer(message, subject)
  }

  /** What the sender of an accepted message is to wait for; undefined if it was not accepted. */
  accepted(verdict: Verdict): Promise<void> | undefined {
    if (verdict === ACCEPTED) return this.pace.spent() ? inNextTurn() : DONE
    if (verdict === ACCEPTED_SLOWLY) return inNextTurn()
    return verdict === ACCEPTED_RESTING ? inRestingTurn() : undefined
  }

  /** Waits with a message that {@link Outbox.attempt} could not place. */
  wait(message: Message, subject: unknown, verdict: Verdict, timeout: number): Promise<void> {
    return this.#lineOf(verdict).wait({ message, subject }, timeout, undefined, "No peer could take the message")
  }

  trySend(value: S): boolean {
    if (this.#closed) throw new ClosedError("The socket is closed")
    const verdict = this.attempt(this.#setup.encode(value), value)
    return isAccepted(verdict)
  }

  /** Somebody can take messages again: `pipe`, or whoever it is when undefined. Serves those who wait, in order. */
  serve(pipe?: Pipe): void {
    if (this.#count.waiting === 0) return
    if (this.#serving) {
      // Serving one can make room for another; those who wait for anybody are served at the end anyway.
      if (pipe !== undefined) this.#next.add(pipe)
      return
    }
    this.#serving = true
    try {
      if (pipe !== undefined) this.#serveOwn(pipe)
      this.#serveLine(this.#anybody)
      for (const other of this.#next) {
        this.#next.delete(other)
        this.#serveOwn(other)
        this.#serveLine(this.#anybody)
      }
    } finally {
      this.#next.clear()
      this.#serving = false
    }
  }

  /** A message that waits is not to be sent any more; its caller is told `error`, if there is one, and else nothing. */
  withdraw(subject: unknown, error?: Error): void {
    if (this.#count.waiting === 0) return
    for (const line of [this.#anybody, ...this.#lines.values()]) {
      for (const waiter of line) {
        if (waiter.item.subject !== subject) continue
        if (error === undefined) line.settle(waiter, undefined)
        else line.fail(waiter, error)
      }
    }
  }

  /** A peer is gone: those who waited for it are tried anew, in order. */
  forget(pipe: Pipe): void {
    const line = this.#lines.get(pipe)
    if (line === undefined) return
    this.#lines.delete(pipe)
    for (const waiter of [...line]) this.#retry(line, waiter)
  }

  /** Those who wait are refused, and whoever comes. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const error = (): Error => new ClosedError("The socket was closed before the message could be sent")
    this.#anybody.failAll(error)
    for (const line of this.#lines.values()) line.failAll(error)
    this.#lines.clear()
  }

  #lineOf(verdict: Verdict): Line {
    if (typeof verdict !== "object") return this.#anybody
    let line = this.#lines.get(verdict)
    if (line === undefined) {
      line = new WaitingLine(this.#count)
      this.#lines.set(verdict, line)
    }
    return line
  }

  /** Those who wait for this peer and no other. */
  #serveOwn(pipe: Pipe): void {
    const line = this.#lines.get(pipe)
    if (line !== undefined && this.#serveLine(line)) this.#lines.delete(pipe)
  }

  /** True when nobody is left in the line. */
  #serveLine(line: Line): boolean {
    for (let waiter = line.first(); waiter !== undefined; waiter = line.first()) {
      if (!this.#retry(line, waiter)) return false
    }
    return true
  }

  /** Offers a waiting message again; false when it has to go on waiting in this very line. */
  #retry(line: Line, waiter: Waiter<Parcel, void>): boolean {
    let verdict: Verdict
    try {
      verdict = this.#setup.offer(waiter.item.message, waiter.item.subject)
    } catch (error) {
      line.fail(waiter, error)
      return true
    }
    if (isAccepted(verdict)) {
      line.settle(waiter, undefined)
      return true
    }
    const other = this.#lineOf(verdict)
    if (other === line) return false
    line.move(waiter, other)
    return true
  }
}
