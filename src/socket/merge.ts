// Several sockets as one iteration. A message is taken only when the loop asks for it, so leaving it loses nothing.

import { ClosedError, OptionError } from "../errors.ts"
import { describe } from "../message.ts"
import { type Inbox, SKIP } from "./inbox.ts"
import { inNextTurn } from "./pace.ts"
import type { Readable } from "./readable.ts"
import { hubOf, Socket } from "./socket.ts"

/** What a merged iteration yields: the name of a socket, and what it received. */
export type Merged<T extends Readonly<Record<string, Readable<unknown>>>> = {
  [K in keyof T & string]: [name: K, message: T[K] extends Readable<infer R> ? R : never]
}[keyof T & string]

/**
 * Iterates over the messages of several sockets as they come, the sockets taking turns, until all of them are closed.
 *
 * ```ts
 * for await (const [name, message] of merge({ jobs, news })) { … }
 * ```
 *
 * @throws {@link OptionError} if one of them is not a socket that receives
 */
export function merge<T extends Readonly<Record<string, Readable<unknown>>>>(
  sockets: T,
): AsyncGenerator<Merged<T>, void, undefined> {
  if (typeof sockets !== "object" || sockets === null) {
    throw new OptionError("sockets", `merge() takes an object of sockets that receive, got ${describe(sockets)}`)
  }
  return taking(Object.entries(sockets).map(([name, socket]) => ({ name, inbox: inboxOf(name, socket) })))
}

interface Source {
  readonly name: string
  readonly inbox: Inbox<unknown>
}

async function* taking<M>(all: readonly Source[]): AsyncGenerator<M, void, undefined> {
  let sources = all
  while (sources.length > 0) {
    let found = false
    for (const { name, inbox } of sources) {
      const message = inbox.takeNow()
      if (message === SKIP) continue
      found = true
      yield [name, message] as M
      if (inbox.pace.spent()) await inNextTurn()
    }
    sources = sources.filter(({ inbox }) => !inbox.closed)
    if (!found && sources.length > 0) await somethingIn(sources.map(({ inbox }) => inbox))
  }
}

function inboxOf(name: string, socket: unknown): Inbox<unknown> {
  const inbox = socket instanceof Socket ? hubOf(socket).inbox : undefined
  if (inbox !== undefined) return inbox
  throw new OptionError("sockets", `merge() takes sockets that receive; ${JSON.stringify(name)} is ${describe(socket)}`)
}

/** Resolves when one of them has a message or is closed. */
async function somethingIn(inboxes: readonly Inbox<unknown>[]): Promise<void> {
  const enough = new AbortController()
  const looks = inboxes.map((inbox) => inbox.look(enough.signal))
  try {
    await Promise.race(looks)
  } catch (error) {
    if (!(error instanceof ClosedError)) throw error
  } finally {
    enough.abort()
    await Promise.allSettled(looks)
  }
}
