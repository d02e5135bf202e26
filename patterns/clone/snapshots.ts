// Who waits for a snapshot, and who is being sent one. A passive server keeps those who wait until it is active.

import { type Frame, type FrameLike, type Peer, TimeoutError } from "brokerless"
import { EMPTY, endOfSnapshot, type Item, itemFrames, ttlProperty } from "./commands.ts"
import type { Table } from "./table.ts"

export interface SnapshotsSetup {
  readonly table: Table
  /** How many may be sent at once, and how many may wait. */
  readonly maxSending: number
  readonly maxWaiting: number
  /** How long a peer may read nothing of it, in ms. */
  readonly patience: number
  sequence(): number
  send(frames: readonly FrameLike[], timeout: number): Promise<void>
  refused(): void
}

interface Asker {
  readonly peer: Peer
  readonly subtree: string
  /** Another server, which wants to know when a key ends, too. */
  readonly mirror: boolean
}

export class Snapshots {
  readonly #setup: SnapshotsSetup
  readonly #waiting = new Map<Peer, Asker>()
  readonly #sending = new Set<Asker>()
  #open = false
  /** Snapshots that were sent to their end, and that were not. */
  sent = 0
  failed = 0

  constructor(setup: SnapshotsSetup) {
    this.#setup = setup
  }

  /** Whether anybody but another server waits. */
  get asked(): boolean {
    for (const { mirror } of this.#waiting.values()) if (!mirror) return true
    return false
  }

  get waiting(): number {
    return this.#waiting.size
  }

  ask(asker: Asker): void {
    if (!this.#waiting.has(asker.peer) && this.#waiting.size >= this.#setup.maxWaiting) {
      this.#setup.refused()
      return
    }
    this.#waiting.set(asker.peer, asker)
    this.#next()
  }

  left(peer: Peer): void {
    this.#waiting.delete(peer)
  }

  /** Sends what is asked for from now on, or only keeps it. */
  open(open: boolean): void {
    this.#open = open
    this.#next()
  }

  #next(): void {
    for (const [peer, asker] of this.#waiting) {
      if (!this.#open || this.#sending.size >= this.#setup.maxSending) return
      this.#waiting.delete(peer)
      this.#sending.add(asker)
      void this.#serve(asker).finally(() => {
        this.#sending.delete(asker)
        this.#next()
      })
    }
  }

  /**
   * Sends every key there was when it began, as it is when its turn comes. What changes in the meantime is published as
   * well, with a sequence above that of the end, so that the asker has it right at last.
   */
  async #serve({ peer, subtree, mirror }: Asker): Promise<void> {
    const { table, patience } = this.#setup
    const sequence = this.#setup.sequence()
    const to = peer.routingId
    try {
      for (const key of [...table.keys()]) {
        const entry = key.startsWith(subtree) ? table.get(key) : undefined
        if (entry === undefined) continue
        const item: Item = { ...entry, uuid: EMPTY, properties: mirror ? remaining(entry) : EMPTY }
        await this.#setup.send([to, ...itemFrames(item)], patience)
        if (!this.#open) return
      }
      await this.#setup.send([to, ...endOfSnapshot(sequence, subtree)], patience)
      this.sent++
    } catch (error) {
      this.failed++
      if (error instanceof TimeoutError) peer.disconnect()
    }
  }
}

/** The properties of an entry, its `ttl` as it is now. */
function remaining({
  expires,
  properties,
}: {
  readonly expires: number | undefined
  readonly properties: Frame
}): Frame {
  if (expires === undefined) return properties
  const others = properties.toString("latin1").replace(/^ttl=.*\n?/gm, "")
  return Buffer.concat([Buffer.from(others, "latin1"), ttlProperty(Math.max(expires - performance.now(), 1))])
}
