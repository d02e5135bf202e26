// A worker's connection to one ventilator: what comes in, what goes out, and what is still owed to it.

import { ClosedError, Dealer, type DealerOptions, type Frame } from "brokerless"
import { Register } from "../register.ts"
import { Job, type JobSource } from "./job.ts"
import {
  type Answer,
  decodeFromVentilator,
  encodeAnswers,
  encodeReady,
  encodeStarted,
  MOST_IN_MESSAGE,
  RETURNED,
  type Status,
  type TaskParcel,
} from "./wire.ts"

/** What a link asks of its worker. */
export interface LinkHost {
  readonly instance: Frame
  readonly name: string
  /** What the worker can do at once, and hold of this ventilator; undefined while it takes nothing. */
  demand(): { readonly concurrency: number; readonly capacity: number } | undefined
  /** Tasks of one ventilator beyond which nothing more is read from it: far more than it was asked for. */
  readonly most: number
  enqueue(job: Job): void
  joined(link: Link): void
  left(link: Link): void
  invalid(link: Link): void
}

export class Link implements JobSource {
  readonly endpoint: string
  readonly sharesMemory: boolean
  readonly #host: LinkHost
  readonly #dealer: Dealer
  /** Jobs that are owed an answer, by the number of their delivery. */
  readonly #jobs = new Register<number, Job>()
  /** Those of them that run and may go on, by the number of their task. */
  readonly #running = new Register<number, Job>()
  /** The ventilator that was heard last. */
  #epoch = ""
  #answers: Answer[] = []
  #announced = 0
  #relieved: (() => void) | undefined

  constructor(host: LinkHost, endpoint: string, options: DealerOptions) {
    this.#host = host
    this.endpoint = endpoint
    this.sharesMemory = endpoint.startsWith("inproc:")
    this.#dealer = new Dealer({
      linger: 5000,
      ...options,
      // What may wait to be sent is bounded by what the worker holds.
      sendHighWaterMark: 0,
      sendHighWaterMarkBytes: 0,
    })
    this.#dealer.events.on("peer:join", () => {
      this.#announced = 0
      this.demand()
      host.joined(this)
    })
    this.#dealer.events.on("peer:leave", () => this.#cut())
    this.#dealer.connect(endpoint)
    void this.#listen()
  }

  /** Tasks of this ventilator that the worker holds. */
  get held(): number {
    return this.#jobs.size
  }

  /** Says what the worker can hold, if that is worth saying. */
  demand(): void {
    const demand = this.#host.demand()
    const capacity = demand?.capacity ?? 0
    if (this.#announced === capacity) return
    // A little more or less changes nothing.
    if (capacity > 0 && this.#announced > 0 && capacity < 2 * this.#announced && 2 * capacity > this.#announced) return
    if (this.#dealer.peers.length === 0) return
    this.#announced = capacity
    this.#send(encodeReady(this.#host.instance, demand?.concurrency ?? 1, capacity, this.#host.name))
  }

  /** Says that a job begins, before it does. */
  announce(job: Job): void {
    if (job.epoch === this.#epoch) this.#send(encodeStarted(Buffer.from(job.epoch, "latin1"), [job.delivery]))
  }

  /** A job runs. */
  running(job: Job): void {
    this.#running.set(job.id, job)
  }

  /** A job ended; what became of it goes out with all others of this tick. */
  answer(job: Job, status: Status, body: Frame | undefined): void {
    job.state = "ended"
    if (this.#running.get(job.id) === job) this.#running.delete(job.id)
    if (this.#jobs.get(job.delivery) === job) this.#jobs.delete(job.delivery)
    this.#relieved?.()
    if (job.epoch !== this.#epoch) return
    if (this.#answers.push({ delivery: job.delivery, status, body }) === 1) process.nextTick(() => this.#flush())
    if (this.#answers.length === MOST_IN_MESSAGE) this.#flush()
  }

  /** Cancels all jobs. */
  cancelAll(): void {
    for (const job of this.#jobs.values()) job.cancel()
  }

  /** Sends what was answered, then parts with the ventilator. */
  close(): Promise<void> {
    this.#flush()
    // Who is not there has given to others what it is owed.
    return this.#dealer.close(this.#dealer.peers.length > 0 ? {} : { linger: 0 })
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        const messages = await this.#dealer.receiveMany(8)
        for (const message of messages) {
          this.#heard(message)
          if (this.#jobs.size > this.#host.most) await this.#relief()
        }
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #heard(message: Frame[]): void {
    const said = decodeFromVentilator(message)
    if (said === undefined) {
      this.#host.invalid(this)
      for (const peer of this.#dealer.peers) peer.disconnect()
      return
    }
    if (said.epoch !== this.#epoch) {
      // Another ventilator is there now: nobody waits for what the one before it had asked for.
      this.#flush()
      for (const job of this.#jobs.values()) job.cancel()
      // Their numbers mean something else from now on.
      this.#jobs.clear()
      this.#running.clear()
      this.#epoch = said.epoch
    }
    if (said.type === "tasks") {
      for (const task of said.tasks) this.#take(said.epoch, task)
    } else {
      for (const delivery of said.deliveries) this.#cancel(delivery)
    }
  }

  #take(epoch: string, task: TaskParcel): void {
    if (this.#jobs.has(task.delivery)) return
    const running = this.#running.get(task.id)
    if (running !== undefined && running.state === "running") {
      // It was delivered again after a connection was lost; it is being done already.
      this.#jobs.delete(running.delivery)
      running.delivery = task.delivery
      running.attempt = task.attempt
      this.#jobs.set(task.delivery, running)
      this.announce(running)
      return
    }
    const job = new Job(this, epoch, task)
    this.#jobs.set(task.delivery, job)
    this.#host.enqueue(job)
  }

  #cancel(delivery: number): void {
    const job = this.#jobs.get(delivery)
    if (job === undefined) return
    const { state } = job
    job.cancel()
    if (state === "waiting") this.answer(job, RETURNED, undefined)
  }

  /** What has not begun will be delivered to others; what runs may still come first. */
  #cut(): void {
    this.#announced = 0
    for (const job of [...this.#jobs.values()]) {
      if (job.state !== "waiting") continue
      job.state = "ended"
      this.#jobs.delete(job.delivery)
    }
    this.#relieved?.()
    this.#host.left(this)
  }

  /** Resolves when it holds no more than it may. */
  #relief(): Promise<void> {
    return new Promise((resolve) => {
      this.#relieved = () => {
        if (this.#jobs.size > this.#host.most) return
        this.#relieved = undefined
        resolve()
      }
    })
  }

  #flush(): void {
    const answers = this.#answers
    if (answers.length === 0) return
    this.#answers = []
    this.#send(encodeAnswers(Buffer.from(this.#epoch, "latin1"), answers))
  }

  #send(message: Frame[]): void {
    if (this.#dealer.closed) return
    // Without room, in the queues of all peers together, there is nothing to do but to wait for some.
    if (!this.#dealer.trySend(message)) this.#dealer.send(message).catch(closed)
  }
}

/** The worker was closed meanwhile. */
function closed(): void {}
