// Listening at an address without waiting for anything. Node.js listens at once, too, but tells by an event only
// whether it could; so the address is bound here, with the handle that Node.js itself would make, and handed to it.

import { type Server, Socket } from "node:net"
import { getSystemErrorName } from "node:util"

interface Handle {
  bind(address: string, port: number): number
  bind6(address: string, port: number, flags: number): number
  close(): void
}

type HandleClass = new (kind: number) => Handle

/** What Node.js calls a handle that will listen. */
const SERVER = 1

let TcpHandle: HandleClass | undefined

/** The class of the handles behind sockets of tcp; a socket that is about to connect has one. */
function handleClass(): HandleClass | undefined {
  if (TcpHandle !== undefined) return TcpHandle
  const socket = new Socket()
  socket.on("error", () => {})
  socket.connect({ host: "127.0.0.1", port: 1 })
  TcpHandle = (socket as unknown as { _handle?: { constructor: HandleClass } })._handle?.constructor
  socket.destroy()
  return TcpHandle
}

/**
 * Makes `server` listen at an address of this machine; false when this runtime cannot do that at once.
 *
 * @throws the system's own error, by its code
 */
export function listenAtOnce(server: Server, address: string, port: number, backlog: number): boolean {
  const Class = handleClass()
  if (Class === undefined) return false
  const handle = new Class(SERVER)
  const failed = address.includes(":") ? handle.bind6(address, port, 0) : handle.bind(address, port)
  if (failed !== 0) {
    handle.close()
    throw systemError(getSystemErrorName(failed))
  }
  server.listen(handle as unknown as { fd: number }, backlog)
  // The address was bound, so there is but one thing that can be wrong with it.
  if (!server.listening) throw systemError("EADDRINUSE")
  return true
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}
