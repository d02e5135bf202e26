// The workers as their ventilator knows them: what each can hold, which keys are whose, and who is next.

import type { Frame, Peer } from "brokerless"
import { type Delivery, hashOf, type Task } from "./task.ts"
import { TaskQueue } from "./task-queue.ts"
import type { Ready } from "./wire.ts"

/** One worker, for as long as its connection lives. */
export class CrewMember {
  readonly peer: Peer
  /** What the Router calls it. */
  readonly address: Frame
  readonly instance: string
  readonly hash: number
  name: string
  /** Tasks that it does at once. */
  concurrency = 1
  /** Tasks that it may hold at once. */
  capacity = 0
  /** Deliveries that it has not answered. */
  held = 0
  /** Those of them whose time has run out. */
  overdue = 0
  /** The connection has ended. */
  gone = false
  /** Tasks whose key is its own, waiting. */
  readonly mine: TaskQueue = new TaskQueue()
  /** What goes to it at the end of this tick. */
  outgoing: Delivery[] = []
  withdrawn: number[] = []

  constructor(peer: Peer, address: Frame, { instance, name }: Ready) {
    this.peer = peer
    this.address = address
    this.instance = instance
    this.hash = hashOf(instance)
    this.name = name
  }

  /** What {@link fit} was when the crew last looked. */
  wasFit = false

  /** It wants work, and not all that it can do at once has exceeded its time. */
  get fit(): boolean {
    return this.capacity > 0 && this.overdue < this.concurrency
  }

  /** How many more it may be given. What hangs is nothing to wait behind. */
  get room(): number {
    return (this.overdue > 0 ? Math.min(this.capacity, this.concurrency) : this.capacity) - this.held
  }
}

interface Pin {
  member: CrewMember
  count: number
}

export class Crew {
  /** By what the Router calls them. */
  readonly members: Map<string, CrewMember> = new Map()
  /** Keys of which something is at a worker, and that worker: they stay there until it is done. */
  readonly #pins = new Map<string, Pin>()
  /** Tasks with a key that wait for somebody to come. */
  readonly #homeless = new TaskQueue()
  // Those who can do something now, and those who can have something wait: in turn.
  readonly #idle = new Set<CrewMember>()
  readonly #open = new Set<CrewMember>()
  /** Those for whom something with a key waits. */
  readonly #expecting = new Set<CrewMember>()
  #changed = false

  /** Tasks with a key that wait. */
  get waiting(): number {
    let waiting = this.#homeless.length
    for (const member of this.#expecting) waiting += member.mine.length
    return waiting
  }

  /** Tasks with a key that wait. */
  *tasks(): IterableIterator<Task> {
    yield* this.#homeless
    for (const member of [...this.#expecting]) yield* member.mine
  }

  join(address: string, member: CrewMember): void {
    this.members.set(address, member)
    this.#changed = true
  }

  leave(address: string, member: CrewMember): void {
    if (this.members.get(address) === member) this.members.delete(address)
    member.gone = true
    this.#idle.delete(member)
    this.#open.delete(member)
    this.#expecting.delete(member)
    for (const task of member.mine) {
      task.list?.remove(task)
      this.#homeless.restore(task)
    }
    this.#changed = true
  }

  /** To be told whenever what a member holds, or can hold, has changed. */
  place(member: CrewMember): void {
    const { room, fit } = member
    if (member.wasFit !== fit) {
      member.wasFit = fit
      this.#changed = true
    }
    this.#sort(this.#idle, member, room > 0 && member.held < member.concurrency)
    this.#sort(this.#open, member, room > 0 && member.held >= member.concurrency)
  }

  /** Has a task with a key wait for its worker. */
  expect(task: Task, restored: boolean): void {
    const member = this.#changed ? undefined : this.#route(task)
    const queue = member?.mine ?? this.#homeless
    if (restored) queue.restore(task)
    else queue.push(task)
    if (member !== undefined) this.#expecting.add(member)
  }

  /** Who has work of his own waiting and room for it. After whoever came or went, keys find their places anew. */
  *expecting(): IterableIterator<CrewMember> {
    if (this.#changed) this.#rearrange()
    for (const member of this.#expecting) {
      if (member.mine.head === undefined) this.#expecting.delete(member)
      else if (member.room > 0) yield member
    }
  }

  /** Who is to get how many of so many tasks that anybody can do: the idle first, all alike. */
  next(tasks: number): { readonly member: CrewMember; readonly share: number } | undefined {
    for (const set of [this.#idle, this.#open]) {
      const member = set.values().next().value
      if (member === undefined) continue
      const limit = set === this.#idle ? Math.min(member.concurrency - member.held, member.room) : member.room
      // To the end of the line.
      set.delete(member)
      set.add(member)
      return { member, share: Math.min(limit, Math.max(1, Math.floor(tasks / set.size))) }
    }
    return undefined
  }

  pin(key: string, member: CrewMember): void {
    const pin = this.#pins.get(key)
    if (pin?.member === member) pin.count++
    else this.#pins.set(key, { member, count: 1 })
  }

  unpin(key: string, member: CrewMember): void {
    const pin = this.#pins.get(key)
    if (pin === undefined || pin.member !== member || --pin.count > 0) return
    this.#pins.delete(key)
  }

  #sort(set: Set<CrewMember>, member: CrewMember, belongs: boolean): void {
    if (!belongs || member.gone) set.delete(member)
    else set.add(member)
  }

  /** Whose the key is: of the worker that has something of it, else of the one that draws the highest lot. */
  #route(task: Task): CrewMember | undefined {
    const pinned = this.#pins.get(task.terms.key)?.member
    if (pinned?.fit && !pinned.gone) return pinned
    let best: CrewMember | undefined
    let highest = -1
    for (const member of this.members.values()) {
      // Those who are not fit draw behind all others: they get only what nobody else is there for.
      const lot = mix(task.keyHash ^ member.hash) + (member.fit ? 0x1_0000_0000 : 0)
      if (lot <= highest) continue
      highest = lot
      best = member
    }
    return best
  }

  #rearrange(): void {
    this.#changed = false
    for (const queue of [this.#homeless, ...Array.from(this.#expecting, ({ mine }) => mine)]) {
      for (const task of queue) {
        const member = this.#route(task)
        if (member === undefined || member.mine === queue) continue
        task.list?.remove(task)
        member.mine.restore(task)
        this.#expecting.add(member)
      }
    }
  }
}

/** A good finalizer: every bit of the result hangs on every bit of the number (MurmurHash3). */
function mix(number: number): number {
  let bits = number
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
