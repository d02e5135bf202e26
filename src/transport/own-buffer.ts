// Sockets that read into memory of our own choosing, instead of a new 64 KiB for every read. Node.js offers it to those
// who connect (`onread`); to give it to accepted sockets as well, the handle moves to a new socket. Where a runtime has
// no such handle, the caller stays with the socket it has. docs/design/0012 has the figures.

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
  useUserBuffer?: unknown
}

/** The internal fields of a socket that have to come along. */
interface Internals {
  _handle?: Handle | null
  server?: unknown
  _server?: unknown
}

/**
 * A socket in the place of `socket`, which must be connected and not have read anything yet, and is of no further use;
 * or undefined, and then it is as it was.
 */
export function withOwnBuffer(socket: Socket, target: ReadTarget): Socket | undefined {
  const from = socket as unknown as Internals
  const handle = from._handle
  if (typeof handle?.useUserBuffer !== "function" || socket.readableLength > 0) return undefined
  from._handle = null
  const adopted = new Socket({
    handle,
    allowHalfOpen: true,
    onread: {
      buffer: () => target.buffer(),
      callback: (length: number) => {
        target.read(length)
        return true
      },
    },
  } as SocketConstructorOpts)
  // A server counts its sockets, and learns from them when they are gone.
  const to = adopted as unknown as Internals
  to.server = from.server
  to._server = from._server
  from.server = from._server = null
  socket.destroy()
  return adopted
}
