// The queues of an exchange: who takes from them, what is bound to them, what is in them. Every message that went into
// a queue is acknowledged, waits, is with a consumer, or is counted with the reason of its end. It knows no socket.

import type { Frame, Peer } from "brokerless"
import { LONGEST } from "../closing.ts"
import type { Emitter } from "../emitter.ts"
import type { DeadReason, ExchangeEvents } from "./exchange-face.ts"
import type { ExchangeSettings } from "./exchange-options.ts"
import type { Headers } from "./headers.ts"
import { type Routing, routingOf } from "./routing.ts"
import { deliver, type Form, refuse } from "./wire.ts"
import { type Item, Member, type Routed, WorkQueue } from "./work-queue.ts"

/** ms after which a connection that took nothing is tried again. */
const CLOGGED_MS = 20

/** What the keeper cannot do itself. */
export interface KeeperSetup {
  readonly settings: ExchangeSettings
  readonly events: Emitter<ExchangeEvents>
  /** Says something to a consumer; false when it takes nothing. */
  tell(peer: Peer, message: readonly Frame[]): boolean
  /** There may be room, or nothing left to do. */
  changed(): void
  /** A queue has a binding more. */
  bound(): void
}

export class QueueKeeper {
  /** By name, and those of one consumer by its connection. */
  readonly queues: Map<string, WorkQueue> = new Map()
  readonly stats = { routed: 0, delivered: 0, acknowledged: 0, redelivered: 0, refused: 0 }
  readonly dropped = { overflow: 0, deliveries: 0, rejected: 0, gone: 0, closed: 0 }
  /** Different bindings of queues. */
  bindings = 0
  /** Octets of what waits and of what is not acknowledged. */
  bytes = 0
  readonly #setup: KeeperSetup
  readonly #settings: ExchangeSettings
  readonly #routing: Routing<WorkQueue>
  readonly #members = new Map<number, { readonly member: Member; readonly queue: WorkQueue }>()
  /** For whom there was no queue; what they say is ignored. */
  readonly #turnedAway = new WeakSet<Peer>()
  #tag = 0
  #cloggedTimer: NodeJS.Timeout | undefined

  constructor(setup: KeeperSetup) {
    this.#setup = setup
    this.#settings = setup.settings
    this.#routing = routingOf(setup.settings.type)
  }

  get consumers(): number {
    return this.#members.size
  }

  /** Whether nothing is left that somebody could take. */
  get isDone(): boolean {
    for (const queue of this.queues.values()) {
      if (queue.members.size > 0 && (queue.waiting > 0 || queue.unacknowledged > 0)) return false
    }
    return true
  }

  match(key: string, headers: Headers | undefined): ReadonlySet<WorkQueue> {
    return this.#routing.match(key, headers)
  }

  hasRoom(queues: Iterable<WorkQueue>, { bytes }: Routed): boolean {
    for (const queue of queues) if (this.#isFull(queue, bytes)) return false
    return true
  }

  /** Into all of these queues, except those that are full and are not to lose their oldest; how many are left. */
  route(queues: ReadonlySet<WorkQueue>, routed: Routed): number {
    let count = 0
    for (const queue of queues) {
      this.stats.routed++
      this.bytes += routed.bytes
      while (this.#settings.overflow === "drop-oldest" && queue.waiting > 0 && this.#isFull(queue, 0)) {
        this.#dead(queue, queue.shift() as Item, "overflow")
      }
      if (this.#settings.overflow === "drop" && this.#isFull(queue, 0)) {
        this.#dead(queue, { routed, deliveries: 0 }, "overflow")
        continue
      }
      count++
      queue.push(routed)
      this.#hand(queue)
    }
    return count
  }

  /** A consumer comes to a queue; false when it has come already. */
  join(peer: Peer, name: string, prefetch: number): boolean {
    if (this.#members.has(peer.id) || this.#turnedAway.has(peer)) return false
    const key = name === "" ? `/${peer.id}` : `=${name}`
    let queue = this.queues.get(key)
    if (queue === undefined) {
      if (this.queues.size >= this.#settings.maxQueues) {
        this.#turnedAway.add(peer)
        this.#refuse(peer, name, "there are too many queues")
        return true
      }
      queue = new WorkQueue(name)
      this.queues.set(key, queue)
    }
    clearTimeout(queue.expiry)
    const member = new Member(peer, Math.min(prefetch, this.#settings.maxPrefetch))
    // What a queue kept for somebody to come back is this one's now, bindings and all, until it says otherwise.
    if (queue.members.size === 0) for (const text of queue.bindings.keys()) member.bindings.add(text)
    queue.members.add(member)
    this.#members.set(peer.id, { member, queue })
    this.#setup.events.emit("join", { peer, queue: name })
    this.#hand(queue)
    return true
  }

  leave(peer: Peer): void {
    const there = this.#members.get(peer.id)
    if (there === undefined) return
    const { member, queue } = there
    const items = [...member.unacknowledged.values()]
    this.#members.delete(peer.id)
    queue.members.delete(member)
    this.#setup.events.emit("leave", { peer, queue: queue.name, unacknowledged: items.length })
    queue.requeue(this.#stillDeliverable(queue, items))
    if (queue.members.size > 0) {
      for (const text of member.bindings) this.#unbind(queue, text)
      this.#hand(queue)
    } else if (queue.name === "" || this.#settings.keepQueues === 0) {
      this.#end(queue)
    } else {
      queue.expiry = setTimeout(() => this.#end(queue), Math.min(this.#settings.keepQueues, LONGEST))
    }
    this.#setup.changed()
  }

  /** False when this peer takes from no queue. */
  bind(peer: Peer, form: Form, given: string): boolean {
    const there = this.#members.get(peer.id)
    if (there === undefined) return this.#turnedAway.has(peer)
    const { member, queue } = there
    const { maxBindings, maxBindingsPerConsumer } = this.#settings
    const accepted = this.#routing.accept(form, given)
    if ("reason" in accepted) {
      this.#refuse(peer, given, accepted.reason)
      return true
    }
    const { text } = accepted
    if (member.bindings.has(text)) return true
    const others = queue.bindings.get(text) ?? 0
    if (member.bindings.size >= maxBindingsPerConsumer || (others === 0 && this.bindings >= maxBindings)) {
      this.#refuse(peer, given, "there are too many bindings")
      return true
    }
    member.bindings.add(text)
    queue.bindings.set(text, others + 1)
    if (others > 0) return true
    this.bindings++
    this.#routing.add(text, queue)
    this.#setup.events.emit("bind", { queue: queue.name, binding: text })
    this.#setup.bound()
    return true
  }

  /** False when this peer takes from no queue. */
  unbind(peer: Peer, form: Form, given: string): boolean {
    const there = this.#members.get(peer.id)
    if (there === undefined) return this.#turnedAway.has(peer)
    const accepted = this.#routing.accept(form, given)
    if ("text" in accepted && there.member.bindings.delete(accepted.text)) this.#unbind(there.queue, accepted.text)
    return true
  }

  /** A consumer has done with messages; false when it was not sent one of them. */
  settle(peer: Peer, tags: readonly number[], how: "acknowledged" | "requeue" | "rejected"): boolean {
    const there = this.#members.get(peer.id)
    if (there === undefined) return false
    const { member, queue } = there
    const items: Item[] = []
    let known = true
    for (const tag of tags) {
      const item = member.unacknowledged.get(tag)
      if (item === undefined) known = false
      else items.push(item)
      member.unacknowledged.delete(tag)
    }
    member.clogged = false
    if (how === "requeue") queue.requeue(this.#stillDeliverable(queue, items))
    else if (how === "rejected") for (const item of items) this.#dead(queue, item, "rejected")
    else {
      this.stats.acknowledged += items.length
      for (const item of items) this.bytes -= item.routed.bytes
    }
    this.#hand(queue)
    this.#setup.changed()
    return known
  }

  /** Nobody is waited for any more who has left. */
  hurry(): void {
    for (const queue of this.queues.values()) clearTimeout(queue.expiry)
  }

  /** All is over: what is left is counted. */
  close(): void {
    clearTimeout(this.#cloggedTimer)
    for (const queue of this.queues.values()) {
      clearTimeout(queue.expiry)
      this.dropped.closed += queue.waiting + queue.unacknowledged
    }
    this.queues.clear()
    this.#members.clear()
    this.bytes = 0
  }

  /** A queue with nothing in it takes one message of any size. */
  #isFull(queue: WorkQueue, bytes: number): boolean {
    const { maxQueued, maxQueuedBytes } = this.#settings
    if (queue.waiting >= maxQueued) return true
    return this.bytes + bytes > maxQueuedBytes && (queue.waiting > 0 || queue.unacknowledged > 0)
  }

  /** Hands out what waits, as long as somebody has room for it. */
  #hand(queue: WorkQueue): void {
    while (queue.waiting > 0) {
      const member = queue.next()
      if (member === undefined) return
      const item = queue.shift() as Item
      const tag = ++this.#tag
      if (!this.#setup.tell(member.peer, deliver(tag, item.deliveries, item.routed.frames))) {
        queue.requeue([item])
        member.clogged = true
        this.#cloggedTimer ??= setTimeout(() => this.#unclog(), CLOGGED_MS)
        continue
      }
      member.unacknowledged.set(tag, item)
      if (item.deliveries++ > 0) this.stats.redelivered++
      this.stats.delivered++
    }
  }

  /** Connections that took nothing may take something again. */
  #unclog(): void {
    this.#cloggedTimer = undefined
    for (const { member } of this.#members.values()) member.clogged = false
    for (const queue of this.queues.values()) this.#hand(queue)
    this.#setup.changed()
  }

  /** Those that may be handed out again; of the others the queue gives up. */
  #stillDeliverable(queue: WorkQueue, items: readonly Item[]): Item[] {
    const { maxDeliveries } = this.#settings
    return items.filter((item) => {
      const still = maxDeliveries === 0 || item.deliveries < maxDeliveries
      if (!still) this.#dead(queue, item, "deliveries")
      return still
    })
  }

  #unbind(queue: WorkQueue, text: string): void {
    const count = (queue.bindings.get(text) ?? 1) - 1
    if (count > 0) {
      queue.bindings.set(text, count)
    } else if (queue.bindings.delete(text)) {
      this.bindings--
      this.#routing.remove(text, queue)
      this.#setup.events.emit("unbind", { queue: queue.name, binding: text })
    }
  }

  /** The queue is no more: what it held is counted. */
  #end(queue: WorkQueue): void {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      this.bytes -= item.routed.bytes
      this.dropped.gone++
    }
    for (const text of [...queue.bindings.keys()]) {
      queue.bindings.set(text, 1)
      this.#unbind(queue, text)
    }
    for (const [key, other] of this.queues) if (other === queue) this.queues.delete(key)
    this.#setup.changed()
  }

  /** A message that this queue gives up. */
  #dead(queue: WorkQueue, item: Item, reason: DeadReason): void {
    this.dropped[reason]++
    this.bytes -= item.routed.bytes
    const { key, frames } = item.routed
    const body = frames.slice(2)
    this.#setup.events.emit("dead", { queue: queue.name, key, body, deliveries: item.deliveries, reason })
  }

  #refuse(peer: Peer, binding: string, reason: string): void {
    this.stats.refused++
    this.#setup.tell(peer, refuse(binding, reason))
    this.#setup.events.emit("refuse", { peer, binding, reason })
  }
}
