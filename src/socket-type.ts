// The socket types of the RFCs and who may talk to whom (RFC 28–31, 37): one table, everything else derived.

const LEGAL_PEERS = {
  PAIR: ["PAIR"],
  PUB: ["SUB", "XSUB"],
  SUB: ["PUB", "XPUB"],
  XPUB: ["SUB", "XSUB"],
  XSUB: ["PUB", "XPUB"],
  PUSH: ["PULL"],
  PULL: ["PUSH"],
  REQ: ["REP", "ROUTER"],
  REP: ["REQ", "DEALER"],
  DEALER: ["REP", "DEALER", "ROUTER"],
  ROUTER: ["REQ", "DEALER", "ROUTER"],
} as const

/**
 * The name of a socket type as it stands on the wire.
 *
 * @useDeclaredType
 */
export type SocketType = keyof typeof LEGAL_PEERS

/** All types, in the order of the table. */
export const SOCKET_TYPES: readonly SocketType[] = Object.keys(LEGAL_PEERS) as SocketType[]

/** Whether sockets of these two types may talk to each other. */
export function compatible(ours: SocketType, theirs: string): boolean {
  return (LEGAL_PEERS[ours] as readonly string[]).includes(theirs)
}

/** The types that a socket of this type talks to. */
export function legalPeers(type: SocketType): readonly SocketType[] {
  return LEGAL_PEERS[type]
}

/** Only these announce a routing id in their handshake (RFC 28). */
export function announcesRoutingId(type: SocketType): boolean {
  return type === "REQ" || type === "DEALER" || type === "ROUTER"
}
