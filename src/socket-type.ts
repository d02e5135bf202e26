// The socket types of the RFCs and who may talk to whom (RFC 28–31, 37): one table, everything else derived. Types of
// RFCs that are drafts (41, 48, 49), and that of bare datagrams, have a table of their own: no public class has them.

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

const DRAFT_PEERS = {
  SERVER: ["CLIENT"],
  CLIENT: ["SERVER"],
  RADIO: ["DISH"],
  DISH: ["RADIO"],
  SCATTER: ["GATHER"],
  GATHER: ["SCATTER"],
  DGRAM: ["DGRAM"],
} as const

/**
 * The name of a socket type as it stands on the wire.
 *
 * @useDeclaredType
 */
export type SocketType = keyof typeof LEGAL_PEERS

/** The name of a type of a draft. */
export type DraftType = keyof typeof DRAFT_PEERS

/** Of either. */
export type WireType = SocketType | DraftType

/** The types of public classes, in the order of the table. */
export const SOCKET_TYPES: readonly SocketType[] = Object.keys(LEGAL_PEERS) as SocketType[]

/** The types of drafts. */
export const DRAFT_TYPES: readonly DraftType[] = Object.keys(DRAFT_PEERS) as DraftType[]

const PEERS: Readonly<Record<WireType, readonly WireType[]>> = { ...LEGAL_PEERS, ...DRAFT_PEERS }

/** Whether sockets of these two types may talk to each other. */
export function compatible(ours: WireType, theirs: string): boolean {
  return (PEERS[ours] as readonly string[]).includes(theirs)
}

/** The types that a socket of this type talks to. */
export function legalPeers(type: SocketType): readonly SocketType[]
export function legalPeers(type: WireType): readonly WireType[]
export function legalPeers(type: WireType): readonly WireType[] {
  return PEERS[type]
}

/** Only these announce a routing id in their handshake (RFC 28). */
export function announcesRoutingId(type: WireType): boolean {
  return type === "REQ" || type === "DEALER" || type === "ROUTER"
}
