// What the `security` option holds: it makes the mechanism of every connection, and on servers it judges who may come
// in. The session talks to this interface; nothing here knows a session, a socket or an endpoint.

import type { Bytes } from "../bytes.ts"
import type { Credentials, Mechanism, MechanismSetup } from "../zmtp/mechanism.ts"

/**
 * A security mechanism and what it needs to know. Made by `plain()`, `plainServer()` and their like, and opaque to
 * everybody else. One object may serve any number of sockets.
 */
export interface Security {
  /** Its name in the greeting: `PLAIN`, `CURVE`. */
  readonly mechanism: string
  /**
   * Resolves when mechanisms can be made; undefined when that is now. Nothing is connected or accepted before.
   * @hidden
   */
  prepare?(): Promise<void> | undefined
  /**
   * Makes the mechanism of one connection.
   * @hidden
   */
  create(setup: MechanismSetup): Mechanism
  /**
   * Says who a peer is that may come in, or undefined if it may not. May take its time. A mechanism that never asks has
   * no need of it.
   * @hidden
   */
  judge?(question: Question): Admitted | undefined | Promise<Admitted | undefined>
}

/** What a mechanism wants judged. */
export interface Question {
  readonly credentials: Credentials
  /** Where the peer is: `192.0.2.7:49152`, or a path. */
  readonly address: string
  /** Aborted when the answer is wanted no more: the peer has left, or its time has run out. */
  readonly signal: AbortSignal
}

/** A peer that may come in. */
export interface Admitted {
  /** Who it is; undefined when nobody said. */
  readonly userId: string | undefined
  /** Properties that its own claims never override, names in lower case. */
  readonly metadata: ReadonlyMap<string, Bytes>
}
