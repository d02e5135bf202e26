// What a security mechanism is to the engine: a conversation of handshake commands, and perhaps a protection of what
// follows. Each mechanism (NULL, PLAIN, CURVE) is a file or folder beside this one. A mechanism never sees a stream, a
// frame header, a timer or a promise: the engine frames what it produces and feeds it what it is to consume.

import type { Bytes } from "../bytes.ts"
import type { MetadataLimits } from "./metadata.ts"

/** What a mechanism is made with. */
export interface MechanismSetup {
  /** Our own properties, encoded. */
  readonly metadata: Bytes
  /** What the peer's properties must keep to. */
  readonly limits: MetadataLimits
}

/** What a peer brought to show who it is. Which fields are there is the mechanism's affair. */
export interface Credentials {
  readonly username?: Bytes
  readonly password?: Bytes
  /** The long-term key whose secret the peer has proved to hold. */
  readonly publicKey?: Bytes
}

/** One side of one handshake, and of the traffic after it. Made anew for every connection. */
export interface Mechanism {
  /** As in the greeting: at most 20 of A-Z, 0-9, hyphen, underscore, dot and plus. */
  readonly name: string
  /** As in the greeting: whether this side is the server of a mechanism that has one. */
  readonly asServer: boolean
  /**
   * `"handshake"` until everything needed was sent and received; no message passes before `"ready"`. While `"asking"`,
   * somebody has to judge the credentials: `admit` lets the handshake go on, and otherwise the connection ends.
   */
  readonly status: "handshake" | "asking" | "ready"
  /** What the peer brought, while it is being asked about. */
  readonly credentials?: Credentials | undefined
  /** The peer's properties, names in lower case, once they are known. */
  readonly metadata: ReadonlyMap<string, Bytes> | undefined
  /** How traffic is protected, once the handshake is complete; undefined where it is not. */
  readonly protection?: Protection | undefined

  /** The next handshake command body to send, or `undefined` when it is the peer's turn or all is said. */
  produce(): Bytes | undefined

  /**
   * Takes a handshake command body of the peer. Throws `ProtocolError` when it is malformed or out of order, and
   * `HandshakeError` when it is an ERROR: the peer refuses us, and asking again would not help.
   */
  consume(body: Bytes): void

  /** The peer may come in. Called once, while `"asking"`. */
  admit?(): void

  /** The connection is over: whatever is secret is overwritten, as far as JavaScript lets us. */
  dispose?(): void
}

/** What a mechanism puts around each frame, message or command alike. */
export interface Protection {
  /** Octets by which a frame grows. */
  readonly overhead: number

  /**
   * Writes what goes on the wire in the place of a frame: `overhead` octets and those of the body, into `target` from
   * `offset` on. The flags are those of the frame as the mechanism's RFC numbers them, not as a frame header does.
   */
  seal(flags: number, body: Bytes, target: Bytes, offset: number): void

  /**
   * The body of a frame that was sealed, in the very memory of the sealed one. Throws `ProtocolError` when it was
   * forged, replayed or cut short.
   */
  open(sealed: Bytes): Bytes

  /** The flags of the frame that was opened last. */
  readonly openedFlags: number
}
