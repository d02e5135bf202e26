// What a consumer has to say to its exchanges about what it was sent: gathered for a moment, then said, and said later
// where a connection takes nothing. At most as much as an exchange may send ahead.

import type { Frame, Peer } from "brokerless"
import type { Verdict } from "./delivery.ts"
import { acknowledge, reject } from "./wire.ts"

/** ms after which a connection that took nothing is tried again. */
const RETRY_MS = 20

/** What is said together in one message at most. */
const TOGETHER = 1000

/** One exchange, as a consumer sees it. */
export class Source {
  readonly peer: Peer
  /** What it has sent and has not been told about. */
  readonly outstanding: Set<number> = new Set()
  readonly verdicts: Readonly<Record<Verdict, number[]>> = { acknowledge: [], requeue: [], reject: [] }

  constructor(peer: Peer) {
    this.peer = peer
  }
}

export class Verdicts {
  readonly #tell: (peer: Peer, message: readonly Frame[]) => boolean
  readonly #pending = new Set<Source>()
  #scheduled = false
  #timer: NodeJS.Timeout | undefined

  constructor(tell: (peer: Peer, message: readonly Frame[]) => boolean) {
    this.#tell = tell
  }

  /** False when there is nothing to be said about this any more. */
  add(source: Source, tag: number, verdict: Verdict): boolean {
    if (!source.outstanding.delete(tag)) return false
    source.verdicts[verdict].push(tag)
    this.#pending.add(source)
    if (!this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(() => this.flush())
    }
    return true
  }

  forget(source: Source): void {
    this.#pending.delete(source)
  }

  flush(): void {
    this.#scheduled = false
    for (const source of this.#pending) {
      if (this.#say(source)) this.#pending.delete(source)
    }
    if (this.#pending.size === 0) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.flush()
    }, RETRY_MS)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#pending.clear()
  }

  #say({ peer, verdicts }: Source): boolean {
    return (
      this.#drain(peer, verdicts.acknowledge, acknowledge) &&
      this.#drain(peer, verdicts.requeue, (tags) => reject(true, tags)) &&
      this.#drain(peer, verdicts.reject, (tags) => reject(false, tags))
    )
  }

  #drain(peer: Peer, tags: number[], compose: (tags: readonly number[]) => Frame[]): boolean {
    while (tags.length > 0) {
      if (!this.#tell(peer, compose(tags.slice(0, TOGETHER)))) return false
      tags.splice(0, TOGETHER)
    }
    return true
  }
}
