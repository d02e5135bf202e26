// The peer with the least to do. Load = queued here + not yet proven to be read + requests not yet answered.
// Equals take turns, so that idle peers share evenly.

import type { Pipe } from "../pipe/pipe.ts"
import type { Balancer } from "./balancer.ts"

export class LeastLoaded implements Balancer {
  #pipes: Pipe[] = []
  #start = 0

  add(pipe: Pipe): void {
    if (!this.#pipes.includes(pipe)) this.#pipes.push(pipe)
  }

  remove(pipe: Pipe): void {
    this.#pipes = this.#pipes.filter((other) => other !== pipe)
  }

  relieved(): void {}

  choose(): Pipe | undefined {
    return this.#least("ready", false) ?? this.#least("waiting", false)
  }

  available(): boolean {
    return this.#pipes.some((pipe) => pipe.hasRoom)
  }

  adopt(): Pipe | undefined {
    return this.#least("ready", true)
  }

  #least(state: Pipe["state"], overMark: boolean): Pipe | undefined {
    const pipes = this.#pipes
    const count = pipes.length
    let best: Pipe | undefined
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < count; i++) {
      const pipe = pipes[(this.#start + i) % count] as Pipe
      if (pipe.state !== state) continue
      const load = loadOf(pipe)
      if (load < least && (overMark || pipe.hasRoom)) {
        best = pipe
        least = load
        if (load === 0) break
      }
    }
    this.#start = (this.#start + 1) % Math.max(1, count)
    return best
  }
}

/** What a peer has to do, as far as it is known here. */
export function loadOf(pipe: Pipe): number {
  return pipe.outbound.length + pipe.unproven + pipe.outstanding
}
