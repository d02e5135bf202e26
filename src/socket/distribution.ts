// The sending side of Push, Dealer and Request: messages are spread over peers, and what a lost peer can no longer get
// goes to the others, oldest first, even above their marks. With nobody there it stays with the socket, for whoever
// comes; meanwhile no more is accepted than one peer's marks allow.

import { EMPTY } from "../bytes.ts"
import type { Message } from "../message.ts"
import type { BalanceStrategy, ByKey, ResolvedOptions } from "../options.ts"
import type { Budget } from "../pipe/budget.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { type Marks, MessageQueue } from "../pipe/queue.ts"
import { Register } from "../register.ts"
import type { Balancer } from "../routing/balancer.ts"
import { KeyedBalancer } from "../routing/by-key.ts"
import { LeastLoaded } from "../routing/least-loaded.ts"
import { OwnStrategy } from "../routing/own-strategy.ts"
import { RoundRobin } from "../routing/round-robin.ts"
import { ACCEPTED, NOBODY, type Verdict } from "./outbox.ts"

export interface DistributionSetup {
  readonly options: Readonly<ResolvedOptions>
  readonly marks: Marks
  readonly budget: Budget
  /** A message was replaced by a newer one (`conflate`). */
  replaced(pipe: Pipe): void
  /** A message was put into a peer's queue, or into nobody's; it can happen again when that peer is lost. */
  placed?(message: Message, pipe: Pipe | undefined): void
}

export class Distribution {
  readonly #balancer: Balancer
  readonly #backlog: MessageQueue
  readonly #waiting = new Register<Pipe, Pipe>()
  readonly #probes = new WeakSet<Message>()
  readonly #setup: DistributionSetup
  readonly #conflate: boolean
  readonly #peers = new Register<Pipe, Pipe>()
  /** Taking a message out makes room, and room may bring the next: it must not overtake. */
  #dealing = false

  constructor(setup: DistributionSetup) {
    this.#setup = setup
    this.#balancer = balancerOf(setup.options)
    this.#conflate = setup.options.conflate
    this.#backlog = new MessageQueue(setup.marks, setup.budget)
  }

  /** Messages that wait for whoever comes. */
  get backlog(): MessageQueue {
    return this.#backlog
  }

  /** An endpoint was connected; its peer may come later. */
  added(pipe: Pipe): void {
    if (this.#setup.options.immediate) return
    this.#waiting.set(pipe, pipe)
    this.#balancer.add(pipe)
  }

  /** A peer is there. */
  joined(pipe: Pipe): void {
    if (this.#setup.options.probeRouter) this.#probe(pipe)
    this.#waiting.delete(pipe)
    this.#peers.set(pipe, pipe)
    this.#balancer.add(pipe)
    this.#deal()
  }

  /** A peer has room again. */
  relieved(pipe: Pipe): void {
    this.#balancer.relieved(pipe)
    this.#deal()
  }

  /** A pipe is gone, whether its peer ever came or not. Its messages go to the others. */
  left(pipe: Pipe): void {
    this.#waiting.delete(pipe)
    this.#peers.delete(pipe)
    this.#balancer.remove(pipe)
    for (const message of pipe.outbound.drain()) {
      if (this.#probes.has(message)) continue
      const heir = this.#balancer.adopt(message)
      if (heir === undefined) this.#shelve(message)
      else this.#place(message, heir)
    }
  }

  offer(message: Message, subject: unknown): Verdict {
    if ((this.#backlog.length > 0 || this.#dealing) && !this.#deal()) {
      if (this.#peers.size > 0 || this.#waiting.size === 0 || !this.#backlog.hasRoom) return NOBODY
      this.#shelve(message)
      return ACCEPTED
    }
    const pipe = this.#balancer.choose(message, subject)
    if (pipe === undefined) return NOBODY
    if (this.#conflate) return this.#conflateInto(pipe, message)
    if (pipe.full) return pipe
    this.#place(message, pipe)
    return ACCEPTED
  }

  /** Whether somebody could take a message. A key may still have to wait for its own peer. */
  ready(): boolean {
    if (this.#backlog.length > 0) return this.#peers.size === 0 && this.#waiting.size > 0 && this.#backlog.hasRoom
    return this.#balancer.available()
  }

  /** Gives the backlog to peers with room; true when nothing is left of it. */
  #deal(): boolean {
    const backlog = this.#backlog
    if (this.#dealing) return false
    this.#dealing = true
    try {
      while (backlog.length > 0) {
        if (this.#peers.size === 0) return false
        const message = backlog.at(0) as Message
        const pipe = this.#heirOf(message)
        if (pipe === undefined) return false
        backlog.shift()
        this.#place(message, pipe)
      }
      return true
    } finally {
      this.#dealing = false
    }
  }

  /** Who gets a message of the backlog. Where the backlog itself takes up the budget, nobody else could make room. */
  #heirOf(message: Message): Pipe | undefined {
    if (this.#setup.budget.exhausted) return this.#balancer.adopt(message)
    const pipe = this.#chooseAgain(message)
    return pipe?.state === "ready" && !pipe.full ? pipe : undefined
  }

  /** As `choose`, for a message that was accepted already: of what a strategy throws there is nobody left to tell. */
  #chooseAgain(message: Message): Pipe | undefined {
    try {
      return this.#balancer.choose(message, message)
    } catch {
      return this.#balancer.adopt(message)
    }
  }

  /** An empty message tells a Router that we are there (RFC 28); it is for this peer and no other. */
  #probe(pipe: Pipe): void {
    const probe: Message = [EMPTY]
    this.#probes.add(probe)
    pipe.push(probe)
  }

  #shelve(message: Message): void {
    this.#setup.placed?.(message, undefined)
    this.#backlog.push(message)
  }

  #place(message: Message, pipe: Pipe): void {
    this.#setup.placed?.(message, pipe)
    pipe.push(message)
  }

  #conflateInto(pipe: Pipe, message: Message): Verdict {
    if (pipe.pushNewest(message)) this.#setup.replaced(pipe)
    return ACCEPTED
  }
}

function balancerOf(options: Readonly<ResolvedOptions>): Balancer {
  const { balance } = options
  if (balance === "round-robin") return new RoundRobin()
  if (balance === "least-loaded") return new LeastLoaded(options.window)
  if (typeof balance === "function") return new OwnStrategy(balance as BalanceStrategy<unknown>)
  return new KeyedBalancer(balance as ByKey<unknown>)
}
