// The tcp transport: from which address to which, and how sockets are set. What a host means on this machine is in
// local-address; the life of a connection in net-stream, net-attempt and net-listener.

import { lookup } from "node:dns"
import { lookup as resolve } from "node:dns/promises"
import { type AddressInfo, isIP, isIPv4, type Server, Socket, type TcpSocketConnectOpts } from "node:net"
import { type Endpoint, formatTcp, type TcpEndpoint } from "../endpoint.ts"
import { listenAtOnce } from "./listen-at-once.ts"
import { checkFamily, localAddress } from "./local-address.ts"
import { NetAttempt } from "./net-attempt.ts"
import { asEndpointError, cannot } from "./net-error.ts"
import { listening, NetListener, newServer } from "./net-listener.ts"
import { crowding } from "./open-files.ts"
import { addressAtOnce } from "./told-at-once.ts"
import type { Attempt, AttemptHandler, Listener, ListenerHandler, StreamOptions, StreamTransport } from "./transport.ts"

/** Streams over TCP. Names mean their IPv4 address first; connecting falls back to the other ones. */
export const tcp: StreamTransport = { name: "tcp", listen, listenNow, connect }

async function listen(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Promise<Listener> {
  const { text, host, port } = ofTcp(endpoint)
  const { backlog, ipv6 } = options
  try {
    const address = localAddress(text, host, ipv6, 0) ?? (await firstAddress(host, ipv6))
    // Without a host, Node.js binds both families where it can, and IPv4 alone where it cannot.
    const where = address !== "*" ? { host: address } : ipv6 ? {} : { host: "0.0.0.0" }
    const server = newServer(crowding(text, options.maxOpenFiles), (socket) => welcome(socket, options), handler)
    await listening(server, { ...where, port, backlog }, handler)
    return listenerOf(server, address)
  } catch (error) {
    throw asEndpointError("bind", text, error as NodeJS.ErrnoException)
  }
}

/** What every system means by this name, so that no resolver has to be asked. */
const LOCALHOST = "localhost"

function listenNow(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Listener | undefined {
  const { text, host, port } = ofTcp(endpoint)
  const { backlog, ipv6 } = options
  try {
    const named = host === LOCALHOST ? "127.0.0.1" : host
    const address = localAddress(text, named, ipv6, 0) ?? addressAtOnce(named, ipv6 ? 0 : 4)
    const server = newServer(crowding(text, options.maxOpenFiles), (socket) => welcome(socket, options), handler)
    // What goes wrong at first is told at once; the event comes too late for that.
    server.on("error", (error) => server.listening && handler.failed(error))
    if (!listenAtOnce(server, address === "*" ? (ipv6 ? "::" : "0.0.0.0") : address, port, backlog)) return undefined
    return listenerOf(server, address)
  } catch (error) {
    throw asEndpointError("bind", text, error as NodeJS.ErrnoException)
  }
}

function listenerOf(server: Server, address: string): Listener {
  const bound = server.address() as AddressInfo
  // `*` is reported as what everybody on this machine can connect to, those who know IPv4 only included.
  return new NetListener(formatTcp(address === "*" ? "0.0.0.0" : bound.address, bound.port), server)
}

function connect(endpoint: Endpoint, options: StreamOptions, handler: AttemptHandler): Attempt {
  const target = ofTcp(endpoint)
  const socket = new Socket({ allowHalfOpen: true })
  try {
    socket.connect(route(target, options))
  } catch (error) {
    socket.destroy(error as Error)
  }
  return new NetAttempt(socket, target.text, options.connectTimeout, () => welcome(socket, options), handler)
}

function ofTcp(endpoint: Endpoint): TcpEndpoint {
  if (endpoint.transport === "tcp") return endpoint
  throw cannot("use", endpoint.text, "EPROTONOSUPPORT", "it is not an endpoint of tcp")
}

async function firstAddress(name: string, ipv6: boolean): Promise<string> {
  return (await resolve(name, { family: ipv6 ? 0 : 4, order: "ipv4first" })).address
}

/** Sets a connected socket, and names its peer if that is still there. */
function welcome(socket: Socket, options: StreamOptions): string | undefined {
  const { remoteAddress, remotePort } = socket
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  socket.setNoDelay(options.noDelay)
  socket.setKeepAlive(options.tcpKeepalive, options.tcpKeepaliveIdle)
  // To a socket of both families, peers of IPv4 look like this.
  const mapped = remoteAddress.startsWith("::ffff:") ? remoteAddress.slice(7) : ""
  const address = isIPv4(mapped) ? mapped : remoteAddress
  return address.includes(":") ? `[${address}]:${remotePort}` : `${address}:${remotePort}`
}

/** From where to where; throws what cannot be tried at all. */
function route({ text, host, port, source }: TcpEndpoint, options: StreamOptions): TcpSocketConnectOpts {
  const { connectTimeout, ipv6 } = options
  checkFamily(text, host, ipv6)
  const from = source && localAddress(text, source.host, ipv6, isIP(host))
  if (source !== undefined && from === undefined) {
    const why = `${source.host} is not here; accepted as a source: *, an address or an interface of this machine`
    throw cannot("connect to", text, "EINVAL", why)
  }
  const near = from === "*" ? undefined : from
  return {
    // Not every system takes the unspecified address for itself, as Linux does.
    host: host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host,
    port,
    localAddress: near,
    localPort: source?.port || undefined,
    family: near === undefined ? (ipv6 ? 0 : 4) : isIP(near),
    lookup: (name, asked, callback) => lookup(name, { ...asked, order: "ipv4first" }, callback),
    // The addresses of a name are tried in turn. One that does not answer must leave time for the next; the quarter of
    // a second that Node.js gives it is less than some round trips take.
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: connectTimeout > 0 ? Math.ceil(connectTimeout / 4) : 2500,
  }
}
