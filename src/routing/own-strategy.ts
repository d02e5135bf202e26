// Balancing by a function of the application. It is shown the peers that can take a message now, and no others.

import { OptionError } from "../errors.ts"
import { describe, type Message } from "../message.ts"
import type { BalanceStrategy, PeerLoad } from "../options.ts"
import type { Peer } from "../peer.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { Register } from "../register.ts"
import type { Balancer } from "./balancer.ts"

export class OwnStrategy implements Balancer {
  readonly #strategy: BalanceStrategy<unknown>
  readonly #loads = new Register<Pipe, LiveLoad>()
  /** What the application gave, where that is not the message itself: it may have to be shown again. */
  readonly #subjects = new WeakMap<Message, unknown>()

  constructor(strategy: BalanceStrategy<unknown>) {
    this.#strategy = strategy
  }

  add(pipe: Pipe): void {
    if (pipe.state === "ready") this.#loads.set(pipe, new LiveLoad(pipe))
  }

  remove(pipe: Pipe): void {
    this.#loads.delete(pipe)
  }

  relieved(): void {}

  choose(message: Message, subject: unknown): Pipe | undefined {
    if (subject !== message) this.#subjects.set(message, subject)
    const candidates: LiveLoad[] = []
    for (const [pipe, load] of this.#loads) if (pipe.state === "ready" && pipe.hasRoom) candidates.push(load)
    if (candidates.length === 0) return undefined
    const chosen = this.#strategy(candidates, this.#subjects.get(message) ?? subject)
    if (chosen === undefined) return undefined
    const load = candidates.find((candidate) => candidate === chosen)
    if (load === undefined) {
      throw new OptionError("balance", `balance must return one of the peers it was given, got ${describe(chosen)}`)
    }
    return load.pipe
  }

  available(): boolean {
    for (const pipe of this.#loads.keys()) if (pipe.state === "ready" && pipe.hasRoom) return true
    return false
  }

  adopt(): Pipe | undefined {
    for (const pipe of this.#loads.keys()) if (pipe.state === "ready") return pipe
    return undefined
  }
}

/** The load of a peer at the moment of reading. */
class LiveLoad implements PeerLoad {
  readonly #pipe: Pipe

  constructor(pipe: Pipe) {
    this.#pipe = pipe
  }

  get pipe(): Pipe {
    return this.#pipe
  }

  get peer(): Peer {
    return this.#pipe.peer as Peer
  }

  get queued(): number {
    return this.#pipe.outbound.length
  }

  get unproven(): number {
    return this.#pipe.unproven
  }

  get outstanding(): number {
    return this.#pipe.outstanding
  }
}
