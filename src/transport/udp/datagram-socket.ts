// A socket of the system for datagrams, bound to an address at once.

import { createSocket, type Socket } from "node:dgram"
import { lookup } from "node:dns/promises"
import { isIP, isIPv6 } from "node:net"
import { networkInterfaces } from "node:os"
import type { UdpEndpoint } from "../../endpoint.ts"
import { localAddress } from "../local-address.ts"
import { asEndpointError, cannot, type Deed } from "../net-error.ts"

/** Addresses are known before a socket sees them: it asks nobody, and so loses no time. */
type Lookup = (
  address: string,
  family: unknown,
  done: (error: Error | null, address: string, family: number) => void,
) => void
const known: Lookup = (address, _, done) => done(null, address, isIP(address))

/** A socket that receives what is sent to `address`, or to the multicast group. Throws an {@link EndpointError}. */
export function receivingSocket(endpoint: UdpEndpoint, address: string, ipv6: boolean): Socket {
  const { text, host, port, multicast } = endpoint
  const both = isIPv6(address)
  const way = multicast ? interfaceOf("bind", endpoint, ipv6) : undefined
  return set("bind", text, () => {
    // Everybody on this machine may be a member of the same group.
    const socket = boundSocket(both, multicast ? anyAddress(both) : address, port, multicast)
    return multicast ? [socket, () => socket.addMembership(host, way)] : [socket]
  })
}

/** A socket that sends to wherever the endpoint leads. Throws an {@link EndpointError}. */
export function sendingSocket(endpoint: UdpEndpoint, ipv6: boolean, hops: number | undefined): Socket {
  const { text, multicast } = endpoint
  const way = multicast ? interfaceOf("connect to", endpoint, ipv6) : undefined
  return set("connect to", text, () => {
    const socket = boundSocket(ipv6, anyAddress(ipv6), 0, false)
    const setting = (): void => {
      if (hops !== undefined && hops > 0) socket.setMulticastTTL(Math.min(hops, 255))
      if (way !== undefined) socket.setMulticastInterface(way)
    }
    return multicast ? [socket, setting] : [socket]
  })
}

/** Makes a socket and does what is to be done with it; what goes wrong leaves nothing open. */
function set(deed: Deed, text: string, make: () => [socket: Socket, setting?: () => void]): Socket {
  let made: Socket | undefined
  try {
    const [socket, setting] = make()
    made = socket
    setting?.()
    return socket
  } catch (error) {
    made?.close()
    throw asEndpointError(deed, text, error as NodeJS.ErrnoException)
  }
}

/** A socket of this family of addresses that is bound; throws the system's own error. */
function boundSocket(ipv6: boolean, address: string, port: number, shared: boolean): Socket {
  const type = ipv6 ? "udp6" : "udp4"
  const socket = createSocket({ type, reuseAddr: shared, lookup: known as never })
  let failure: Error | undefined
  const fail = (error: Error): void => {
    failure = error
  }
  socket.once("error", fail)
  // Exclusive: a worker of a cluster must not share the port through the primary.
  socket.bind({ address, port, exclusive: true })
  socket.off("error", fail)
  if (failure === undefined) return socket.unref()
  socket.close()
  throw failure
}

/** The address of a host that is no name; undefined for a name. Throws an {@link EndpointError}. */
export function addressOf(deed: Deed, { text, host }: UdpEndpoint, ipv6: boolean): string | undefined {
  if (isIPv6(host) && !ipv6) {
    const code = deed === "bind" ? "ENODEV" : "EINVAL"
    throw cannot(deed, text, code, `${host} is an IPv6 address, and the option ipv6 is off`)
  }
  const address = deed === "bind" ? localAddress(text, host, ipv6, 0) : isIP(host) !== 0 ? host : undefined
  return address === "*" ? anyAddress(ipv6) : address
}

/** The address of a name, IPv4 first. Rejects with an {@link EndpointError}. */
export async function resolved(deed: Deed, { text, host }: UdpEndpoint, ipv6: boolean): Promise<string> {
  try {
    return (await lookup(host, { family: ipv6 ? 0 : 4, order: "ipv4first" })).address
  } catch (error) {
    throw asEndpointError(deed, text, error as NodeJS.ErrnoException)
  }
}

/** What leads to a multicast group, as Node.js wants it; undefined for what the system chooses. */
function interfaceOf(deed: Deed, endpoint: UdpEndpoint, ipv6: boolean): string | undefined {
  const { text, host, interface: name } = endpoint
  if (name === "*") return undefined
  // Of IPv6, an address does not say which interface is meant.
  const address = isIPv6(host) ? zoneOf(name) : localAddress(text, name, ipv6, 4)
  if (address === undefined) throw cannot(deed, text, "ENODEV", `there is no interface ${name}`)
  return address
}

function zoneOf(name: string): string | undefined {
  return Object.hasOwn(networkInterfaces(), name) ? `::%${name}` : undefined
}

/** Whatever this family has for all addresses of this machine. */
function anyAddress(ipv6: boolean): string {
  return ipv6 ? "::" : "0.0.0.0"
}
