// The list of transports: the one place where another would be added.

import type { Endpoint } from "./endpoint.ts"
import { EndpointError } from "./errors.ts"
import { overStreams } from "./session/over-streams.ts"
import { RawSession } from "./session/raw-session.ts"
import { inproc } from "./transport/inproc/inproc.ts"
import { ipc } from "./transport/ipc.ts"
import { tcp } from "./transport/tcp.ts"
import type { Transport } from "./transport/transport.ts"
import { udp } from "./transport/udp/udp.ts"

const TRANSPORTS: Readonly<Record<Endpoint["transport"], Transport>> = {
  inproc,
  ipc: overStreams(ipc),
  tcp: overStreams(tcp),
  udp,
}

const RAW: { readonly [T in Endpoint["transport"]]?: Transport } = {
  ipc: overStreams(ipc, (host) => (setup) => new RawSession(setup, host.tellsOfPeers)),
  tcp: overStreams(tcp, (host) => (setup) => new RawSession(setup, host.tellsOfPeers)),
}

/** @param raw for octets without a protocol. Throws {@link EndpointError} where there are none */
export function transportOf(endpoint: Endpoint, raw: boolean): Transport {
  if (!raw) return TRANSPORTS[endpoint.transport]
  const transport = RAW[endpoint.transport]
  if (transport !== undefined) return transport
  throw new EndpointError("EPROTONOSUPPORT", endpoint.text, `Octets without a protocol are of tcp and ipc`)
}
