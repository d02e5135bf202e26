// The ipc transport: sockets that have a path, a name in Linux's abstract namespace, or a named pipe of Windows. How a
// path is taken without harm to others is in ipc-path; the life of a connection in net-stream, net-attempt and
// net-listener.

import { randomBytes } from "node:crypto"
import { type Server, Socket } from "node:net"
import { fromString } from "../bytes.ts"
import type { Endpoint, IpcEndpoint } from "../endpoint.ts"
import { LONGEST_PATH, SocketPath } from "./ipc-path.ts"
import { NetAttempt } from "./net-attempt.ts"
import { asEndpointError, cannot } from "./net-error.ts"
import { NetListener, openServer } from "./net-listener.ts"
import { crowding } from "./open-files.ts"
import type { Attempt, AttemptHandler, Listener, ListenerHandler, StreamOptions, StreamTransport } from "./transport.ts"

/** Streams over Unix sockets, abstract ones included, and named pipes on Windows. Only paths have an `ipcMode`. */
export const ipc: StreamTransport = { name: "ipc", listen, connect }

async function listen(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Promise<Listener> {
  const { text, path } = ofIpc(endpoint)
  const crowded = crowding(text, options.maxOpenFiles)
  try {
    if (process.platform !== "win32" && !path.startsWith("@")) return await listenOnFile(text, path, options, handler)
    const name = path === "*" ? `brokerless-${randomBytes(8).toString("hex")}` : path
    const where = { path: systemName(text, name), backlog: options.backlog }
    return new NetListener(`ipc://${name}`, await openServer(where, crowded, () => name, handler))
  } catch (error) {
    throw asEndpointError("bind", text, error as NodeJS.ErrnoException)
  }
}

async function listenOnFile(
  text: string,
  path: string,
  { backlog, ipcMode, maxOpenFiles }: StreamOptions,
  handler: ListenerHandler,
): Promise<Listener> {
  const file = path === "*" ? SocketPath.chosen() : SocketPath.given(systemName(text, path))
  let server: Server | undefined
  try {
    server = await openServer({ path: file.staged, backlog }, crowding(text, maxOpenFiles), () => file.path, handler)
    await file.publish(text, ipcMode)
    return new NetListener(`ipc://${file.path}`, server, () => file.release())
  } catch (error) {
    server?.close()
    file.release()
    throw error
  }
}

function connect(endpoint: Endpoint, options: StreamOptions, handler: AttemptHandler): Attempt {
  const { text, path } = ofIpc(endpoint)
  const socket = new Socket({ allowHalfOpen: true })
  try {
    socket.connect({ path: systemName(text, path) })
  } catch (error) {
    socket.destroy(error as Error)
  }
  return new NetAttempt(socket, text, options.connectTimeout, () => path, handler)
}

function ofIpc(endpoint: Endpoint): IpcEndpoint {
  if (endpoint.transport === "ipc") return endpoint
  throw cannot("use", endpoint.text, "EPROTONOSUPPORT", "it is not an endpoint of ipc")
}

/** What the system calls it; throws where it has no such thing. */
function systemName(endpoint: string, path: string): string {
  if (process.platform === "win32") return path.startsWith("\\\\.\\pipe\\") ? path : `\\\\.\\pipe\\${path}`
  if (path.startsWith("@")) {
    if (process.platform === "linux") return `\0${path.slice(1)}`
    throw cannot("use", endpoint, "EINVAL", "abstract names exist on Linux only")
  }
  // Node.js would cut the path off, and use another.
  if (fromString(path).length > LONGEST_PATH) {
    throw cannot("use", endpoint, "EINVAL", `here a path has ${LONGEST_PATH} octets at most`)
  }
  return path
}
