// What is known of a peer, as the application sees it.

import type { Bytes } from "./bytes.ts"
import { wallTime } from "./clock.ts"
import type { PeerStats } from "./stats.ts"

/** Facts that the handshake brought to light; what each means is said where the application reads it. */
export interface PeerFacts
  extends Readonly<Pick<Peer, "endpoint" | "address" | "socketType" | "routingId" | "metadata">> {
  readonly userId?: Peer["userId"]
}

let count = 0

/** A peer whose handshake is complete. The object is the same for as long as the connection lives. */
export class Peer {
  /** Unique in this process. */
  readonly id: number = ++count
  /** The endpoint, as given to `bind` or `connect`, through which the peer came. */
  readonly endpoint: string
  /** Where the peer really is: `127.0.0.1:49152`, a path, or the inproc name. */
  readonly address: string
  /** Its socket type in capitals; empty when it did not say (RFC 37 asks it to). */
  readonly socketType: string
  /** The id by which a Router addresses this peer; elsewhere what the peer announced, empty when it has no name. */
  routingId: Bytes
  /** Properties of its handshake, names in lower case. They come from the peer: believe them accordingly. */
  readonly metadata: ReadonlyMap<string, Bytes>
  /** Who the authorizer says this is; never taken from what the peer says. */
  readonly userId: string | undefined
  /** Milliseconds since 1970. */
  readonly connectedAt: number = wallTime()
  /** Counters of this connection. */
  readonly stats: PeerStats
  readonly #disconnect: () => void

  constructor(facts: PeerFacts, stats: PeerStats, disconnect: () => void) {
    this.stats = stats
    this.endpoint = facts.endpoint
    this.address = facts.address
    this.socketType = facts.socketType
    this.routingId = facts.routingId
    this.metadata = facts.metadata
    this.userId = facts.userId
    this.#disconnect = disconnect
  }

  /** Ends this connection. A peer that connected comes back by itself; one that we connected to is tried again. */
  disconnect(): void {
    this.#disconnect()
  }
}
