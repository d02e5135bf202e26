// Gets what a subscriber is missing, one thing at a time: a snapshot of an epoch that begins, changes when a heartbeat
// or a gap has shown that some are missing, and the state of prefixes that were subscribed to later.

import { AbortError, ClosedError } from "brokerless"
import type { Emitter } from "../emitter.ts"
import type { Line } from "./line.ts"
import type { Replica } from "./replica.ts"
import { mostMissing, Retrieval, type Task } from "./retrieval.ts"
import type { Source } from "./source.ts"
import type { FeedSubscriberEvents } from "./subscriber-options.ts"

/** ms before a source that failed to answer is asked again: at first, and at most. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 5000

export interface RecovererOptions<T> {
  readonly replica: Replica<T>
  readonly lines: readonly Line[]
  readonly events: Emitter<FeedSubscriberEvents>
  /** ms to wait for an answer. */
  readonly timeout: number
  readonly newestOnly: boolean
  readonly signal: AbortSignal
  /** Resolves when what is recovered can be handed out. */
  readonly room: () => Promise<void>
}

export class Recoverer<T> {
  readonly #options: RecovererOptions<T>
  readonly #sources: readonly Source[]
  /** Aborted when what is under way has become pointless. */
  #era = new AbortController()
  #working = false
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  /** The line that failed last. */
  #avoided: Line | undefined
  readonly #waiting = new Set<() => void>()

  constructor(options: RecovererOptions<T>) {
    this.#options = options
    this.#sources = options.lines.map(({ source }) => source)
    options.signal.addEventListener("abort", () => {
      clearTimeout(this.#timer)
      this.#era.abort()
      for (const wake of this.#waiting) wake()
    })
  }

  /** What is under way has become pointless: another epoch begins, or other topics are wanted. */
  moot(): void {
    this.#era.abort()
    this.#era = new AbortController()
    this.#failures = 0
  }

  /** Looks in so many ms whether anything is missing. */
  wake(delay: number): void {
    this.#tellIfWhole()
    if (this.#working || this.#options.signal.aborted) return
    if (this.#timer !== undefined && delay > 0) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#work()
    }, delay)
  }

  /** Resolves when the state of everything that is wanted is here; rejects with the reason of the signal. */
  async untilWhole(signal: AbortSignal): Promise<void> {
    while (!this.#options.replica.isWhole) {
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

  #tellIfWhole(): void {
    if (this.#options.replica.isWhole) for (const wake of this.#waiting) wake()
  }

  async #work(): Promise<void> {
    this.#working = true
    const { replica, newestOnly, signal, events } = this.#options
    while (!signal.aborted) {
      const task = mostMissing(replica, this.#sources, newestOnly)
      const line = task === undefined ? undefined : this.#whomToAsk()
      if (task === undefined || line === undefined) break
      try {
        const helped = await this.#fetch(line, task)
        this.#failures = helped ? 0 : this.#failures + 1
        if (!helped) this.#avoided = line
      } catch (error) {
        if (error instanceof ClosedError || signal.aborted) break
        // What was asked has become pointless.
        if (error instanceof AbortError) continue
        this.#failures++
        this.#avoided = line
        events.emit("recovery:failed", { source: line.source.name, error: error as Error })
      }
      this.#tellIfWhole()
      if (this.#failures > 0) await this.#pause()
    }
    this.#working = false
  }

  /** The source that is the furthest, but not the one that just failed if there is another. */
  #whomToAsk(): Line | undefined {
    const able = this.#options.lines.filter(({ source }) => source.fresh && source.carries)
    const others = able.filter((line) => line !== this.#avoided)
    const [first, ...rest] = others.length > 0 ? others : able
    return rest.reduce((best, line) => {
      return line.source.sequence > (best?.source.sequence ?? 0) ? line : best
    }, first)
  }

  /** @returns whether anything was missing no more afterwards */
  async #fetch({ source, client }: Line, task: Task): Promise<boolean> {
    const { replica, timeout, events, room } = this.#options
    const { signal } = this.#era
    const { position } = replica
    const { sequence } = source
    const behind = position < sequence && task.scope === "everything" && replica.complete
    if (behind) events.emit("behind", { source: source.name, position, sequence })
    const retrieval = new Retrieval(replica, task)
    for await (const part of client.fetch(task.question, task.interest, { timeout, signal })) {
      if (signal.aborted) return true
      // One that has begun another epoch will say so to whoever hears it; until then its answers are of no use.
      if (!source.epoch?.equals(part.answer.epoch) || !retrieval.take(part)) return false
      await room()
      if (signal.aborted) return true
    }
    this.#announce(retrieval)
    return retrieval.helped
  }

  #announce({ updates, snapshot, lost }: Retrieval<T>): void {
    const { replica, events } = this.#options
    const sequence = replica.position
    if (snapshot) events.emit("snapshot", { updates, topics: replica.living, sequence })
    else events.emit("recovered", { updates, sequence })
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
