// Listening without waiting for anything. Node.js listens at once, too, but tells by an event only whether it could; so
// an address is bound here, with the handle that Node.js itself would make, and what is wrong with a path is found out
// with one.

import { type Server, Socket, type SocketConnectOpts } from "node:net"
import { getSystemErrorName } from "node:util"

interface Handle {
  /** Of what is bound to a path, the path alone. */
  bind(address: string, port?: number): number
  bind6(address: string, port: number, flags: number): number
  close(): void
}

type HandleClass = new (kind: number) => Handle

/** What Node.js calls a handle that will listen. */
const SERVER = 1

let TcpHandle: HandleClass | undefined
let PathHandle: HandleClass | undefined

/** The class of the handles behind sockets that go there; one that is about to connect has such a handle. */
function classOfHandle(where: SocketConnectOpts): HandleClass | undefined {
  const socket = new Socket()
  socket.on("error", () => {})
  socket.connect(where)
  const { _handle: handle } = socket as unknown as { _handle?: { constructor: HandleClass } }
  socket.destroy()
  return handle?.constructor
}

/**
 * Makes `server` listen at an address of this machine; false when this runtime cannot do that at once.
 *
 * @throws the system's own error, by its code
 */
export function listenAtOnce(server: Server, address: string, port: number, backlog: number): boolean {
  TcpHandle ??= classOfHandle({ host: "127.0.0.1", port: 1 })
  if (TcpHandle === undefined) return false
  const handle = new TcpHandle(SERVER)
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

/**
 * Makes `server` listen at a path, or at what else has the place of one.
 *
 * @throws the system's own error, by its code
 */
export function listenAtPathAtOnce(server: Server, path: string, backlog: number): void {
  server.listen({ path, backlog, exclusive: true })
  if (!server.listening) throw systemError(whatIsWrongWith(path))
}

/** Why nobody can listen at a path. */
function whatIsWrongWith(path: string): string {
  PathHandle ??= classOfHandle({ path })
  if (PathHandle === undefined) return "EIO"
  const handle = new PathHandle(SERVER)
  const failed = handle.bind(path)
  handle.close()
  return failed === 0 ? "EADDRINUSE" : getSystemErrorName(failed)
}

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}
