// inproc: sockets of one process, by name. Within a thread pipes are joined end to end; between threads messages pass
// through shared memory. No octets of a protocol, no session.

import type { Bytes } from "../../bytes.ts"
import type { Endpoint } from "../../endpoint.ts"
import type { Binding, Connection, SocketHost, Transport } from "../transport.ts"
import { InprocBinding } from "./binding.ts"
import { InprocConnection } from "./connection.ts"

/** Sockets of this process. */
export const inproc: Transport = {
  name: "inproc",
  bind(endpoint: Endpoint, host: SocketHost): Promise<Binding> {
    return InprocBinding.bind(nameOf(endpoint), endpoint.text, host)
  },
  bindNow(endpoint: Endpoint, host: SocketHost): Binding {
    return InprocBinding.bindNow(nameOf(endpoint), endpoint.text, host)
  },
  connect(endpoint: Endpoint, host: SocketHost, routingId: Bytes | undefined): Connection {
    return new InprocConnection(nameOf(endpoint), endpoint.text, host, routingId)
  },
}

function nameOf(endpoint: Endpoint): string {
  return endpoint.transport === "inproc" ? endpoint.name : endpoint.text
}
