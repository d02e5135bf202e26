// Lifts a transport of octets to a transport of messages: what tcp and ipc have in common, and whatever follows them.

import type { Bytes } from "../bytes.ts"
import type { Endpoint } from "../endpoint.ts"
import { announcesRoutingId } from "../socket-type.ts"
import type { Binding, Connection, SocketHost, StreamTransport, Transport } from "../transport/transport.ts"
import type { Mechanism, MechanismSetup } from "../zmtp/mechanism.ts"
import { encodeMetadata } from "../zmtp/metadata.ts"
import { nullMechanism } from "../zmtp/null.ts"
import { Acceptor } from "./acceptor.ts"
import { Connector } from "./connector.ts"
import { converse, type OpenConversation } from "./conversation.ts"
import { SharedBatch } from "./shared-batch.ts"

/** A transport of messages over a transport of octets: in ZMTP, unless `open` does something else with a stream. */
export function overStreams(
  streams: StreamTransport,
  open: (host: SocketHost) => OpenConversation = () => converse,
): Transport {
  return {
    name: streams.name,
    async bind(endpoint: Endpoint, host: SocketHost): Promise<Binding> {
      await host.options.security?.prepare?.()
      const acceptor = new Acceptor(host, mechanismOf(host), sharedOf(host), open(host))
      acceptor.opened(await streams.listen(endpoint, host.options, acceptor))
      return acceptor
    },
    bindNow(endpoint: Endpoint, host: SocketHost): Binding | undefined {
      // Who comes before the security is ready is refused, and comes again.
      void host.options.security?.prepare?.()
      const acceptor = new Acceptor(host, mechanismOf(host), sharedOf(host), open(host))
      const listener = streams.listenNow?.(endpoint, host.options, acceptor)
      if (listener === undefined) return undefined
      acceptor.opened(listener)
      return acceptor
    },
    connect(endpoint: Endpoint, host: SocketHost, routingId: Bytes | undefined): Connection {
      return new Connector(streams, endpoint, host, routingId, mechanismOf(host), sharedOf(host), open(host))
    },
  }
}

/** Makes the mechanism of each connection of a socket; what we say of ourselves is encoded once. */
function mechanismOf(host: SocketHost): () => Mechanism {
  const { options, type } = host
  const properties: [string, Bytes | string][] = [["Socket-Type", type]]
  if (announcesRoutingId(type)) properties.push(["Identity", options.routingId ?? ""])
  properties.push(...options.metadata)
  const setup: MechanismSetup = {
    metadata: encodeMetadata(properties),
    limits: { maxProperties: options.maxMetadataProperties, maxBytes: options.maxMetadataBytes },
  }
  const { security } = options
  return security === undefined ? () => nullMechanism(setup) : () => security.create(setup)
}

const shared = new WeakMap<SocketHost, SharedBatch>()

/** Sockets that send the same to many encode it once. */
function sharedOf(host: SocketHost): SharedBatch | undefined {
  if (!host.sharesMessages) return undefined
  let batch = shared.get(host)
  if (batch === undefined) {
    batch = new SharedBatch()
    shared.set(host, batch)
  }
  return batch
}
