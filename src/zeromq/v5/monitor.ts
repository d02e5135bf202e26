// Events of a socket, by the names that versions 4 and 5 emit them.

import type { ErrnoError } from "../errno.ts"
import type { Event } from "../event-types.ts"
import type { Observer } from "../observer.ts"

/** How one event is emitted: its name, and what follows. */
export type Emitted = readonly [name: string, value: number | undefined, address: string, error: Error | undefined]

const NAMES: ReadonlyMap<string, string> = new Map([
  ["connect", "connect"],
  ["connect:delay", "connect_delay"],
  ["connect:retry", "connect_retry"],
  ["bind", "listen"],
  ["bind:error", "bind_error"],
  ["accept", "accept"],
  ["accept:error", "accept_error"],
  ["close", "close"],
  ["close:error", "close_error"],
  ["disconnect", "disconnect"],
])

/** Tells of events until the socket, or the observer, is closed. What `tell` throws goes to `fail`. */
export async function watch(
  observer: Observer,
  tell: (...emitted: Emitted) => void,
  fail: (fault: unknown) => void,
): Promise<void> {
  while (!observer.closed) {
    let event: Event
    try {
      event = await observer.receive()
    } catch {
      // It was closed meanwhile, which is how watching ends.
      return
    }
    const emitted = emittedFor(event)
    try {
      if (emitted !== undefined) tell(...emitted)
    } catch (fault) {
      fail(fault)
    }
  }
}

/** What events may tell, each of them a part of it. */
interface Details {
  readonly address: string
  readonly interval?: number
  readonly error?: ErrnoError
}

/** Nothing for events that these versions do not know, as all of handshakes. */
function emittedFor(event: Event): Emitted | undefined {
  const name = NAMES.get(event.type)
  if (name === undefined) return undefined
  const { address, interval, error } = event as unknown as Details
  return [name, interval ?? error?.errno, address, error]
}
