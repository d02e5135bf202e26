// One conversation of a worker with its broker, from READY to whatever ends it: one socket, heartbeats both ways. It
// knows nothing of what the worker does; another conversation is another object, as the protocol wants it.

import { ClosedError, Dealer, type Frame, type FrameLike, type Message, type Security } from "brokerless"
import { DISCONNECT, HEARTBEAT, type Order, readOrder, readyFor } from "./commands.ts"

/** Why a conversation ended. */
export type MajordomoEndReason =
  // The broker said so.
  | "disconnect"
  // The connection ended.
  | "connection"
  // The broker was silent for too long.
  | "silent"
  // The broker sent a second request before the first was answered, and was sent DISCONNECT.
  | "unexpected"
  // A task failed and has no answer: DISCONNECT makes the broker give it to another worker.
  | "failed"
  // The worker was closed.
  | "closed"

export interface ConversationSetup {
  readonly endpoint: string
  readonly service: string
  readonly heartbeatInterval: number
  readonly liveness: number
  readonly security: Security | undefined
  /** The connection is made, and READY on its way. */
  joined(): void
  /** The broker has sent something that is no command. */
  invalid(): void
  /** The broker has sent a request. */
  request(client: Frame, body: Message): void
}

/** What one tick may be late before it judges nobody, in intervals. */
const LATE = 1.5
/** How long last words may take, in ms. */
const LINGER = 1000

export class Conversation {
  /** Resolves when it is over; never rejects. */
  readonly ended: Promise<MajordomoEndReason>
  /** Aborted when it is over, with the reason. */
  readonly signal: AbortSignal
  /** Whether the broker has said anything. */
  heard = false
  readonly #setup: ConversationSetup
  readonly #dealer: Dealer
  readonly #over = new AbortController()
  readonly #ticker: NodeJS.Timeout
  #end!: (reason: MajordomoEndReason) => void
  #connected = false
  #seen = 0
  #told = 0
  #ticked = performance.now()

  constructor(setup: ConversationSetup) {
    this.#setup = setup
    this.signal = this.#over.signal
    this.ended = new Promise((resolve) => {
      this.#end = resolve
    })
    // A worker has one request at a time: what else arrives is heartbeats.
    const dealer = new Dealer({ security: setup.security, receiveHighWaterMark: 100 })
    this.#dealer = dealer
    dealer.events.on("peer:join", () => {
      if (this.#connected || this.signal.aborted) return
      this.#connected = true
      this.#seen = performance.now()
      setup.joined()
    })
    dealer.events.on("peer:leave", () => this.end("connection"))
    dealer.connect(setup.endpoint)
    void this.send(readyFor(setup.service)).catch(() => this.end("connection"))
    this.#ticker = setInterval(() => this.#tick(), setup.heartbeatInterval).unref()
    void this.#run()
  }

  /** Sends a command; waits while the broker reads nothing. @throws MessageError, ClosedError (as rejections) */
  send(frames: readonly FrameLike[]): Promise<void> {
    this.#told = performance.now()
    return this.#dealer.send(frames)
  }

  /** Ends it; where the broker has not done so, it is told. */
  end(reason: MajordomoEndReason): void {
    if (this.signal.aborted) return
    clearInterval(this.#ticker)
    const tells = this.#connected && (reason === "unexpected" || reason === "failed" || reason === "closed")
    if (tells) this.#dealer.trySend(DISCONNECT)
    this.#over.abort(new ClosedError(`The conversation with the broker ended: ${reason}`))
    void this.#dealer.close({ linger: tells ? LINGER : 0 }).then(() => this.#end(reason))
  }

  async #run(): Promise<void> {
    try {
      for await (const frames of this.#dealer) {
        if (this.signal.aborted) return
        this.#seen = performance.now()
        this.heard = true
        const order = readOrder(frames)
        if (order === undefined) this.#setup.invalid()
        else this.#obey(order)
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #obey(order: Order): void {
    if (order.kind === "disconnect") this.end("disconnect")
    else if (order.kind === "request") this.#setup.request(order.client, order.body)
  }

  #tick(): void {
    const now = performance.now()
    const { heartbeatInterval, liveness } = this.#setup
    const before = this.#ticked
    this.#ticked = now
    // While nobody is there to listen, the socket goes on trying by itself.
    if (!this.#connected) return
    const patience = heartbeatInterval * liveness
    // A late timer has not let the event loop read what is there, so it judges nobody, nor does the next one.
    const late = now - before > heartbeatInterval * LATE
    if (late) this.#seen = Math.max(this.#seen, now - patience / 2)
    if (now - this.#seen > patience) this.end("silent")
    else if (this.#told <= before) {
      this.#told = now
      this.#dealer.trySend(HEARTBEAT)
    }
  }
}
