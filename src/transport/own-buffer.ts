// Sockets that read into memory of our own choosing, instead of a new 64 KiB for every read. Node.js offers it to those
// who make a socket (`onread`), but not for those that a server accepts. So an accepted socket is given afterwards what
// that option would have given it. Where a runtime keeps it otherwise, the caller stays with what it has.
// docs/design/0012 has the figures.

import { Socket, type SocketConstructorOpts } from "node:net"
import type { Bytes } from "../bytes.ts"

/** Where reads go, and what is told of them. */
export interface ReadTarget {
  /** Memory for the next read; asked once at the start, and after each read. */
  buffer(): Bytes
  /** That many octets were read into it. */
  read(length: number): void
}

interface Handle {
  useUserBuffer?: (buffer: Bytes) => void
}

/** The fields in which a socket keeps what `onread` said. */
interface Fields {
  readonly current: symbol
  readonly next: symbol
  readonly callback: symbol
}

type Internals = Record<symbol, unknown> & { readonly _handle?: Handle | null }

let fields: Fields | undefined | null = null

/** Makes `socket`, which must be connected and not have read anything yet, read that way; false if it cannot. */
export function readInto(socket: Socket, target: ReadTarget): boolean {
  const internals = socket as unknown as Internals
  const handle = internals._handle
  if (typeof handle?.useUserBuffer !== "function" || socket.readableLength > 0) return false
  if (fields === null) fields = findFields()
  if (fields === undefined) return false
  const first = target.buffer()
  internals[fields.next] = () => target.buffer()
  internals[fields.callback] = (length: number) => {
    target.read(length)
    return true
  }
  internals[fields.current] = first
  handle.useUserBuffer(first)
  return true
}

/** They have no names that one could know, but a socket that was made with `onread` shows which they are. */
function findFields(): Fields | undefined {
  const onread = { buffer: () => new Uint8Array(1), callback: () => true }
  const socket = new Socket({ onread } as SocketConstructorOpts) as unknown as Internals
  const without = new Socket() as unknown as Internals
  const symbols = Object.getOwnPropertySymbols(socket)
  const next = symbols.find((symbol) => socket[symbol] === onread.buffer)
  const callback = symbols.find((symbol) => socket[symbol] === onread.callback)
  // True until there is a handle to read with, and a buffer from then on.
  const [current, ...others] = symbols.filter((symbol) => socket[symbol] === true && !without[symbol])
  if (next === undefined || callback === undefined || current === undefined || others.length > 0) return undefined
  return { current, next, callback }
}
