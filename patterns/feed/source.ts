// One publisher as a subscriber sees it: what it last said of itself, and whether everything it sent has arrived. No
// sockets and no time.

import type { Heartbeat } from "./heartbeat.ts"

/** A range of feed sequences of which everything has arrived. */
export interface Proof {
  readonly from: number
  readonly to: number
}

export class Source {
  /** Its endpoint for updates. */
  readonly name: string
  /** When it was last heard. */
  heard = 0
  fresh = false
  epoch: Buffer | undefined
  /** Whether its epoch is the one that the subscriber follows. */
  carries = false
  /** It began the epoch again, and is not yet where it was. */
  lagging = false
  /** The feed sequence of its last heartbeat. */
  sequence = 0
  #last: Heartbeat | undefined
  #received = 0

  constructor(name: string) {
    this.name = name
  }

  /** It is of another epoch. */
  enter(epoch: Buffer): void {
    this.epoch = epoch
    this.sequence = 0
    this.lagging = false
    this.loseTrack()
  }

  /** An update arrived. */
  count(): void {
    this.#received++
  }

  /** Something that arrived could not be kept, so that counting proves nothing until the next heartbeat. */
  loseTrack(): void {
    this.#last = undefined
    this.#received = 0
  }

  /** A heartbeat arrived: what it proves. */
  beat(beat: Heartbeat): Proof | undefined {
    const last = this.#last
    const received = this.#received
    this.#last = beat
    this.#received = 0
    this.sequence = beat.sequence
    const isNext = last !== undefined && last.registration === beat.registration
    if (!isNext || beat.count - last.count !== received) return undefined
    return { from: last.sequence, to: beat.sequence }
  }
}
