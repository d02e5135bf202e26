// One service as the broker knows it: who offers it, and who waits for it. A service is forgotten when nobody does
// either. Nothing here sends.

import type { Frame, Message, Peer } from "brokerless"
import { Crowd } from "../crowd.ts"

/** A request that the broker holds. */
export interface HeldRequest {
  readonly client: Peer
  readonly service: Service
  readonly body: Message
  /** Octets of the body, and 64 for each of its frames. */
  readonly bytes: number
  /** When it came. */
  readonly since: number
  /** How many workers it was given to. */
  deliveries: number
}

/** A worker that has said READY. */
export interface KnownWorker {
  readonly id: Frame
  readonly service: Service
  /** What it works on. */
  request: HeldRequest | undefined
  /** Whether a PARTIAL of that was passed on. */
  streamed: boolean
  /** When it was last heard of. */
  seen: number
  /** When it was last told something. */
  told: number
}

export class Service {
  readonly name: string
  readonly workers: Set<KnownWorker> = new Set()
  /** The one that has been idle for longest comes first. */
  readonly idle: Set<KnownWorker> = new Set()
  readonly #waiting = new Crowd<HeldRequest>()
  /** Those whose worker was lost: they go first. */
  readonly #again = new Crowd<HeldRequest>()

  constructor(name: string) {
    this.name = name
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting.size + this.#again.size
  }

  get unused(): boolean {
    return this.workers.size === 0 && this.waiting === 0
  }

  add(request: HeldRequest): void {
    if (request.deliveries > 0) this.#again.add(request)
    else this.#waiting.add(request)
  }

  remove(request: HeldRequest): boolean {
    return this.#again.delete(request) || this.#waiting.delete(request)
  }

  first(): HeldRequest | undefined {
    for (const request of this.#again) return request
    for (const request of this.#waiting) return request
    return undefined
  }

  /** All that wait, in the order in which they are served. They may be removed on the way. */
  *requests(): IterableIterator<HeldRequest> {
    yield* this.#again
    yield* this.#waiting
  }

  /** All that have waited since before `time`. */
  *before(time: number): IterableIterator<HeldRequest> {
    for (const request of this.#again) if (request.since < time) yield request
    for (const request of this.#waiting) {
      // These are in the order in which they came.
      if (request.since >= time) return
      yield request
    }
  }
}
