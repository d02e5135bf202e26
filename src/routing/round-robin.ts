// ZeroMQ's own way (RFC 28, 30): everybody with room in turn. Peers that are there come before endpoints whose peer is
// still to come.

import type { Pipe } from "../pipe/pipe.ts"
import type { Balancer } from "./balancer.ts"
import { HEIR_TURN, Rotation, WAITING_TURN, WRITE_TURN } from "./rotation.ts"

export class RoundRobin implements Balancer {
  readonly #ready = new Rotation(WRITE_TURN)
  readonly #waiting = new Rotation(WAITING_TURN)
  /** Everybody, whether there is room or not. */
  readonly #heirs = new Rotation(HEIR_TURN)

  add(pipe: Pipe): void {
    this.#heirs.enter(pipe)
    this.relieved(pipe)
  }

  remove(pipe: Pipe): void {
    this.#heirs.leave(pipe)
    this.#ready.leave(pipe)
    this.#waiting.leave(pipe)
  }

  relieved(pipe: Pipe): void {
    if (pipe.state === "ready") this.#ready.enter(pipe)
    else if (pipe.state === "waiting") this.#waiting.enter(pipe)
  }

  choose(): Pipe | undefined {
    return this.#next(this.#ready, "ready") ?? this.#next(this.#waiting, "waiting")
  }

  available(): boolean {
    return this.#first(this.#ready, "ready") !== undefined || this.#first(this.#waiting, "waiting") !== undefined
  }

  adopt(): Pipe | undefined {
    const heirs = this.#heirs
    for (let tries = heirs.length; tries > 0; tries--) {
      const pipe = heirs.head()
      if (pipe?.state === "gone") heirs.retire()
      else heirs.advance()
      if (pipe?.state === "ready") return pipe
    }
    return undefined
  }

  #next(rotation: Rotation, state: Pipe["state"]): Pipe | undefined {
    const pipe = this.#first(rotation, state)
    if (pipe !== undefined) rotation.advance()
    return pipe
  }

  /** Whose turn it is, once those who cannot act have been retired. */
  #first(rotation: Rotation, state: Pipe["state"]): Pipe | undefined {
    for (let pipe = rotation.head(); pipe !== undefined; pipe = rotation.head()) {
      if (pipe.state === state && pipe.hasRoom) return pipe
      rotation.retire()
    }
    return undefined
  }
}
