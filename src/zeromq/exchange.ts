// The one send and the one receive that may wait on a socket of this door, and the order that some types insist on.
// Budget of one that acts at once: no promise but the one that is returned, no closure.

import { now } from "../clock.ts"
import { ClosedError, TimeoutError, UnreachableError } from "../errors.ts"
import type { Message } from "../message.ts"
import type { Hub } from "../socket/hub.ts"
import { type Inbox, SKIP } from "../socket/inbox.ts"
import { NOBODY, type Outbox, type Verdict } from "../socket/outbox.ts"
import { DONE, laterInTurn } from "../socket/pace.ts"
import type { Request } from "../socket/reqrep/request.ts"
import { type Socket as CoreSocket, hubOf } from "../socket/socket.ts"
import { errnoError, translated } from "./errno.ts"
import { framesOf } from "./frames-of.ts"
import type { OptionValues } from "./option-values.ts"
import * as option from "./option-values.ts"
import { Pairing } from "./pairing.ts"
import type { Pin } from "./pin.ts"
import type { SocketKind } from "./socket-kind.ts"
import { Turns } from "./turns.ts"

const BUSY_WRITING = "Socket is busy writing; only one send operation may be in progress at any time"
const BUSY_READING = "Socket is busy reading; only one receive operation may be in progress at any time"

/** What sockets that strictly alternate can do, in the order that they insist on. */
type Alternating = Pick<Request, "trySend" | "send" | "tryReceive" | "receive">

/** What an exchange needs of the socket that it belongs to. */
export interface ExchangeSetup {
  readonly kind: SocketKind
  readonly values: OptionValues
  readonly pin: Pin
  /** Makes the socket of the library, if it is not there. */
  start(): CoreSocket
}

export class Exchange {
  readonly #setup: ExchangeSetup
  readonly #turns: Turns | undefined
  readonly #pairing: Pairing | undefined
  #hub: Hub | undefined
  #inbox: Inbox<unknown> | undefined
  #outbox: Outbox<unknown> | undefined
  #alternating: Alternating | undefined
  #writing = false
  #reading = false
  /** The peer that was asked has left: no answer will come, and nobody is told. */
  #orphaned = false
  readonly #hopeless: (() => void)[] = []

  constructor(setup: ExchangeSetup) {
    const { first, pairs } = setup.kind
    this.#setup = setup
    this.#turns = first && new Turns(first)
    this.#pairing = pairs ? new Pairing() : undefined
  }

  /** The socket of the library is there. */
  attach(core: CoreSocket): void {
    const { kind } = this.#setup
    const hub = hubOf(core)
    this.#hub = hub
    if (kind.sends) this.#outbox = hub.outbox
    if (kind.receives) this.#inbox = hub.inbox
    if (kind.first !== undefined) this.#alternating = core as CoreSocket & Alternating
  }

  send(owner: object, value: unknown, options: object | undefined): Promise<void> {
    if (this.#writing) throw errnoError("EBUSY", BUSY_WRITING)
    const message = framesOf(value)
    const { kind } = this.#setup
    const { length } = message
    if (options !== undefined && kind.label !== undefined) message.unshift(kind.label(options))
    if (this.#hub === undefined) this.#setup.start()
    const outbox = this.#outbox
    if (outbox === undefined) return this.#cannotSend(owner)
    if (length === 0) return DONE
    if (kind.frames !== undefined && kind.frames !== length) return Promise.reject(errnoError("EINVAL"))
    if (this.#turns !== undefined) return this.#sendInTurn(owner, this.#turns, message)
    if (this.#pairing !== undefined) return this.#sendInPairs(owner, this.#pairing, message)
    let verdict: Verdict
    try {
      verdict = outbox.attempt(message, message)
    } catch (error) {
      return this.#sendAgain(owner, message, error)
    }
    const settled = outbox.accepted(verdict)
    if (settled === DONE) return settled
    if (settled !== undefined) return this.#write(owner, settled)
    const timeout = this.#setup.values.number(option.SEND_TIMEOUT)
    if (timeout === 0 || (kind.impatient && this.writable)) return Promise.reject(errnoError("EAGAIN"))
    return this.#write(owner, outbox.wait(message, message, verdict, timeout))
  }

  receive(owner: object): Promise<Message> {
    if (this.#reading) throw errnoError("EBUSY", BUSY_READING)
    if (this.#hub === undefined) this.#setup.start()
    const inbox = this.#inbox
    if (inbox === undefined) return this.#read(owner, this.#never("ENOTSUP"))
    if (this.#turns !== undefined) return this.#receiveInTurn(owner, this.#turns)
    const message = inbox.take()
    if (message !== SKIP) {
      return inbox.pace.spent() ? this.#read(owner, laterInTurn(message)) : Promise.resolve(message as Message)
    }
    const timeout = this.#setup.values.number(option.RECEIVE_TIMEOUT)
    if (timeout === 0) return Promise.reject(errnoError("EAGAIN"))
    return this.#read(owner, inbox.receive({ timeout }))
  }

  /** For iterators: the message that a receive would resolve to at once; SKIP when there is none. */
  takeNow(): unknown {
    const inbox = this.#inbox
    if (inbox === undefined || this.#reading || this.#turns !== undefined || inbox.pace.spent()) return SKIP
    return inbox.take()
  }

  get readable(): boolean {
    if (this.#turns !== undefined && this.#turns.now !== "receive") return false
    return this.#inbox?.ready ?? false
  }

  get writable(): boolean {
    const { kind, values } = this.#setup
    if (kind.writable && !kind.insists?.(values)) return true
    if (this.#turns !== undefined && !this.#maySend(this.#turns)) return false
    return this.#outbox?.ready ?? false
  }

  /** What can be done now, in the bits of libzmq: 1 to receive, 2 to send. */
  get events(): number {
    return (this.readable ? 1 : 0) | (this.writable ? 2 : 0)
  }

  /** The socket is closed: those that wait have waited in vain. What the library waits for it refuses itself. */
  end(): void {
    this.#turns?.end()
    for (const give of this.#hopeless.splice(0)) give()
  }

  // ── lock step ──────────────────────────────────────────────────────────────────────────────────────────────────

  #maySend(turns: Turns): boolean {
    return turns.now === "send" || this.#setup.values.flag(option.RELAXED)
  }

  #sendInTurn(owner: object, turns: Turns, message: Message): Promise<void> {
    const timeout = this.#setup.values.number(option.SEND_TIMEOUT)
    const may = this.#maySend(turns)
    try {
      if (may && this.#alternating?.trySend(message)) {
        this.#sent(turns)
        return DONE
      }
      // Who is relaxed has given up the request under way all the same.
      if (may) turns.pass("send")
    } catch (error) {
      return Promise.reject(translated(error))
    }
    if (timeout === 0) return Promise.reject(errnoError(may ? "EAGAIN" : "EFSM"))
    return this.#write(owner, this.#sendInItsTurn(turns, message, timeout))
  }

  async #sendInItsTurn(turns: Turns, message: Message, timeout: number): Promise<void> {
    const left = remaining(timeout)
    if (!this.#maySend(turns) && !(await turns.wait("send", timeout))) throw errnoError("EFSM")
    await this.#alternating?.send(message, { timeout: left() })
    this.#sent(turns)
  }

  #sent(turns: Turns): void {
    this.#orphaned = false
    turns.pass("receive")
  }

  #receiveInTurn(owner: object, turns: Turns): Promise<Message> {
    try {
      const message = this.#mayReceive(turns) ? this.#alternating?.tryReceive() : undefined
      if (message !== undefined) {
        turns.pass("send")
        return Promise.resolve(message)
      }
    } catch (error) {
      if (!(error instanceof UnreachableError)) return Promise.reject(translated(error))
      this.#orphaned = true
    }
    const timeout = this.#setup.values.number(option.RECEIVE_TIMEOUT)
    if (timeout === 0) return Promise.reject(outOfTurn(turns))
    return this.#read(owner, this.#receiveInItsTurn(turns, timeout))
  }

  #mayReceive(turns: Turns): boolean {
    return turns.now === "receive" && !this.#orphaned
  }

  async #receiveInItsTurn(turns: Turns, timeout: number): Promise<unknown> {
    const left = remaining(timeout)
    for (;;) {
      if (!this.#mayReceive(turns) && !(await turns.wait("receive", left()))) throw outOfTurn(turns)
      try {
        const message = await this.#alternating?.receive({ timeout: left() })
        turns.pass("send")
        return message
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error
        this.#orphaned = true
      }
    }
  }

  /** None of them waits: one that nobody can take now ends it. */
  #sendInPairs(owner: object, pairing: Pairing, message: Message): Promise<void> {
    const outbox = this.#outbox as Outbox<unknown>
    let last = DONE
    try {
      pairing.each(message, (pair) => {
        const settled = outbox.accepted(outbox.attempt(pair, pair))
        if (settled === undefined) throw errnoError("EAGAIN")
        last = settled
      })
    } catch (error) {
      return Promise.reject(translated(error))
    }
    return last === DONE ? DONE : this.#write(owner, last)
  }

  /** Those that claim to be writable at least say at once that they are not. */
  #cannotSend(owner: object): Promise<void> {
    if (this.#setup.kind.writable) return Promise.reject(errnoError("ENOTSUP"))
    return this.#write(owner, this.#never("ENOTSUP"))
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Nobody has this address. A Router that can send to none of its peers waits until it can before it says so. */
  #sendAgain(owner: object, message: Message, error: unknown): Promise<void> {
    const timeout = this.#setup.values.number(option.SEND_TIMEOUT)
    const outbox = this.#outbox as Outbox<unknown>
    const waits = error instanceof UnreachableError && this.#setup.kind.insists !== undefined && !outbox.ready
    if (!waits || timeout === 0) return Promise.reject(translated(error))
    const sending = outbox.wait(message, message, NOBODY, timeout)
    return this.#write(
      owner,
      // Waiting changes nothing about it.
      sending.catch((later: unknown) => {
        throw later instanceof ClosedError || later instanceof TimeoutError ? error : later
      }),
    )
  }

  /** Settles when the socket is closed. */
  #never(code: string): Promise<never> {
    return new Promise((_, reject) => {
      this.#hopeless.push(() => reject(errnoError(code)))
    })
  }

  #write(owner: object, promise: Promise<unknown>): Promise<void> {
    const { pin } = this.#setup
    this.#writing = true
    pin.hold(owner)
    return promise.then(
      () => {
        this.#writing = false
        pin.release()
      },
      (error: unknown) => {
        this.#writing = false
        pin.release()
        throw inTime(error)
      },
    )
  }

  #read(owner: object, promise: Promise<unknown>): Promise<Message> {
    const { pin } = this.#setup
    this.#reading = true
    pin.hold(owner)
    return promise.then(
      (message) => {
        this.#reading = false
        pin.release()
        return message as Message
      },
      (error: unknown) => {
        this.#reading = false
        pin.release()
        throw inTime(error)
      },
    )
  }
}

/** What waited when the socket was closed is as if its time had run out. */
function inTime(error: unknown): unknown {
  return error instanceof ClosedError ? errnoError("EAGAIN") : translated(error)
}

function outOfTurn(turns: Turns): Error {
  return errnoError(turns.now === "receive" ? "EAGAIN" : "EFSM")
}

/** What is left of a timeout, whenever that is asked; -1 for ever. */
function remaining(timeout: number): () => number {
  const until = now() + timeout
  return () => (timeout < 0 ? -1 : Math.max(0, until - now()))
}
