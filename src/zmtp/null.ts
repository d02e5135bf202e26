// The NULL mechanism (RFC 37): no authentication, no protection. Each side says READY, with its metadata, as soon as it
// may and without waiting for the other, which no peer can turn into a deadlock.

import type { Bytes } from "../bytes.ts"
import { ProtocolError } from "../errors.ts"
import { outOfOrder, parseCommand, ready, refusal } from "./command.ts"
import type { Credentials, Mechanism, MechanismSetup } from "./mechanism.ts"
import { decodeMetadata } from "./metadata.ts"

/** One NULL handshake. With `asks` somebody has to let the peer in, by nothing but where it is. */
export function nullMechanism(setup: MechanismSetup, asks: boolean = false): Mechanism {
  return new NullMechanism(setup, asks)
}

const NO_CREDENTIALS: Credentials = {}

class NullMechanism implements Mechanism {
  readonly name = "NULL"
  readonly asServer = false
  readonly #setup: MechanismSetup
  #asks: boolean
  #said = false
  #metadata: ReadonlyMap<string, Bytes> | undefined

  constructor(setup: MechanismSetup, asks: boolean) {
    this.#setup = setup
    this.#asks = asks
  }

  get status(): "handshake" | "asking" | "ready" {
    if (this.#asks) return "asking"
    return this.#said && this.#metadata !== undefined ? "ready" : "handshake"
  }

  get credentials(): Credentials | undefined {
    return this.#asks ? NO_CREDENTIALS : undefined
  }

  admit(): void {
    this.#asks = false
  }

  get metadata(): ReadonlyMap<string, Bytes> | undefined {
    return this.#metadata
  }

  produce(): Bytes | undefined {
    if (this.#said || this.#asks) return undefined
    this.#said = true
    return ready(this.#setup.metadata)
  }

  consume(body: Bytes): void {
    const { name, data } = parseCommand(body)
    if (name === "ERROR") throw refusal("The peer refused the handshake", data)
    if (name !== "READY") throw outOfOrder("NULL", "READY", name)
    if (this.#metadata !== undefined) throw new ProtocolError("The peer sent READY twice", "unexpected-command")
    this.#metadata = decodeMetadata(data, this.#setup.limits)
  }
}
