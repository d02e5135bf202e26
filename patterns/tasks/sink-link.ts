// A worker's connection to a sink: results go there and are kept until it has taken them; only then is the ventilator
// told that their tasks are done.

import { ClosedError, Dealer, type DealerOptions, type Frame } from "brokerless"
import { Register } from "../register.ts"
import type { Job } from "./job.ts"
import { decodeTaken, encodeResults, MOST_IN_MESSAGE, type ResultParcel } from "./wire.ts"

interface Owed {
  readonly job: Job
  readonly parcel: ResultParcel
}

export class SinkLink {
  readonly #dealer: Dealer
  readonly #taken: (job: Job) => void
  /** Results that the sink has not taken, by token. */
  readonly #owed = new Register<number, Owed>()
  #fresh: ResultParcel[] = []
  #tokens = 0
  #emptied: (() => void) | undefined

  /** `taken` is told each job whose result the sink has taken. */
  constructor(endpoint: string, options: DealerOptions, taken: (job: Job) => void) {
    this.#taken = taken
    this.#dealer = new Dealer({ linger: 0, ...options, sendHighWaterMark: 0, sendHighWaterMarkBytes: 0 })
    this.#dealer.events.on("peer:join", () => this.#again())
    this.#dealer.connect(endpoint)
    void this.#listen()
  }

  /** Results that the sink has not taken. */
  get owed(): number {
    return this.#owed.size
  }

  deliver(job: Job, body: Frame): void {
    const token = ++this.#tokens
    const parcel = { token, epoch: job.epoch, id: job.id, key: job.key ?? "", body }
    this.#owed.set(token, { job, parcel })
    if (this.#fresh.push(parcel) === 1) process.nextTick(() => this.#flush())
    if (this.#fresh.length === MOST_IN_MESSAGE) this.#flush()
  }

  /** Resolves when the sink has taken everything. */
  whenEmpty(): Promise<void> {
    if (this.#owed.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#emptied = resolve
    })
  }

  close(): Promise<void> {
    return this.#dealer.close()
  }

  /** A sink is there, for the first time or again: nobody knows what it had read of what was sent before. */
  #again(): void {
    this.#fresh = []
    const all = Array.from(this.#owed.values(), ({ parcel }) => parcel)
    for (let from = 0; from < all.length; from += MOST_IN_MESSAGE) this.#send(all.slice(from, from + MOST_IN_MESSAGE))
  }

  #flush(): void {
    const fresh = this.#fresh
    if (fresh.length === 0) return
    this.#fresh = []
    // Nobody is there: it all goes out when somebody is.
    if (this.#dealer.peers.length > 0) this.#send(fresh)
  }

  #send(parcels: readonly ResultParcel[]): void {
    if (this.#dealer.closed) return
    const message = encodeResults(parcels)
    if (!this.#dealer.trySend(message)) this.#dealer.send(message).catch(closed)
  }

  async #listen(): Promise<void> {
    try {
      for (;;) {
        for (const message of await this.#dealer.receiveMany(64)) {
          for (const token of decodeTaken(message)?.tokens ?? []) this.#settle(token)
        }
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #settle(token: number): void {
    const owed = this.#owed.get(token)
    if (owed === undefined) return
    this.#owed.delete(token)
    this.#taken(owed.job)
    if (this.#owed.size === 0) this.#emptied?.()
  }
}

/** The worker was closed meanwhile. */
function closed(): void {}
