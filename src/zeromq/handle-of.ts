// From the object that an application holds to what is behind it. Known to sockets alone, asked by whatever is given
// one: observers and proxies.

import type { Handle } from "./handle.ts"

let known: (object: object) => Handle | undefined = () => undefined

/** Sockets say how it is found. */
export function knowHandles(find: (object: object) => Handle | undefined): void {
  known = find
}

/** What is behind a socket; undefined for what is none. */
export function handleOf(object: object): Handle | undefined {
  return known(object)
}
