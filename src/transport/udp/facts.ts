// What a socket is told of the peer behind an endpoint of datagrams, of which nothing is known.

import { type Bytes, EMPTY } from "../../bytes.ts"
import type { UdpEndpoint } from "../../endpoint.ts"
import type { PeerFacts } from "../../peer.ts"

const NO_METADATA: ReadonlyMap<string, Bytes> = new Map()

/** @param endpoint as bound or connected */
export function factsOf({ host, port }: UdpEndpoint, endpoint: string): PeerFacts {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`
  return { endpoint, address, socketType: "", routingId: EMPTY, metadata: NO_METADATA }
}
