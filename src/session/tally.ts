// Counting what goes over a connection, for its socket and for its peer alike.

import type { Pipe } from "../pipe/pipe.ts"
import type { SocketHost } from "../transport/transport.ts"
import type { Batch } from "../zmtp/encoder.ts"

/** A write with messages in it. */
export function countWrite(host: SocketHost, pipe: Pipe | undefined): void {
  host.stats.writes++
  const peer = pipe?.peer
  if (peer !== undefined) peer.stats.writes++
}

/** The operating system has taken all of a write. */
export function countSent(host: SocketHost, pipe: Pipe | undefined, { messages, body }: Batch): void {
  if (messages === 0) return
  const total = host.stats
  total.messagesSent += messages
  total.bytesSent += body
  const own = pipe?.peer?.stats
  if (own === undefined) return
  own.messagesSent += messages
  own.bytesSent += body
}

/** Messages came in, and were handed on or discarded. */
export function countReceived(host: SocketHost, pipe: Pipe | undefined, messages: number, octets: number): void {
  const total = host.stats
  total.messagesReceived += messages
  total.bytesReceived += octets
  const own = pipe?.peer?.stats
  if (own === undefined) return
  own.messagesReceived += messages
  own.bytesReceived += octets
}
