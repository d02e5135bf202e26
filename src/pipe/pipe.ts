// One peer as its socket sees it: two bounded queues, and whether the peer is there. The socket's face (push, pop) and
// the session's face (take, deliver) meet here; neither knows what is behind the other.
//
//            socket                                        session, or the other end of a join
//   push ─▶ [ outbound ] ─▶ outbound.shift      ◀── link.flush, link.subscribe, link.end
//   pop  ◀─ [ inbound  ] ◀─ deliver             ◀── link.resume
//
// A pipe lives as long as its connection. An endpoint that reconnects gets a new pipe, and the socket decides what
// becomes of the messages the old one had not sent.

import type { Bytes } from "../bytes.ts"
import { nextTurn } from "../clock.ts"
import type { MessagingError } from "../errors.ts"
import type { Message } from "../message.ts"
import type { Peer } from "../peer.ts"
import type { Seat } from "../roster.ts"
import type { SubscriptionKind } from "../subscription.ts"
import type { Budget } from "./budget.ts"
import { type Marks, MessageQueue } from "./queue.ts"
import { HELD, LEADS } from "./turns.ts"

/** What a peer may say of them in a turn of the event loop; they take 0.2 ms. */
const SUBSCRIPTIONS_A_TURN = 128

/** What the pipe asks of whatever carries its messages. */
export interface Link {
  /** Tries to hand the message over without queueing it; only asked while the outbound queue is empty. */
  pass(message: Message): boolean
  /** There is something in the outbound queue; it leaves at the end of the tick, or at once when `urgent`. */
  flush(urgent: boolean): void
  /** The inbound queue has room again. */
  resume(): void
  /** Sends a subscription or its end, whatever the marks say. */
  subscribe(kind: SubscriptionKind, topic: Bytes): void
  /** Reads nothing more from the peer than what has already arrived. */
  halt(): void
  /** Sends what is queued, then ends the connection in good order. */
  finish(): void
  /** Ends the connection; what is queued is no longer of interest to the socket. */
  end(reason?: MessagingError): void
  /** Only of what carries datagrams to whoever listens: throws a MessageError for a message that is too large. */
  check?(message: Message): void
  /** Resolves when nothing of the connection is left open. */
  readonly done: Promise<void>
}

/** The options that say how much queues may hold, but for those of which `pipeFull` tells. */
export type QueueLimit = "receiveHighWaterMark" | "receiveHighWaterMarkBytes" | "maxBufferedBytes"

/** What the socket is told by its pipes. */
export interface PipeOwner {
  /** The inbound queue was empty and is not any more. */
  pipeReadable(pipe: Pipe): void
  /** The outbound queue was full and has room again. */
  pipeWritable(pipe: Pipe): void
  /** The outbound queue has just reached its mark. */
  pipeFull(pipe: Pipe): void
  /** One of the limits that hold both sides up was met: the inbound marks, or the octets of all queues together. */
  pipeLimited(pipe: Pipe, limit: QueueLimit): void
  /** The peer subscribed or cancelled. */
  pipeSubscribed(pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void
  /** Looks at what arrives before it is queued: `false` means that the socket has dealt with it. */
  readonly intake: ((pipe: Pipe, message: Message) => boolean) | undefined
}

/** Where on the way a pipe is. */
// waiting: the peer is still to come; leaving: what is queued is sent, and nothing more is taken.
export type PipeState = "waiting" | "ready" | "leaving" | "gone"

/** Everything a pipe needs that is the same for all pipes of a socket. */
export interface PipeSetup {
  readonly owner: PipeOwner
  readonly outbound: Marks
  readonly inbound: Marks
  readonly budget: Budget
  /** Messages that may be unproven per peer; 0 when nobody asks. */
  readonly window: number
  /** Requests that may be unanswered per peer. */
  readonly maxOutstanding: number
}

/** Octets charged in the outbound queue from which a flush does not wait for the end of the tick. */
const URGENT_BYTES = 128 * 1024

export class Pipe {
  readonly owner: PipeOwner
  /** The endpoint as given to bind or connect. */
  readonly endpoint: string
  /** Made by `connect`: the endpoint is tried again when the peer is lost. */
  readonly connecting: boolean
  readonly outbound: MessageQueue
  readonly inbound: MessageQueue
  state: PipeState = "waiting"
  /** The peer behind it, once the handshake is complete. */
  peer: Peer | undefined
  link: Link | undefined
  /** Where it sits among the pipes of its socket whose peer is there. */
  seat: Seat<Pipe> | undefined
  /** The name a Router knows this peer by before the peer said anything (`connect(…, { routingId })`). */
  presetRoutingId: Bytes | undefined
  /** The pipe of the same endpoint before the connection was made anew, while that still has unread messages. */
  predecessor: Pipe | undefined
  successor: Pipe | undefined
  /** In which rotations this pipe has a place; bits belong to routing. */
  turns = 0
  /** Messages on their way to the peer's engine, as far as is known; kept only where the socket balances by load. */
  unproven = 0
  /** How many messages may be unproven; 0 when nobody asks. Routing may adjust it. */
  window: number
  /** Requests asked of this peer and not answered. */
  outstanding = 0
  readonly #maxOutstanding: number
  readonly #budget: Budget
  readonly #resume = (): void => {
    if (!this.#stalled) return
    this.#stalled = false
    this.#noticed = this.#watcher !== undefined
    this.link?.resume()
  }
  readonly #relieve = (): void => this.relieve()
  #full = false
  #slow = false
  #stalled = false
  #subscriptions = 0
  #resting = false
  #watcher: (() => void) | undefined
  /** Whether taking a message is of interest to anybody: it has made room, or somebody counts. */
  #noticed = false

  constructor(setup: PipeSetup, endpoint: string, connecting: boolean) {
    this.owner = setup.owner
    this.endpoint = endpoint
    this.connecting = connecting
    this.outbound = new MessageQueue(setup.outbound, setup.budget)
    this.inbound = new MessageQueue(setup.inbound, setup.budget)
    this.window = setup.window
    this.#maxOutstanding = setup.maxOutstanding
    this.#budget = setup.budget
  }

  /** Comes after `pipe`: what that one has received is read first, so that messages of one peer keep their order. */
  follow(pipe: Pipe): void {
    const last = pipe.inbound.length > 0 ? pipe : pipe.predecessor
    if (last === undefined) return
    last.successor = this
    last.turns |= LEADS
    this.predecessor = last
    this.turns |= HELD
  }

  // ── the socket's face ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Whether the outbound queue takes another message. After a "no" it stays "no" until the queue has emptied enough to
   * be worth a wake-up, and then `pipeWritable` takes it back: so those who wait come first.
   */
  get hasRoom(): boolean {
    if (this.#full || this.state === "gone" || this.state === "leaving") return false
    if (this.outbound.hasRoom && this.#withinWindow) return true
    this.#full = true
    if (this.#budget.exhausted) {
      this.#budget.await(this.#relieve)
      this.owner.pipeLimited(this, "maxBufferedBytes")
    }
    return false
  }

  /** Whether {@link hasRoom} has said "no" and that was not taken back yet. */
  get full(): boolean {
    return this.#full
  }

  /** Queues a message for the peer, whether there is room or not. */
  push(message: Message): void {
    const outbound = this.outbound
    const link = this.link
    if (link !== undefined && outbound.length === 0 && link.pass(message)) return
    outbound.push(message)
    link?.flush(outbound.bytes >= URGENT_BYTES || outbound.length >= outbound.marks.messages)
    if (!this.#slow && this.state === "ready" && outbound.atMark) {
      this.#slow = true
      this.owner.pipeFull(this)
    }
  }

  /** Puts a message in the place of the one that waits, if one does (`conflate`); whether one did. */
  pushNewest(message: Message): boolean {
    if (this.outbound.length === 0) {
      this.push(message)
      return false
    }
    this.outbound.replace(0, message)
    return true
  }

  /** The next message from the peer. */
  pop(): Message | undefined {
    const message = this.inbound.shift()
    if (this.#noticed) this.#notice()
    return message
  }

  #notice(): void {
    this.#watcher?.()
    if (!this.#stalled) return
    if (this.inbound.relieved) this.#resume()
    else if (this.#budget.exhausted) this.#budget.await(this.#resume)
  }

  // ── the session's face ─────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Hands a message of the peer to the socket. Returns whether it takes more: after `false` nothing more is delivered
   * until `link.resume`.
   */
  deliver(message: Message): boolean {
    const intake = this.owner.intake
    if (intake === undefined || intake(this, message)) this.enqueue(message)
    return this.wantsMore
  }

  /** Puts a message where `pop` finds it, without asking the socket. */
  enqueue(message: Message): void {
    const inbound = this.inbound
    inbound.push(message)
    if (inbound.length === 1) this.owner.pipeReadable(this)
  }

  /**
   * The peer has said another subscription. Each costs more than a message, and one read may bring ten thousand; so
   * after some of them the rest waits for the next turn of the event loop, and everybody else gets this one.
   */
  subscribed(): void {
    if (++this.#subscriptions % SUBSCRIPTIONS_A_TURN > 0 || this.#resting) return
    this.#resting = true
    nextTurn(() => {
      this.#resting = false
      if (!this.#stalled) this.link?.resume()
    })
  }

  /** Its connection brings and takes nothing more. Messages may wait here for long, and it need not wait with them. */
  cutOff(): void {
    this.link = undefined
    this.#budget.forgo(this.#resume)
    this.#budget.forgo(this.#relieve)
  }

  /** Calls `watcher` whenever the socket has taken a message out of the inbound queue. */
  watch(watcher: () => void): void {
    this.#watcher = watcher
    this.#noticed = true
  }

  /** Whether the inbound queue takes another message now; a "no" is followed by `link.resume`. */
  get wantsMore(): boolean {
    if (this.#resting) return false
    // Each of ever new peers could leave the one message that an empty queue always takes.
    if (this.inbound.hasRoom && !this.#budget.clogged) return true
    if (!this.#stalled) {
      this.#stalled = true
      this.#noticed = true
      this.owner.pipeLimited(this, this.#inboundLimit)
    }
    if (this.#budget.exhausted) this.#budget.await(this.#resume)
    return false
  }

  get #inboundLimit(): QueueLimit {
    if (this.#budget.exhausted) return "maxBufferedBytes"
    const { bytes, marks } = this.inbound
    return bytes >= marks.bytes ? "receiveHighWaterMarkBytes" : "receiveHighWaterMark"
  }

  get #withinWindow(): boolean {
    return (
      (this.window === 0 || this.unproven + this.outbound.length < this.window) &&
      this.outstanding < this.#maxOutstanding
    )
  }

  /** The session has taken messages out of the outbound queue, or learned that the peer has read some. */
  relieve(): void {
    const outbound = this.outbound
    if (this.#slow && outbound.halfEmpty) this.#slow = false
    if (!this.#full) return
    if (!outbound.relieved) {
      if (this.#budget.exhausted) this.#budget.await(this.#relieve)
      return
    }
    if (!this.#withinWindow) return
    this.#full = false
    if (this.state !== "gone") this.owner.pipeWritable(this)
  }
}
