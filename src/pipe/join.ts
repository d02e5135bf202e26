// Two pipes of one process, end to end: no octets, no session. Messages pass by reference, straight into the other
// side's inbound queue while it has room; so together they hold the marks of both sides and not one message more.
// Budget per message: one call and one queue.

import type { Bytes } from "../bytes.ts"
import type { MessagingError } from "../errors.ts"
import { chargeOf, type Message, sizeOf } from "../message.ts"
import type { Peer } from "../peer.ts"
import type { SocketStats, Stats } from "../stats.ts"
import type { SubscriptionKind } from "../subscription.ts"
import type { Link, Pipe } from "./pipe.ts"

/** What one end of a join needs of its socket. */
export interface JoinHost {
  readonly stats: SocketStats
  /** The join is over; called once. */
  left(error: Error | undefined): void
  /** A queued message lost the memory of a frame. */
  detached(): void
}

/** Where messages are counted: the socket's counters and those of its peer. */
interface Counters {
  readonly total: Stats
  readonly own: Stats
}

export class JoinEnd implements Link {
  readonly done: Promise<void>
  readonly #pipe: Pipe
  readonly #host: JoinHost
  #other: JoinEnd | undefined
  #state: "closed" | "open" | "finishing" | "over" = "closed"
  #early: { readonly kind: SubscriptionKind; readonly topic: Bytes }[] = []
  #halted = false
  /** Taking a message out makes room, and room may bring the next: it must not overtake. */
  #flushing = false
  #counters: Counters | undefined
  #resolveDone: () => void = () => {}

  constructor(pipe: Pipe, host: JoinHost) {
    this.#pipe = pipe
    this.#host = host
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
  }

  /** Puts two ends together. Nothing moves until both are opened, when both sockets know their peer. */
  static between(one: JoinEnd, two: JoinEnd): void {
    one.#other = two
    two.#other = one
  }

  open(): void {
    if (this.#state === "closed") {
      this.#state = "open"
      for (const { kind, topic } of this.#early) this.subscribe(kind, topic)
      this.#early = []
    }
    // A socket that is being closed finishes before it is open: what it has still goes to the peer it waited for. And
    // what the other side was given before this one was open has waited for that.
    this.flush()
    this.#other?.flush()
  }

  pass(message: Message): boolean {
    const other = this.#other as JoinEnd
    if (this.#state !== "open" || this.#flushing || !other.#listening || !other.#pipe.wantsMore) return false
    this.#hand(message, other)
    return true
  }

  flush(): void {
    const other = this.#other as JoinEnd
    if ((this.#state !== "open" && this.#state !== "finishing") || this.#flushing) return
    if (other.#listening) this.#handOver(other)
    // Two who part at the same time have nothing more to say to each other.
    const nothing = this.#pipe.outbound.length === 0 || other.#state === "finishing"
    if (this.#state === "finishing" && other.#state !== "closed" && nothing) this.end()
  }

  resume(): void {
    this.#other?.flush()
  }

  subscribe(kind: SubscriptionKind, topic: Bytes): void {
    const other = this.#other as JoinEnd
    if (this.#state === "closed") this.#early.push({ kind, topic })
    else if (this.#state === "open") other.#pipe.owner.pipeSubscribed(other.#pipe, kind, topic)
  }

  halt(): void {
    this.#halted = true
  }

  finish(): void {
    if (this.#state === "over") return
    this.#state = "finishing"
    this.flush()
  }

  end(reason?: MessagingError): void {
    if (this.#state === "over") return
    const other = this.#other as JoinEnd
    this.#leave(reason)
    other.#leave(reason)
  }

  #leave(error: Error | undefined): void {
    if (this.#state === "over") return
    this.#state = "over"
    this.#host.left(error)
    this.#resolveDone()
  }

  /** Whether messages reach the socket. Who parts reads no more; what is queued for it goes another way. */
  get #listening(): boolean {
    return this.#state === "open" && !this.#halted
  }

  #handOver(other: JoinEnd): void {
    const outbound = this.#pipe.outbound
    this.#flushing = true
    try {
      while (outbound.length > 0 && other.#listening && other.#pipe.wantsMore) {
        const charge = outbound.headCharge
        const message = outbound.shift() as Message
        if (chargeOf(message) === charge) this.#hand(message, other)
        else this.#host.detached()
      }
    } finally {
      this.#flushing = false
    }
    this.#pipe.relieve()
  }

  #hand(message: Message, other: JoinEnd): void {
    const size = sizeOf(message)
    const { total: sentTotal, own: sent } = this.#counters ?? this.#count()
    sentTotal.messagesSent++
    sentTotal.bytesSent += size
    sent.messagesSent++
    sent.bytesSent += size
    const { total: receivedTotal, own: received } = other.#counters ?? other.#count()
    receivedTotal.messagesReceived++
    receivedTotal.bytesReceived += size
    received.messagesReceived++
    received.bytesReceived += size
    other.#pipe.deliver(message)
  }

  #count(): Counters {
    const total = this.#host.stats
    this.#counters = { total, own: (this.#pipe.peer as Peer).stats }
    return this.#counters
  }
}
