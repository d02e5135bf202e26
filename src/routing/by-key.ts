// Messages of one key to one peer: highest-random-weight hashing, so that a key moves only when its peer leaves, or a
// newcomer wins it. Peers are named by their endpoint if we connected to it, else by their routing id, else they are
// nobody but themselves.

import { type Bytes, isBytes, toKey } from "../bytes.ts"
import { MessageError } from "../errors.ts"
import { describe, type Message } from "../message.ts"
import type { ByKey } from "../options.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { Register } from "../register.ts"
import type { Balancer } from "./balancer.ts"

/**
 * Balancing for `Push`, `Dealer` and `Request`: messages for which `key` returns the same go to the same peer.
 * With a codec `key` gets the value, without one the frames.
 *
 * @throws {@link MessageError} if `key` is not a function
 */
export function byKey<M = Message>(key: (message: M) => string | Bytes): ByKey<M> {
  if (typeof key !== "function") {
    throw new MessageError("EINVAL", `byKey() takes a function that returns the key of a message, got ${describe(key)}`)
  }
  return Object.freeze({ kind: "byKey", key })
}

export class KeyedBalancer implements Balancer {
  readonly #key: (message: unknown) => unknown
  /** Hashes of the pipes' names. */
  readonly #names = new Register<Pipe, number>()
  /** Keys of messages that may have to be given to another peer. */
  readonly #keys = new WeakMap<Message, number>()

  constructor(strategy: ByKey<unknown>) {
    this.#key = strategy.key
  }

  add(pipe: Pipe): void {
    this.#names.set(pipe, hash(nameOf(pipe)))
  }

  remove(pipe: Pipe): void {
    this.#names.delete(pipe)
  }

  relieved(): void {}

  choose(message: Message, subject: unknown): Pipe | undefined {
    const key = this.#keys.get(message) ?? this.#hashOf(message, subject)
    const pipe = this.#winner(key, "ready") ?? this.#winner(key, "waiting")
    // The answer changes nothing here, but a full pipe tells of its room only to those who asked.
    void pipe?.hasRoom
    return pipe
  }

  available(): boolean {
    for (const pipe of this.#names.keys()) if (pipe.hasRoom) return true
    return false
  }

  adopt(message: Message): Pipe | undefined {
    return this.#winner(this.#keys.get(message) ?? 0, "ready")
  }

  #hashOf(message: Message, subject: unknown): number {
    const key = this.#key(subject)
    if (typeof key !== "string" && !isBytes(key)) {
      throw new MessageError("EINVAL", `The key of a message must be a string or a Buffer, got ${describe(key)}`)
    }
    const hashed = hash(typeof key === "string" ? key : toKey(key))
    this.#keys.set(message, hashed)
    return hashed
  }

  #winner(key: number, state: Pipe["state"]): Pipe | undefined {
    let winner: Pipe | undefined
    let highest = -1
    for (const [pipe, name] of this.#names) {
      if (pipe.state !== state) continue
      const weight = finish(key ^ name)
      if (weight > highest) {
        winner = pipe
        highest = weight
      }
    }
    return winner
  }
}

function nameOf(pipe: Pipe): string {
  if (pipe.connecting) return pipe.endpoint
  const routingId = pipe.peer?.routingId
  if (routingId !== undefined && routingId.length > 0) return toKey(routingId)
  return `#${pipe.peer?.id ?? 0}`
}

/** FNV-1a over UTF-16 code units, then a finalizer: neighbouring names must not have neighbouring hashes. */
function hash(text: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  return finish(h)
}

/** Spreads every bit of a 32-bit number over all of them. */
function finish(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return (h ^ (h >>> 16)) >>> 0
}
