// What two sockets must know of each other to meet by a name, whether they live in one thread or in two, and what they
// are told when they part.

import { type Bytes, EMPTY, fromAscii, ofView } from "../../bytes.ts"
import type { PeerFacts } from "../../peer.ts"
import type { JoinHost } from "../../pipe/join.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { Marks } from "../../pipe/queue.ts"
import { announcesRoutingId, type WireType } from "../../socket-type.ts"
import type { SocketHost } from "../transport.ts"
import type { Terms } from "./thread-end.ts"

/** A name that is bound in this thread. */
export interface Bound {
  readonly endpoint: string
  readonly host: SocketHost
}

/** What a handshake would tell of a socket; can be sent to another thread. */
export interface Introduction {
  readonly type: WireType
  readonly routingId: Uint8Array
  readonly metadata: ReadonlyMap<string, Uint8Array>
  /** How much it takes before its application does. */
  readonly receives: Marks
  /** Whether it wants to know what the other one's application has taken. */
  readonly counts: boolean
}

export function introductionOf(host: SocketHost): Introduction {
  const { type, options } = host
  const routingId = announcesRoutingId(type) ? (options.routingId ?? EMPTY) : EMPTY
  const metadata = new Map<string, Bytes>([["socket-type", fromAscii(type)]])
  if (announcesRoutingId(type)) metadata.set("identity", routingId)
  for (const [name, value] of options.metadata)
    if (!metadata.has(name.toLowerCase())) metadata.set(name.toLowerCase(), value)
  return {
    type,
    routingId,
    metadata,
    receives: host.marks.inbound,
    counts: options.balance !== "round-robin",
  }
}

/** The facts of the peer that introduced itself so, for a socket that met it at `endpoint`. */
export function factsOf({ type, routingId, metadata }: Introduction, endpoint: string): PeerFacts {
  return {
    endpoint,
    address: endpoint,
    socketType: type,
    routingId: ofView(routingId),
    metadata: new Map(Array.from(metadata, ([name, value]) => [name, ofView(value)])),
  }
}

/** On what terms two sockets of different threads meet, for the first of them. */
export function termsOf(own: Introduction, theirs: Introduction): Terms {
  return { marks: theirs.receives, counting: own.counts, counted: theirs.counts }
}

/** What either end of a connection needs of its socket. */
export function joinHost(host: SocketHost, pipe: Pipe, left?: (error: Error | undefined) => void): JoinHost {
  return {
    stats: host.stats,
    left(error) {
      if (pipe.state === "ready" || pipe.state === "leaving") {
        host.monitor.emit({ type: "disconnect", endpoint: pipe.endpoint, peer: pipe.peer, error })
      }
      host.release(pipe, error)
      left?.(error)
    },
    detached: () => host.dropped("detached", 1, pipe),
  }
}
