// What there is to work with, in the words of the `zeromq` package.

/** The version of libzmq whose behaviour this is. */
export const version: string = "4.3.5"

/** What this door can do of what builds of libzmq can. */
export const capability: Partial<{
  ipc: boolean
  pgm: boolean
  tipc: boolean
  norm: boolean
  curve: boolean
  gssapi: boolean
  draft: boolean
}> = { ipc: true, pgm: false, tipc: false, norm: false, curve: true, gssapi: false, draft: true }
