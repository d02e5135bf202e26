// The workers as their ventilator knows them: what each can hold, which keys are whose, and who is next.

import type { CrewMember } from "./crew-member.ts"
import { mix } from "./hash.ts"
import type { Task } from "./task.ts"
import { TaskQueue } from "./task-queue.ts"

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
  readonly #homeless = new TaskQueue<Task>()
  // Those who can do something now, and those who can have something wait: in turn.
  readonly #idle = new Set<CrewMember>()
  readonly #open = new Set<CrewMember>()
  /** Who was the last to do a task. Still awake, it begins sooner than one that has to be woken. */
  #awake: CrewMember | undefined
  /** Those for whom something with a key waits, and what. */
  readonly #expecting = new Map<CrewMember, TaskQueue<Task>>()
  #changed = false

  /** Tasks with a key that wait. */
  get waiting(): number {
    let waiting = this.#homeless.length
    for (const mine of this.#expecting.values()) waiting += mine.length
    return waiting
  }

  /** Tasks with a key that wait. */
  *tasks(): IterableIterator<Task> {
    yield* this.#homeless
    for (const mine of [...this.#expecting.values()]) yield* mine
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
    if (this.#awake === member) this.#awake = undefined
    const mine = this.#expecting.get(member)
    this.#expecting.delete(member)
    for (const task of mine ?? []) {
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
    // Whoever has something to do gets the next when a quarter of what he may have waiting is gone: several at once.
    const enough = 4 * room >= member.capacity - member.concurrency
    this.#sort(this.#open, member, room > 0 && enough && member.held >= member.concurrency)
  }

  /** A member has answered. Who fails is not preferred: another may do better. */
  answered(member: CrewMember, done: boolean): void {
    if (done) this.#awake = member
    else if (this.#awake === member) this.#awake = undefined
    this.place(member)
  }

  /** Has a task with a key wait for its worker. */
  expect(task: Task, restored: boolean): void {
    const member = this.#changed ? undefined : this.#route(task)
    const queue = member === undefined ? this.#homeless : this.#mineOf(member)
    if (restored) queue.restore(task)
    else queue.push(task)
  }

  /** Who has work of his own waiting and room for it. After whoever came or went, keys find their places anew. */
  *expecting(): IterableIterator<readonly [CrewMember, TaskQueue<Task>]> {
    if (this.#changed) this.#rearrange()
    for (const [member, mine] of this.#expecting) {
      if (mine.head === undefined) this.#expecting.delete(member)
      else if (member.room > 0) yield [member, mine]
    }
  }

  /** Who is to get how many of so many tasks that anybody can do: the idle first, all alike, the awake before all. */
  next(tasks: number): { readonly member: CrewMember; readonly share: number } | undefined {
    for (const set of [this.#idle, this.#open]) {
      const member = set === this.#idle ? this.#firstIdle : set.values().next().value
      if (member === undefined) continue
      const limit = set === this.#idle ? Math.min(member.concurrency - member.held, member.room) : member.room
      // To the end of the line.
      set.delete(member)
      set.add(member)
      return { member, share: Math.min(limit, Math.max(1, Math.floor(tasks / set.size))) }
    }
    return undefined
  }

  get #firstIdle(): CrewMember | undefined {
    const awake = this.#awake
    // With something to do already it is no better than others.
    if (awake !== undefined && awake.held === 0 && this.#idle.has(awake)) return awake
    return this.#idle.values().next().value
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

  #mineOf(member: CrewMember): TaskQueue<Task> {
    const mine = this.#expecting.get(member) ?? new TaskQueue<Task>()
    this.#expecting.set(member, mine)
    return mine
  }

  #rearrange(): void {
    this.#changed = false
    for (const queue of [this.#homeless, ...this.#expecting.values()]) {
      for (const task of queue) {
        const member = this.#route(task)
        if (member === undefined || this.#expecting.get(member) === queue) continue
        task.list?.remove(task)
        this.#mineOf(member).restore(task)
      }
    }
  }
}
