// The ipc transport: sockets that have a path, a name in Linux's abstract namespace, or a named pipe of Windows. How a
// path is taken without harm to others is in ipc-path; the life of a connection in net-stream, net-attempt and
// net-listener.

import { randomBytes } from "node:crypto"
import { type Server, Socket } from "node:net"
import { fromString } from "../bytes.ts"
import type { Endpoint, IpcEndpoint } from "../endpoint.ts"
import { LONGEST_PATH, SocketPath } from "./ipc-path.ts"
import { listenAtPathAtOnce } from "./listen-at-once.ts"
import { NetAttempt } from "./net-attempt.ts"
import { asEndpointError, cannot } from "./net-error.ts"
import { listening, NetListener, newServer } from "./net-listener.ts"
import { crowding } from "./open-files.ts"
import type { Attempt, AttemptHandler, Listener, ListenerHandler, StreamOptions, StreamTransport } from "./transport.ts"

/** Streams over Unix sockets, abstract ones included, and named pipes on Windows. Only paths have an `ipcMode`. */
export const ipc: StreamTransport = { name: "ipc", listen, listenNow, connect }

async function listen(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Promise<Listener> {
  const { text, path } = ofIpc(endpoint)
  try {
    const place = placeOf(text, path)
    const server = newServer(crowding(text, options.maxOpenFiles), () => place.name, handler)
    try {
      await listening(server, { path: place.listen, backlog: options.backlog }, handler)
      await place.file?.publish(text, options.ipcMode)
    } catch (error) {
      leave(server, place)
      throw error
    }
    return listenerAt(place, server)
  } catch (error) {
    throw asEndpointError("bind", text, error as NodeJS.ErrnoException)
  }
}

function listenNow(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Listener {
  const { text, path } = ofIpc(endpoint)
  try {
    const place = placeOf(text, path)
    const server = newServer(crowding(text, options.maxOpenFiles), () => place.name, handler)
    // What goes wrong at first is told at once; the event comes too late for that.
    server.on("error", (error) => server.listening && handler.failed(error))
    try {
      listenAtPathAtOnce(server, place.listen, options.backlog)
      place.file?.publishNow(text, options.ipcMode)
    } catch (error) {
      leave(server, place)
      throw error
    }
    return listenerAt(place, server)
  } catch (error) {
    throw asEndpointError("bind", text, error as NodeJS.ErrnoException)
  }
}

/** Where a listener is to be. */
interface Place {
  /** As endpoints say it. */
  readonly name: string
  /** As the system is told. */
  readonly listen: string
  /** Of those that are files. */
  readonly file?: SocketPath
}

function placeOf(text: string, path: string): Place {
  if (process.platform !== "win32" && !path.startsWith("@")) {
    const file = path === "*" ? SocketPath.chosen() : SocketPath.given(systemName(text, path))
    return { name: file.path, listen: file.staged, file }
  }
  const name = path === "*" ? `brokerless-${randomBytes(8).toString("hex")}` : path
  return { name, listen: systemName(text, name) }
}

function listenerAt({ name, file }: Place, server: Server): Listener {
  return new NetListener(`ipc://${name}`, server, () => file?.release())
}

/** Nothing came of it. */
function leave(server: Server, { file }: Place): void {
  server.close()
  file?.release()
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
