// The list of transports: the one place where another would be added.

import type { Endpoint } from "./endpoint.ts"
import { overStreams } from "./session/over-streams.ts"
import { inproc } from "./transport/inproc/inproc.ts"
import { ipc } from "./transport/ipc.ts"
import { tcp } from "./transport/tcp.ts"
import type { Transport } from "./transport/transport.ts"

const TRANSPORTS: Readonly<Record<Endpoint["transport"], Transport>> = {
  inproc,
  ipc: overStreams(ipc),
  tcp: overStreams(tcp),
}

export function transportOf(endpoint: Endpoint): Transport {
  return TRANSPORTS[endpoint.transport]
}
