// Gets what a subscriber is missing, one thing at a time: a snapshot of an epoch that begins, changes when a heartbeat
// or a gap has shown that some are missing, and the state of prefixes that were subscribed to later.

import { AbortError, ClosedError, ProtocolError } from "brokerless"
import type { Emitter } from "../emitter.ts"
import { Interest } from "./interest.ts"
import type { Question } from "./recovery.ts"
import type { Part } from "./recovery-client.ts"
import type { Replica } from "./replica.ts"
import type { Source } from "./source.ts"
import type { FeedSubscriberEvents } from "./subscriber-options.ts"

/** Up to so many topics with gaps are asked for by name. */
const FEW = 100
/** ms before a source that failed to answer is asked again: at first, and at most. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 5000

export interface RecovererOptions<T> {
  readonly replica: Replica<T>
  readonly sources: readonly Source[]
  readonly events: Emitter<FeedSubscriberEvents>
  /** ms to wait for an answer. */
  readonly timeout: number
  readonly newestOnly: boolean
  readonly signal: AbortSignal
  /** Resolves when what is recovered can be handed out. */
  readonly room: () => Promise<void>
  /** An answer shows that a source has begun another epoch. */
  readonly entered: (source: Source, epoch: Buffer) => void
}

/** What is to be asked. */
interface Task {
  readonly question: Question
  readonly interest: Interest
  /** Of which topics answers are taken. */
  readonly covers: (topic: string) => boolean
  /** What is known afterwards: everything, or the state of some topics only. */
  readonly scope: "everything" | "topics" | "unknown"
}

export class Recoverer<T> {
  snapshots = 0
  readonly #options: RecovererOptions<T>
  #interest: Interest | undefined
  /** Prefixes whose state is not here, and up to where changes are followed without it. */
  #unknown: { interest: Interest; readonly floor: number } | undefined
  /** Aborted when what is under way has become pointless. */
  #era = new AbortController()
  #working = false
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  /** The source that failed last. */
  #avoided: Source | undefined
  readonly #waiting = new Set<() => void>()

  constructor(options: RecovererOptions<T>) {
    this.#options = options
    options.signal.addEventListener("abort", () => {
      clearTimeout(this.#timer)
      this.#era.abort()
      for (const wake of this.#waiting) wake()
    })
  }

  /** Another epoch begins. */
  begin(): void {
    this.#renew()
    this.#unknown = undefined
    this.#failures = 0
  }

  /** Other prefixes are wanted. */
  about(interest: Interest | undefined): void {
    this.#renew()
    this.#interest = interest
    if (this.#unknown === undefined || interest === undefined) this.#unknown = undefined
    else {
      const left = this.#unknown.interest.prefixes.filter((prefix) => interest.matches(prefix))
      this.#unknown = left.length === 0 ? undefined : { ...this.#unknown, interest: new Interest(left) }
    }
    this.#tellIfComplete()
  }

  /** The state of these prefixes is not here. */
  unknown(interest: Interest): void {
    const { replica } = this.#options
    const prefixes = [...(this.#unknown?.interest.prefixes ?? []), ...interest.prefixes]
    const floor = Math.max(replica.position, this.#unknown?.floor ?? 0)
    if (replica.complete) this.#unknown = { interest: new Interest(prefixes), floor }
    this.wake(0)
  }

  /** Looks in so many ms whether anything is missing. */
  wake(delay: number): void {
    if (this.#working || this.#options.signal.aborted) return
    if (this.#timer !== undefined && delay > 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#work()
    }, delay)
  }

  /** Resolves when the state of everything is here; rejects with the reason of the signal. */
  async untilComplete(signal: AbortSignal): Promise<void> {
    while (!this.isComplete) {
      if (signal.aborted) throw signal.reason
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake)
          signal.removeEventListener("abort", wake)
          resolve()
        }
        this.#waiting.add(wake)
        signal.addEventListener("abort", wake)
      })
    }
  }

  #tellIfComplete(): void {
    if (this.isComplete) for (const wake of this.#waiting) wake()
  }

  #renew(): void {
    this.#era.abort()
    this.#era = new AbortController()
  }

  /** Whether the state of everything that is wanted is here. */
  get isComplete(): boolean {
    return this.#options.replica.complete && this.#unknown === undefined
  }

  async #work(): Promise<void> {
    this.#working = true
    const { signal, events } = this.#options
    while (!signal.aborted) {
      const task = this.#task()
      const source = task === undefined ? undefined : this.#whomToAsk()
      if (task === undefined || source === undefined) break
      try {
        const progress = await this.#fetch(source, task)
        this.#failures = progress ? 0 : this.#failures + 1
        if (!progress) this.#avoided = source
      } catch (error) {
        if (error instanceof ClosedError || signal.aborted) break
        // What was asked has become pointless.
        if (error instanceof AbortError) continue
        this.#failures++
        this.#avoided = source
        events.emit("recovery:failed", { source: source.name, error: error as Error })
      }
      this.#tellIfComplete()
      if (this.#failures > 0) await this.#pause()
    }
    this.#working = false
  }

  /** What is missing most. */
  #task(): Task | undefined {
    const { replica, sources, newestOnly } = this.#options
    const interest = this.#interest
    const carrier = sources.find(({ carries }) => carries)
    if (interest === undefined || carrier?.epoch === undefined) return undefined
    const { epoch } = carrier
    const changes = (since: number): Question => ({ kind: "changes", epoch, since, newestOnly })
    const of = (question: Question, interest: Interest, scope: Task["scope"]): Task => {
      return { question, interest, covers: (topic) => interest.matches(topic), scope }
    }
    if (!replica.complete) return of({ kind: "snapshot" }, interest, "everything")
    if (this.#unknown !== undefined) return of({ kind: "snapshot" }, this.#unknown.interest, "unknown")
    const newest = Math.max(0, ...sources.map(({ fresh, carries, sequence }) => (fresh && carries ? sequence : 0)))
    if (replica.position < newest || replica.gaps.size > FEW) {
      return of(changes(replica.position), interest, "everything")
    }
    if (replica.gaps.size === 0) return undefined
    // Topics that merely begin with the name of one of these may miss something that is older.
    const topics = new Set(replica.gaps.keys())
    const question = changes(Math.min(...replica.gaps.values()))
    return { question, interest: new Interest(topics), covers: (topic) => topics.has(topic), scope: "topics" }
  }

  /** The source that is the furthest, but not the one that just failed if there is another. */
  #whomToAsk(): Source | undefined {
    const able = this.#options.sources.filter(({ fresh, carries }) => fresh && carries)
    const others = able.filter((source) => source !== this.#avoided)
    const [first, ...rest] = others.length > 0 ? others : able
    return rest.reduce((best, source) => (source.sequence > (best?.sequence ?? 0) ? source : best), first)
  }

  /** @returns whether anything was missing no more afterwards */
  async #fetch(source: Source, task: Task): Promise<boolean> {
    const { replica, timeout, events, room } = this.#options
    const { signal } = this.#era
    const before = replica.position
    const behind = before < source.sequence && task.scope === "everything" && replica.complete
    if (behind) events.emit("behind", { source: source.name, position: before, sequence: source.sequence })
    const taken = { updates: 0, lost: replica.counts.lost, snapshot: false }
    for await (const part of source.client.fetch(task.question, task.interest, { timeout, signal })) {
      if (signal.aborted) return true
      if (!(source.epoch?.equals(part.answer.epoch) ?? false)) {
        this.#options.entered(source, part.answer.epoch)
        return signal.aborted
      }
      if (!this.#take(part, task, taken)) return false
      await room()
      if (signal.aborted) return true
    }
    this.#announce(taken)
    if (task.scope === "everything") return replica.complete && replica.position > before
    return task.scope === "unknown" ? this.#unknown === undefined : replica.gaps.size === 0 || taken.updates > 0
  }

  /** @returns whether the part is of any use */
  #take({ answer, updates: all }: Part, task: Task, taken: { updates: number; snapshot: boolean }): boolean {
    const { replica } = this.#options
    const everything = task.scope === "everything"
    if (all.some(({ topic }) => !task.interest.matches(topic))) {
      throw new ProtocolError("The publisher answered with topics that nobody asked for")
    }
    const updates = everything ? all : all.filter(({ topic }) => task.covers(topic))
    if (answer.kind === "changes") {
      if (task.question.kind !== "changes") throw new ProtocolError("The publisher answered with changes of nothing")
      taken.updates += replica.takeChanges(updates, answer.through, everything)
      return true
    }
    // A replica that lags behind ours has nothing to tell.
    if (answer.sequence < (task.scope === "unknown" ? (this.#unknown?.floor ?? 0) : replica.position)) return false
    if (!taken.snapshot) replica.beginSnapshot()
    taken.snapshot = true
    taken.updates += replica.takeSnapshotPart(updates, task.scope === "unknown")
    if (answer.more) return true
    taken.updates += replica.finishSnapshot(answer.sequence, task.covers, everything)
    if (everything || task.scope === "unknown") this.#unknown = undefined
    this.snapshots++
    return true
  }

  #announce(taken: { readonly updates: number; readonly lost: number; readonly snapshot: boolean }): void {
    const { replica, events } = this.#options
    const { updates } = taken
    const sequence = replica.position
    if (taken.snapshot) events.emit("snapshot", { updates, topics: replica.living, sequence })
    else events.emit("recovered", { updates, sequence })
    const lost = replica.counts.lost - taken.lost
    if (lost > 0) events.emit("lost", { updates: lost })
  }

  /** Longer with every failure, and never as long as another one. */
  async #pause(): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures, 10))
    const { signal } = this.#era
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, signal.aborted ? 0 : longest * (0.5 + Math.random() / 2))
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener("abort", done)
        resolve()
      }
      signal.addEventListener("abort", done)
    })
  }
}
