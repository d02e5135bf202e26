// The names of this thread: what is bound here, who waits here, and the thread's place among the others. They hang on
// globalThis, so that two installed copies of this library meet.

import { answerStranger } from "./arrival.ts"
import type { Bound } from "./meeting.ts"
import { Threads } from "./threads.ts"

/** Somebody in this thread who waits for a name to be bound. */
export interface Caller {
  join(bound: Bound): void
}

export interface Names {
  readonly bound: Map<string, Bound>
  readonly callers: Map<string, Set<Caller>>
  readonly threads: Threads
}

const KEY: unique symbol = Symbol.for("brokerless.inproc.1")
const holder = globalThis as unknown as { [KEY]?: Names }

export function names(): Names {
  if (holder[KEY] === undefined) {
    const bound = new Map<string, Bound>()
    holder[KEY] = {
      bound,
      callers: new Map(),
      threads: new Threads((opening, line) => answerStranger(opening, line, (name) => bound.get(name))),
    }
  }
  return holder[KEY]
}

// Threads that are started from now on inherit where names are found.
names()
