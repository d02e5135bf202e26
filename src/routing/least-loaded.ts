// The peer with the least to do. Load = queued here + not yet proven to be read + requests not yet answered.
// Equals take turns, so that idle peers share evenly.
//
// A peer that is always given as much as the others may hold is the last to finish, if it is slow. So each has an
// allowance: the window of the fastest, and of the others the part of it that answers to their speed. Speeds are
// compared by what each got done while the socket gave out the same number of messages: no clock is needed, and
// nothing is learned while nothing is to do (docs/design/0010-least-loaded.md).
// Budget per message: one pass over the peers, no object.

import type { Pipe } from "../pipe/pipe.ts"
import type { Balancer } from "./balancer.ts"

/** What a peer about whom nothing is known may hold; it doubles for as long as the peer keeps up. */
const FIRST_ALLOWANCE = 16
/** Less than this tells too little about a peer. */
const LEAST_ALLOWANCE = 4
/** A little more than a peer deserves: one that has become faster could not show it otherwise. */
const HEADROOM = 1.25

interface Candidate {
  readonly pipe: Pipe
  /** Messages given to it. */
  given: number
  /** Messages it was done with at the last reckoning. */
  done: number
  /** Whether it had no room since the last reckoning; otherwise its allowance was of no consequence. */
  full: boolean
}

export class LeastLoaded implements Balancer {
  readonly #window: number
  #candidates: Candidate[] = []
  #start = 0
  #untilReckoning = 0

  /** `window`: what any peer may hold at most. */
  constructor(window: number) {
    this.#window = window
  }

  add(pipe: Pipe): void {
    this.remove(pipe)
    pipe.window = Math.min(this.#window, FIRST_ALLOWANCE)
    this.#candidates.push({ pipe, given: loadOf(pipe), done: 0, full: false })
  }

  remove(pipe: Pipe): void {
    this.#candidates = this.#candidates.filter((other) => other.pipe !== pipe)
  }

  relieved(): void {}

  choose(): Pipe | undefined {
    if (this.#untilReckoning <= 0) this.#reckon()
    return this.#least("ready", false) ?? this.#least("waiting", false)
  }

  available(): boolean {
    return this.#candidates.some(({ pipe }) => pipe.hasRoom)
  }

  adopt(): Pipe | undefined {
    return this.#least("ready", true)
  }

  #least(state: Pipe["state"], overMark: boolean): Pipe | undefined {
    const candidates = this.#candidates
    const count = candidates.length
    let best: Candidate | undefined
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++) {
      const candidate = candidates[(this.#start + i) % count] as Candidate
      const { pipe } = candidate
      if (pipe.state !== state) continue
      const load = loadOf(pipe)
      if (load >= least) continue
      if (!overMark && !pipe.hasRoom) {
        candidate.full = true
        continue
      }
      best = candidate
      least = load
      if (load === 0) break
    }
    this.#start = (this.#start + 1) % Math.max(1, count)
    if (best === undefined) return undefined
    best.given++
    this.#untilReckoning--
    return best.pipe
  }

  /** Adjusts the allowances to what each peer got done since the last time. */
  #reckon(): void {
    const candidates = this.#candidates
    let most = 0
    for (const { pipe, given, done } of candidates) most = Math.max(most, given - loadOf(pipe) - done)
    let allowances = 0
    for (const candidate of candidates) {
      const { pipe, given, full } = candidate
      if (most > 0) {
        const done = given - loadOf(pipe)
        if (full) {
          const deserved = Math.ceil((this.#window * HEADROOM * (done - candidate.done)) / most)
          pipe.window = Math.min(this.#window, pipe.window * 2, Math.max(deserved, LEAST_ALLOWANCE))
        }
        candidate.done = done
        candidate.full = false
      }
      allowances += pipe.window
    }
    this.#untilReckoning = allowances
  }
}

/** What a peer has to do, as far as it is known here. */
export function loadOf(pipe: Pipe): number {
  return pipe.outbound.length + pipe.unproven + pipe.outstanding
}
