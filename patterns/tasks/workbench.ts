// The place where a worker does its jobs: so many at once, the others in order, and between bursts of handlers that
// follow each other without a pause the event loop gets its turn.

import type { Job } from "./job.ts"

/** For how long handlers may run one after the other before the event loop gets its turn, in ms. */
const BURST_MS = 2

export class Workbench {
  /** Jobs that may run at once. */
  concurrency = 0
  readonly #run: (job: Job) => void
  #running = 0
  /** Jobs that wait, from `#next` on. */
  #queue: Job[] = []
  #next = 0
  /** When the handlers of this turn of the event loop began; 0 in a turn in which none has. */
  #burst = 0
  #paused = false

  /** `run` begins with a job, and calls {@link ended} when it has come to its end. */
  constructor(run: (job: Job) => void) {
    this.#run = run
  }

  get running(): number {
    return this.#running
  }

  /** Puts a job behind those that wait. */
  add(job: Job): void {
    this.#queue.push(job)
    this.#turn()
  }

  /** A job that ran has ended; within the call that began with it, or later. */
  ended(later: boolean): void {
    this.#running--
    // Called in the midst of a turn, that goes on by itself.
    if (later) this.#turn()
  }

  /** Takes away the next that waits. */
  shift(): Job | undefined {
    for (;;) {
      const job = this.#queue[this.#next]
      if (job === undefined) {
        this.#queue = []
        this.#next = 0
        return undefined
      }
      this.#next++
      if (job.state === "waiting") return job
    }
  }

  /** Begins with what can be begun. */
  #turn(): void {
    if (this.#paused) return
    while (this.#running < this.concurrency) {
      const now = performance.now()
      if (this.#burst === 0) this.#open(now)
      else if (now - this.#burst > BURST_MS) {
        this.#paused = true
        return
      }
      const job = this.shift()
      if (job === undefined) return
      this.#running++
      job.state = "running"
      job.begun = now
      this.#run(job)
    }
  }

  #open(now: number): void {
    this.#burst = now
    setImmediate(() => {
      this.#burst = 0
      if (!this.#paused) return
      this.#paused = false
      this.#turn()
    })
  }
}
