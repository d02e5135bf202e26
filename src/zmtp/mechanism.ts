// What a security mechanism is to the engine: a conversation of handshake commands, and perhaps a seal on what
// follows. Each mechanism (NULL, PLAIN, CURVE) is a file beside this one. A mechanism never sees a stream, a frame
// header, a timer or a promise: the engine frames what it produces and feeds it what it is to consume.

import type { Bytes } from "../bytes.ts"
import type { MetadataLimits } from "./metadata.ts"

/** What a mechanism is made with. */
export interface MechanismSetup {
  /** Our own properties, encoded. */
  readonly metadata: Bytes
  /** What the peer's properties must keep to. */
  readonly limits: MetadataLimits
}

/** One side of one handshake, and of the traffic after it. Made anew for every connection. */
export interface Mechanism {
  /** As in the greeting: at most 20 of A-Z, 0-9, hyphen, underscore, dot and plus. */
  readonly name: string
  /** As in the greeting: whether this side is the server of a mechanism that has one. */
  readonly asServer: boolean
  /** `"handshake"` until everything needed was sent and received; no message passes before `"ready"`. */
  readonly status: "handshake" | "ready"
  /** The peer's properties, names in lower case, once they are known. */
  readonly metadata: ReadonlyMap<string, Bytes> | undefined

  /** The next handshake command body to send, or `undefined` when it is the peer's turn or all is said. */
  produce(): Bytes | undefined

  /**
   * Takes a handshake command body of the peer. Throws `ProtocolError` when it is malformed or out of order, and
   * `HandshakeError` when it is an ERROR: the peer refuses us, and asking again would not help.
   */
  consume(body: Bytes): void

  /**
   * Only where traffic is protected: wraps a frame (message or command, as `flags` say) into the body of a MESSAGE.
   * The flags are those of the wrapped frame as the mechanism's RFC numbers them, not as a frame header does.
   */
  seal?(flags: number, body: Bytes): Bytes

  /** The inverse of `seal`. Throws `ProtocolError` when the body was forged, replayed or cut short. */
  open?(body: Bytes): { readonly flags: number; readonly body: Bytes }
}
