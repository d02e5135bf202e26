// Counters of a socket and of a peer, and the closed set of reasons for which a message can be dropped.
// Plain numbers that whoever moves messages adds to; never a decision, a timer or an event.
// Budget: an addition to a field of an object whose shape never changes.

/** Every reason for which a message can be dropped. Nothing that was accepted is lost without one of these. */
export const DROP_REASONS = [
  // Handed to a write that its connection did not survive: it may or may not have arrived.
  "in-flight",
  // Queued for a peer that left.
  "peer-left",
  // Nobody was connected to take it.
  "no-peer",
  // The peer's queue was full.
  "high-water-mark",
  // A newer message took its place (`conflate`, or overflow `"drop-oldest"`).
  "replaced",
  // A Router or Reply whose addressee is unknown or gone.
  "unroutable",
  // An answer nobody waits for, or a message of a kind that this socket does not take.
  "unexpected",
  // Still queued when the linger period ran out.
  "linger",
  // Its memory was taken away while it was queued.
  "detached",
  // Received, but not read when the socket closed.
  "unread",
] as const

/**
 * Why a message was dropped.
 *
 * @useDeclaredType
 */
export type DropReason = (typeof DROP_REASONS)[number]

/** What waits in queues at this moment. */
export interface Queued {
  /** Messages. */
  readonly messages: number
  /** Octets, as they count against the high-water marks. */
  readonly bytes: number
}

const NOTHING: Queued = Object.freeze({ messages: 0, bytes: 0 })

function nothingQueued(): Queued {
  return NOTHING
}

// Written out, so that every instance has one shape and a reason that is missing does not compile.
function noDrops(): Record<DropReason, number> {
  return {
    "in-flight": 0,
    "peer-left": 0,
    "no-peer": 0,
    "high-water-mark": 0,
    replaced: 0,
    unroutable: 0,
    unexpected: 0,
    linger: 0,
    detached: 0,
    unread: 0,
  }
}

// What Node.js calls to show an object.
const INSPECT = Symbol.for("nodejs.util.inspect.custom")

/** What is counted of a socket and of each of its peers alike. Cheap to read at any time. */
export abstract class Stats {
  /** Messages handed to a peer. */
  messagesSent = 0
  /** Messages that arrived, read or not. */
  messagesReceived = 0
  /** Octets of the frames of {@link messagesSent}. */
  bytesSent = 0
  /** Octets of the frames of {@link messagesReceived}. */
  bytesReceived = 0
  /** Writes to the operating system: `messagesSent / writes` tells how well messages are batched. */
  writes = 0
  /** Messages that arrived and did not decode, hence were not delivered. */
  invalid = 0
  /** Messages dropped, by reason. */
  readonly dropped: Record<DropReason, number> = noDrops()
  readonly #queued: () => Queued

  /** `queued` tells what waits right now; it is asked only when somebody reads it. */
  constructor(queued: () => Queued = nothingQueued) {
    this.#queued = queued
  }

  /** Messages that wait in queues at this moment. */
  get queuedMessages(): number {
    return this.#queued().messages
  }

  /** Octets that wait in queues at this moment, as they count against the high-water marks. */
  get queuedBytes(): number {
    return this.#queued().bytes
  }

  /** The counters of this moment as plain data, which change no more. */
  toJSON(): object {
    const { messages, bytes } = this.#queued()
    return { ...this, queuedMessages: messages, queuedBytes: bytes, dropped: { ...this.dropped } }
  }
}

// What `console.log` shows: the counters, those that are computed included.
Object.defineProperty(Stats.prototype, INSPECT, {
  value(this: Stats, _depth: number, options: object, inspect: (value: unknown, options: object) => string): string {
    return `${this.constructor.name} ${inspect(this.toJSON(), options)}`
  },
})

/** Counters of one peer, for as long as its connection lives. */
export class PeerStats extends Stats {}

/** Counters of a socket over all its peers, those that left included. */
export class SocketStats extends Stats {
  /** Peers connected now. */
  peers = 0
  /** Connections that were made anew after one was lost. */
  reconnects = 0
  /** Connections that ended before their handshake was complete. */
  handshakeFailures = 0
}
