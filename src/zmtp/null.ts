// The NULL mechanism (RFC 37): no authentication, no protection. Each side says READY, with its metadata, as soon as it
// may and without waiting for the other, which no peer can turn into a deadlock.

import type { Bytes } from "../bytes.ts"
import { HandshakeError, ProtocolError } from "../errors.ts"
import { parseCommand, parseError, ready } from "./command.ts"
import type { Mechanism, MechanismSetup } from "./mechanism.ts"
import { decodeMetadata } from "./metadata.ts"

/** One NULL handshake. */
export function nullMechanism(setup: MechanismSetup): Mechanism {
  return new NullMechanism(setup)
}

class NullMechanism implements Mechanism {
  readonly name = "NULL"
  readonly asServer = false
  readonly #setup: MechanismSetup
  #said = false
  #metadata: ReadonlyMap<string, Bytes> | undefined

  constructor(setup: MechanismSetup) {
    this.#setup = setup
  }

  get status(): "handshake" | "ready" {
    return this.#said && this.#metadata !== undefined ? "ready" : "handshake"
  }

  get metadata(): ReadonlyMap<string, Bytes> | undefined {
    return this.#metadata
  }

  produce(): Bytes | undefined {
    if (this.#said) return undefined
    this.#said = true
    return ready(this.#setup.metadata)
  }

  consume(body: Bytes): void {
    const { name, data } = parseCommand(body)
    if (name === "ERROR") throw new HandshakeError(`The peer refused the handshake: "${parseError(data)}"`)
    if (name !== "READY") throw new ProtocolError(`A NULL handshake expects READY, the peer sent ${name.slice(0, 32)}`)
    if (this.#metadata !== undefined) throw new ProtocolError("The peer sent READY twice")
    this.#metadata = decodeMetadata(data, this.#setup.limits)
  }
}
