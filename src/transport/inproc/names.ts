// The names of this thread: what is bound here, who waits here, and the thread's place among the others. They hang on
// globalThis, so that two installed copies of this library meet.

import { answerStranger } from "./arrival.ts"
import type { Bound } from "./meeting.ts"
import { Threads } from "./threads.ts"

/** Somebody in this thread who waits for a name to be bound. */
export interface Caller {
  join(bound: Bound): void
}

export class Names {
  readonly threads: Threads
  readonly #bound = new Map<string, Bound>()
  readonly #callers = new Map<string, Set<Caller>>()

  constructor(threads?: Threads) {
    this.threads = threads ?? new Threads((opening, line) => answerStranger(opening, line, (name) => this.bound(name)))
  }

  /** What is bound in this thread. */
  bound(name: string): Bound | undefined {
    return this.#bound.get(name)
  }

  /** All names that are bound or waited for in this thread. */
  get known(): string[] {
    return [...this.#bound.keys(), ...this.#callers.keys()]
  }

  /** From now on the name is bound here; whoever waited for it is told. */
  bind(name: string, bound: Bound): void {
    this.#bound.set(name, bound)
    for (const caller of this.#callers.get(name) ?? []) {
      // Whoever is told may make others leave, or the name be given back.
      if (this.#bound.get(name) !== bound) return
      this.leave(name, caller)
      caller.join(bound)
    }
  }

  unbind(name: string): void {
    this.#bound.delete(name)
  }

  /** What is bound here under that name; if nothing is, the caller is told once something is. */
  meet(name: string, caller: Caller): Bound | undefined {
    const bound = this.#bound.get(name)
    if (bound === undefined) this.#callers.set(name, (this.#callers.get(name) ?? new Set()).add(caller))
    return bound
  }

  /** The caller waits no more. */
  leave(name: string, caller: Caller): void {
    const callers = this.#callers.get(name)
    callers?.delete(caller)
    if (callers?.size === 0) this.#callers.delete(name)
  }
}

/** Where they hang. */
export const NAMES: unique symbol = Symbol.for("brokerless.inproc.1")
const holder = globalThis as unknown as { [NAMES]?: Names }

export function names(): Names {
  holder[NAMES] ??= new Names()
  return holder[NAMES]
}

// Threads that are started from now on inherit where names are found.
names()
