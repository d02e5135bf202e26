// The ventilator's book: which tasks there are, who has them, and what becomes of them. It knows no socket: it is told
// what workers say, and says what is to be sent to whom.
// Budget per task: its promise, its record, one delivery, an entry in one Map; one nextTick for all tasks of a tick.

import { AbortError, ClosedError, CodecError, type Frame, TimeoutError } from "brokerless"
import { onAbort } from "../aborts.ts"
import type { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import { Crew } from "./crew.ts"
import type { CrewMember } from "./crew-member.ts"
import { DeadLetterError, decodeError, TaskError, WorkerLostError } from "./errors.ts"
import { Outgoing } from "./outgoing.ts"
import { Rate } from "./progress.ts"
import { Delivery, type Ending, NONE, type Task } from "./task.ts"
import { precedes, TaskList, TaskQueue } from "./task-queue.ts"
import type { DeadLetter, VentilatorEvents } from "./ventilator-events.ts"
import type { VentilatorStats } from "./ventilator-stats.ts"
import { type Answer, FAILED, FAILED_FOR_GOOD, RETURNED } from "./wire.ts"

/** How often a task may be lost with its worker before that began with it; what is lost more often is not innocent. */
const INNOCENT_LOSSES = 10

export interface DispatcherSetup {
  readonly epoch: Frame
  readonly highWaterMark: number
  readonly highWaterMarkBytes: number
  /** Deliveries to workers that were lost, of which an answer may still come. */
  readonly remembered: number
  readonly stats: VentilatorStats
  readonly events: Emitter<VentilatorEvents>
  send(member: CrewMember, message: Frame[]): void
  decode(body: Frame): unknown
  deadLetter(letter: DeadLetter<unknown>): void
}

export class Dispatcher {
  readonly crew: Crew = new Crew()
  readonly rate: Rate = new Rate()
  readonly #setup: DispatcherSetup
  readonly #stats: VentilatorStats
  /** Tasks that anybody can do. */
  readonly #free = new TaskQueue<Task>()
  /** Tasks that were not accepted yet, in order. */
  readonly #waiting = new TaskList<Task>()
  /** Deliveries that have not been answered, by number. */
  readonly #deliveries = new Register<number, Delivery>()
  /** Those among them that went to workers now lost, the oldest first. */
  readonly #lost = new Set<number>()
  readonly #outgoing: Outgoing
  #unsettled = 0
  #bytes = 0
  #numbers = 0
  #scheduled = false
  #closed = false
  #idle: (() => void)[] = []

  constructor(setup: DispatcherSetup) {
    this.#setup = setup
    this.#stats = setup.stats
    this.#outgoing = new Outgoing(setup.epoch, setup.send)
  }

  /** Tasks that were accepted and have not ended. */
  get unsettled(): number {
    return this.#unsettled
  }

  /** Their octets. */
  get bytes(): number {
    return this.#bytes
  }

  /** Of them those that wait for a worker. */
  get queued(): number {
    return this.#free.length + this.crew.waiting
  }

  /** Tasks that wait to be accepted. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Accepts a task, now or when there is room. */
  submit(task: Task, signal: AbortSignal | undefined): Promise<unknown> {
    return new Promise((resolve, reject) => {
      task.resolve = resolve
      task.reject = reject
      if (signal !== undefined) task.release = onAbort(signal, () => this.cancel(task, signal.reason))
      if (this.#waiting.length === 0 && this.#hasRoom) this.#accept(task)
      else this.#waiting.push(task)
    })
  }

  /** Ends a task, wherever it is. */
  cancel(task: Task, reason: unknown): void {
    if (task.ending === undefined) this.#settle(task, "cancelled", new AbortError(reason))
  }

  /** Ends all tasks, those that wait to be accepted included; tells how many. */
  cancelAll(error: () => Error): number {
    const tasks = new Set<Task>()
    for (const { task } of this.#deliveries.values()) if (task.ending === undefined) tasks.add(task)
    for (const task of [...this.#free, ...this.crew.tasks()]) tasks.add(task)
    for (let task = this.#waiting.first; task !== undefined; task = task.behind) tasks.add(task)
    // Those who wait first, so that none of them is let in only to be refused.
    for (const task of [...tasks].sort((a, b) => Number(a.accepted) - Number(b.accepted))) {
      this.#settle(task, "cancelled", error())
    }
    return tasks.size
  }

  /** Resolves when every task has ended. */
  whenIdle(): Promise<void> {
    if (this.#unsettled === 0 && this.#waiting.length === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Ends all tasks, and tells the workers. */
  close(): void {
    this.cancelAll(() => new ClosedError("The ventilator was closed before the task was done"))
    this.#flush()
    this.#closed = true
    for (const { timer } of this.#deliveries.values()) clearTimeout(timer)
    this.#deliveries.clear()
  }

  // ── what workers say ───────────────────────────────────────────────────────────────────────────────────────────

  /** A worker can hold more, or less, than before. */
  resized(member: CrewMember): void {
    this.crew.place(member)
    this.#schedule()
  }

  answered(member: CrewMember | undefined, answers: readonly Answer[]): void {
    let done = 0
    for (const answer of answers) {
      const delivery = this.#deliveries.get(answer.delivery)
      if (delivery === undefined || (delivery.state !== "lost" && delivery.member !== member)) {
        this.#stats.unexpected++
        continue
      }
      if (this.#answered(delivery, answer)) done++
    }
    if (done > 0) this.rate.add(done)
    if (member !== undefined && !member.gone) this.crew.answered(member, done > 0)
    this.#schedule()
  }

  /** A worker begins with tasks that it was to announce. */
  started(member: CrewMember | undefined, deliveries: readonly number[]): void {
    for (const number of deliveries) {
      const delivery = this.#deliveries.get(number)
      if (delivery !== undefined && delivery.member === member) delivery.begun = true
    }
  }

  /** A worker is gone: what it had goes to others. Returns how many tasks that were. */
  left(address: string, member: CrewMember): number {
    this.crew.leave(address, member)
    this.#outgoing.drop(member)
    const lost: Delivery[] = []
    for (const delivery of this.#deliveries.values()) {
      if (delivery.member === member && delivery.state !== "lost") lost.push(delivery)
    }
    let tasks = 0
    // The youngest first: each then goes before those that it is older than.
    for (const delivery of lost.sort((a, b) => b.task.id - a.task.id)) {
      const waited = delivery.state === "out"
      this.#withhold(delivery, "lost")
      this.#remember(delivery.number)
      if (!waited) continue
      tasks++
      this.#stats.redelivered++
      this.#failed(delivery, new WorkerLostError(delivery.task.id, member.name), false)
    }
    this.#schedule()
    return tasks
  }

  /** True when that is the end of a task that is done now. */
  #answered(delivery: Delivery, { status, body }: Answer): boolean {
    const { task, member } = delivery
    const waited = delivery.state === "out"
    this.#forget(delivery)
    if (status === RETURNED) {
      if (waited) this.#restore(task)
      return false
    }
    if (status === FAILED || status === FAILED_FOR_GOOD) {
      // An attempt that is not waited for has failed already.
      if (waited) {
        const error = new TaskError(task.id, decodeError(body as Frame))
        this.#failed(delivery, error, status === FAILED_FOR_GOOD)
      }
      return false
    }
    if (task.ending !== undefined) {
      if (task.ending === "done") {
        this.#stats.duplicates++
        this.#setup.events.emit("task:duplicate", { id: task.id, attempt: delivery.attempt, worker: member.name })
      } else {
        this.#stats.late++
      }
      return false
    }
    let result: unknown
    try {
      result = body === undefined ? undefined : this.#setup.decode(body)
    } catch (error) {
      this.#giveUp(task, new CodecError(`The codec could not decode the result of a task`, { cause: error }))
      return false
    }
    const { resolve } = task
    this.#settle(task, "done", undefined)
    resolve(result)
    return true
  }

  /** Its answer may have come while the event loop stood still: what is there is heard first. */
  #timeUp(delivery: Delivery): void {
    setImmediate(() => setImmediate(() => this.#overdue(delivery)))
  }

  #overdue(delivery: Delivery): void {
    if (delivery.state !== "out" || this.#closed) return
    const { task, member } = delivery
    this.#withhold(delivery, "overdue")
    member.overdue++
    this.#outgoing.withdraw(delivery)
    this.crew.place(member)
    this.#stats.timeouts++
    this.#setup.events.emit("task:overdue", { id: task.id, attempt: delivery.attempt, worker: member.name })
    this.#failed(delivery, new TimeoutError(`The task was not done within ${task.terms.timeout} ms`), false)
    this.#schedule()
  }

  // ── what becomes of a task ─────────────────────────────────────────────────────────────────────────────────────

  /** An attempt came to nothing. It counts as one if the worker may have begun with it. */
  #failed(delivery: Delivery, error: Error, permanent: boolean): void {
    const { task } = delivery
    // Whoever was told of an event in the midst of this may have ended it.
    if (task.ending !== undefined) return
    if (delivery.begun || permanent || error instanceof TaskError) task.attempts++
    else if (error instanceof WorkerLostError && ++task.losses > INNOCENT_LOSSES) task.attempts++
    if (permanent || task.attempts > task.terms.retries) {
      this.#giveUp(task, error)
      return
    }
    this.#stats.retries++
    this.#restore(task)
    this.#setup.events.emit("task:retry", { id: task.id, attempt: delivery.attempt, error })
  }

  #giveUp(task: Task, cause: Error): void {
    const { id, attempts, value, terms } = task
    const error = attempts > 1 ? new DeadLetterError(id, attempts, cause) : cause
    this.#settle(task, "failed", error)
    this.#setup.events.emit("task:dead", { id, attempts, error: cause })
    this.#setup.deadLetter({ id, task: value, key: terms.key === "" ? undefined : terms.key, attempts, error: cause })
  }

  #settle(task: Task, ending: Ending, error: Error | undefined): void {
    task.ending = ending
    task.list?.remove(task)
    for (const delivery of task.deliveries) {
      if (delivery.state !== "out") continue
      this.#withhold(delivery, "withdrawn")
      this.#outgoing.withdraw(delivery)
      this.#schedule()
    }
    task.release?.()
    if (error !== undefined) task.reject(error)
    task.value = task.body = task.release = undefined
    task.resolve = task.reject = settled
    this.#stats[ending]++
    if (task.accepted) {
      this.#unsettled--
      this.#bytes -= task.size
      for (let next = this.#waiting.first; next !== undefined && this.#hasRoom; next = this.#waiting.first) {
        this.#waiting.remove(next)
        this.#accept(next)
      }
    }
    if (this.#unsettled === 0 && this.#idle.length > 0 && this.#waiting.length === 0) {
      for (const idle of this.#idle.splice(0)) idle()
    }
  }

  get #hasRoom(): boolean {
    return this.#unsettled < this.#setup.highWaterMark && this.#bytes < this.#setup.highWaterMarkBytes
  }

  #accept(task: Task): void {
    task.accepted = true
    this.#stats.accepted++
    this.#unsettled++
    this.#bytes += task.size
    if (task.terms.key === "") this.#free.push(task)
    else this.crew.expect(task, false)
    this.#schedule()
  }

  /** Back to where it waited, among those of its age. */
  #restore(task: Task): void {
    if (task.terms.key === "") this.#free.restore(task)
    else this.crew.expect(task, true)
    this.#schedule()
  }

  /** A delivery is not waited for any more; its worker still has it. */
  #withhold(delivery: Delivery, state: "overdue" | "lost" | "withdrawn"): void {
    clearTimeout(delivery.timer)
    const { key } = delivery.task.terms
    if (delivery.state === "out" && key !== "") this.crew.unpin(key, delivery.member)
    delivery.state = state
  }

  /** Its worker has answered. */
  #forget(delivery: Delivery): void {
    const { task, member, state, number } = delivery
    if (state === "out") this.#withhold(delivery, "withdrawn")
    if (state === "overdue") member.overdue--
    member.held--
    this.#deliveries.delete(number)
    this.#lost.delete(number)
    task.deliveries = task.deliveries.length === 1 ? NONE : task.deliveries.filter((other) => other !== delivery)
  }

  #remember(number: number): void {
    this.#lost.add(number)
    if (this.#lost.size <= this.#setup.remembered) return
    const oldest = this.#lost.values().next().value as number
    this.#lost.delete(oldest)
    const delivery = this.#deliveries.get(oldest)
    if (delivery !== undefined) this.#forget(delivery)
  }

  // ── handing out ────────────────────────────────────────────────────────────────────────────────────────────────

  #schedule(): void {
    if (this.#scheduled || this.#closed) return
    this.#scheduled = true
    // After the promises that are settled now, and what those who awaited them ask for next.
    process.nextTick(() => {
      this.#scheduled = false
      if (!this.#closed) this.#flush()
    })
  }

  #flush(): void {
    for (const [member, mine] of this.crew.expecting()) {
      for (let own = mine.head; own !== undefined && member.room > 0; own = mine.head) {
        const other = this.#free.head
        this.#give(other !== undefined && precedes(other, own) ? other : own, member)
      }
      this.crew.place(member)
    }
    for (let left = this.#free.length; left > 0; left = this.#free.length) {
      const next = this.crew.next(left)
      if (next === undefined) break
      for (let i = 0; i < next.share; i++) this.#give(this.#free.head as Task, next.member)
      this.crew.place(next.member)
    }
    this.#outgoing.flush()
  }

  #give(task: Task, member: CrewMember): void {
    task.list?.remove(task)
    const delivery = new Delivery(++this.#numbers, task, member)
    const { key, timeout } = task.terms
    task.deliveries = task.deliveries === NONE ? [delivery] : [...task.deliveries, delivery]
    this.#deliveries.set(delivery.number, delivery)
    member.held++
    this.#outgoing.deliver(delivery)
    if (key !== "") this.crew.pin(key, member)
    if (timeout > 0) delivery.timer = setTimeout(() => this.#timeUp(delivery), timeout)
    this.#stats.deliveries++
  }
}

function settled(): void {}
