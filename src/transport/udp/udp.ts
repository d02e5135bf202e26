// udp: datagrams, for sockets whose messages are whole in themselves. A Dish or a Datagram is bound to an address or a
// multicast group, a Radio is connected to one. No session, and nobody to shake hands with: a bound or connected
// endpoint is one pipe, and whoever is out there is behind it.

import type { Endpoint, UdpEndpoint } from "../../endpoint.ts"
import type { WireType } from "../../socket-type.ts"
import { cannot, type Deed } from "../net-error.ts"
import type { Binding, Connection, SocketHost, Transport } from "../transport.ts"
import { DatagramLink } from "./datagram-link.ts"
import { addressOf, receivingSocket, resolved } from "./datagram-socket.ts"
import { factsOf } from "./facts.ts"
import { ADDRESSED, type DatagramFormat, GROUPED } from "./format.ts"
import { UdpConnection } from "./udp-connection.ts"

/** Who may be bound, and what is in a datagram then. */
const BOUND: Readonly<Partial<Record<WireType, DatagramFormat>>> = { DISH: GROUPED, DGRAM: ADDRESSED }

/** Datagrams. Connecting is for a Radio, and binding for a Dish or a Datagram; nobody else can use it. */
export const udp: Transport = {
  name: "udp",
  async bind(endpoint: Endpoint, host: SocketHost): Promise<Binding> {
    const target = ofUdp("bind", endpoint, host, host.type in BOUND)
    const { ipv6 } = host.options
    return bound(target, host, addressOf("bind", target, ipv6) ?? (await resolved("bind", target, ipv6)))
  },
  bindNow(endpoint: Endpoint, host: SocketHost): Binding | undefined {
    const target = ofUdp("bind", endpoint, host, host.type in BOUND)
    const address = addressOf("bind", target, host.options.ipv6)
    return address === undefined ? undefined : bound(target, host, address)
  },
  connect(endpoint: Endpoint, host: SocketHost): Connection {
    return new UdpConnection(ofUdp("connect to", endpoint, host, host.type === "RADIO"), host)
  },
}

function bound(target: UdpEndpoint, host: SocketHost, address: string): Binding {
  const socket = receivingSocket(target, address, host.options.ipv6)
  const { text, port } = target
  const endpoint = port === 0 ? text.replace(/:[0*]+$/, `:${socket.address().port}`) : text
  const pipe = host.createPipe(endpoint, false)
  const link = new DatagramLink(host, pipe, socket, BOUND[host.type] ?? GROUPED)
  pipe.link = link
  const refusal = host.admit(pipe, factsOf({ ...target, port: socket.address().port }, endpoint))
  if (refusal !== undefined) {
    link.end()
    throw cannot("bind", text, "EINVAL", refusal.message, refusal)
  }
  link.open()
  return {
    endpoint,
    close() {
      link.finish()
      return link.done
    },
  }
}

function ofUdp(deed: Deed, endpoint: Endpoint, { type }: SocketHost, may: boolean): UdpEndpoint {
  if (may && endpoint.transport === "udp") return endpoint
  const why = `udp is not for a ${type} that wants to ${deed} it; accepted: tcp://, ipc:// and inproc:// endpoints`
  throw cannot(deed, endpoint.text, "EPROTONOSUPPORT", why)
}
