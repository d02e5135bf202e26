// What PUB and XPUB share (RFC 29): who has subscribed to what, and the way of a message to all who match.
// Budget per message: one match into a list that is kept, and one push per subscriber.

import type { Bytes } from "../../bytes.ts"
import { nextTurn } from "../../clock.ts"
import { ProtocolError } from "../../errors.ts"
import type { Frame, Message } from "../../message.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { Register } from "../../register.ts"
import { type Addition, type GoneListener, type Removal, Subscriptions } from "../../routing/subscriptions.ts"
import type { Hub } from "../hub.ts"
import { ACCEPTED, ACCEPTED_RESTING, ACCEPTED_SLOWLY, NOBODY, type Verdict } from "../outbox.ts"
import { type OverflowPolicy, overflowPolicy } from "./overflow.ts"

/** Subscriptions of a peer that left are forgotten so many at a time, so that the event loop goes on turning. */
const SWEEP = 1024
/** Turns of up to a millisecond that a subscriber may be waited for, and how many messages earn it another. */
const RESTS = 50
const MESSAGES_PER_REST = 1000

export class Publishing {
  readonly subscriptions: Subscriptions<Pipe> = new Subscriptions()
  readonly #hub: Hub
  readonly #full: OverflowPolicy
  readonly #endConflation: (pipe: Pipe) => void
  /** The list of those who match, for the next message. */
  #free: Pipe[] | undefined
  /** Turns that subscribers were waited for, those that were earned and not taken included. */
  readonly #rests = new Register<Pipe, number>()
  /** A slice of what those who left had is swept in the next turn. */
  #sweeping = false
  readonly #waits: boolean
  readonly #inverted: boolean
  readonly #conflate: boolean
  readonly #topicOf: ((message: Message) => Frame) | undefined

  /** @param topicOf what subscriptions are compared with; the first frame of a message, if nothing is said */
  constructor(hub: Hub, topicOf?: (message: Message) => Frame) {
    const { overflow, invertMatching, conflate } = hub.options
    const { full, relieved } = overflowPolicy(hub, overflow)
    this.#hub = hub
    this.#full = full
    this.#endConflation = relieved
    this.#waits = overflow === "wait"
    this.#inverted = invertMatching
    this.#conflate = conflate
    this.#topicOf = topicOf
  }

  offer(message: Message): Verdict {
    const hub = this.#hub
    if (hub.ready.size === 0) {
      hub.dropped("no-peer", 1, undefined)
      return ACCEPTED
    }
    const pipes = this.#free ?? []
    // Whoever publishes meanwhile, from a listener of what happens here, gets a list of his own.
    this.#free = undefined
    const topic = this.#topicOf === undefined ? (message[0] as Frame) : this.#topicOf(message)
    const verdict = this.#give(message, pipes, this.#match(topic, pipes))
    this.#free = pipes
    return verdict
  }

  #give(message: Message, pipes: readonly Pipe[], count: number): Verdict {
    if (this.#waits && !this.#allHaveRoom(pipes, count)) return NOBODY
    let verdict: Verdict = ACCEPTED
    for (let i = 0; i < count; i++) {
      const pipe = pipes[i] as Pipe
      if (pipe.state !== "ready") continue
      if (this.#conflate) {
        if (pipe.pushNewest(message)) this.#hub.dropped("replaced", 1, pipe)
      } else if (pipe.hasRoom) {
        pipe.push(message)
        if (pipe.outbound.length * 2 >= pipe.outbound.marks.messages) verdict = this.#slower(pipe, verdict)
      } else {
        this.#full(pipe, message)
      }
    }
    return verdict
  }

  /**
   * A queue fills faster than its subscriber reads. One turn of the event loop for each message is all that is asked of
   * the publisher. But a subscriber that keeps up can be held up for some milliseconds, by its collector or by the
   * system, so a few of the turns may wait for it: as many as leave a slow one no say in the publisher's speed.
   */
  #slower(pipe: Pipe, verdict: Verdict): Verdict {
    const { length, marks } = pipe.outbound
    if (length * 4 >= marks.messages * 3) {
      const earned = Math.floor((pipe.peer?.stats.messagesSent ?? 0) / MESSAGES_PER_REST)
      const rests = Math.max(this.#rests.get(pipe) ?? 0, earned)
      if (rests < earned + RESTS) {
        this.#rests.set(pipe, rests + 1)
        return ACCEPTED_RESTING
      }
    }
    return verdict === ACCEPTED ? ACCEPTED_SLOWLY : verdict
  }

  /** Peers that would get this topic now. */
  countOf(topic: Bytes): number {
    return this.#match(topic, [])
  }

  /** Takes a subscription, unless it is over a limit: then the peer is disconnected. */
  add(pipe: Pipe, topic: Bytes): Addition | undefined {
    const { maxSubscriptions, maxSubscriptionsPerPeer, maxTopicSize } = this.#hub.options
    if (topic.length > maxTopicSize) return this.#refuse(pipe, "maxTopicSize", maxTopicSize)
    const { subscriptions } = this
    const most = subscriptions.countOf(pipe) >= maxSubscriptionsPerPeer
    if (most || subscriptions.size >= maxSubscriptions) {
      // Subscribers say equal subscriptions again, and that takes nothing more.
      if (subscriptions.has(topic, pipe)) return "known"
      if (most) return this.#refuse(pipe, "maxSubscriptionsPerPeer", maxSubscriptionsPerPeer)
      return this.#refuse(pipe, "maxSubscriptions", maxSubscriptions)
    }
    return subscriptions.add(topic, pipe)
  }

  remove(pipe: Pipe, topic: Bytes): Removal {
    return this.subscriptions.remove(topic, pipe)
  }

  /** The peer has left; `gone` is told of each of its subscriptions. */
  left(pipe: Pipe, gone?: GoneListener<Pipe>): void {
    this.#endConflation(pipe)
    this.#rests.delete(pipe)
    // However many leave at once, one slice a turn is swept.
    const more = this.subscriptions.removePeer(pipe, this.#sweeping ? 0 : SWEEP, gone)
    if (more && !this.#sweeping) this.#sweepLater(gone)
  }

  relieved(pipe: Pipe): void {
    this.#endConflation(pipe)
  }

  #sweepLater(gone: GoneListener<Pipe> | undefined): void {
    this.#sweeping = true
    nextTurn(() => {
      this.#sweeping = false
      if (this.subscriptions.sweep(SWEEP, gone)) this.#sweepLater(gone)
    })
  }

  #match(topic: Frame, pipes: Pipe[]): number {
    const count = this.subscriptions.match(topic, pipes)
    if (!this.#inverted) return count
    const matched = new Set(pipes.slice(0, count))
    let others = 0
    for (const pipe of this.#hub.ready) if (!matched.has(pipe)) pipes[others++] = pipe
    return others
  }

  #allHaveRoom(pipes: readonly Pipe[], count: number): boolean {
    let all = true
    for (let i = 0; i < count; i++) {
      const pipe = pipes[i] as Pipe
      if (pipe.state === "ready" && !pipe.hasRoom) all = false
    }
    return all
  }

  #refuse(pipe: Pipe, limit: string, allowed: number): undefined {
    this.#hub.monitor.count("limit", pipe.endpoint, pipe.peer, limit, 1)
    pipe.link?.end(new ProtocolError(`The peer went beyond ${limit}, which is ${allowed}`))
    return undefined
  }
}
