// The PLAIN mechanism (RFC 24): the client names itself with a password, in clear; the server asks somebody who knows.
// HELLO → WELCOME → INITIATE → READY. It hides nothing: who can read the wire reads the password.

import { allocate, type Bytes, copy, EMPTY, equal, fromAscii } from "../bytes.ts"
import { type HandshakeError, ProtocolError } from "../errors.ts"
import { type Command, hello, initiate, outOfOrder, parseCommand, ready, refusal, welcome } from "./command.ts"
import type { Credentials, Mechanism, MechanismSetup } from "./mechanism.ts"
import { decodeMetadata } from "./metadata.ts"

/** Longest user name and password, octets. */
export const MAX_CREDENTIAL = 255

// What libzmq's servers say for ERROR: the length octet and the E of the name became one character in its source.
const MISSPELT_ERROR: Bytes = fromAscii("^RROR")

/** The side that has a user name and a password. */
export class PlainClient implements Mechanism {
  readonly name = "PLAIN"
  readonly asServer = false
  status: "handshake" | "ready" = "handshake"
  metadata: ReadonlyMap<string, Bytes> | undefined
  readonly #setup: MechanismSetup
  readonly #username: Bytes
  readonly #password: Bytes
  #next: "HELLO" | "WELCOME" | "INITIATE" | "READY" = "HELLO"

  constructor(setup: MechanismSetup, username: Bytes, password: Bytes) {
    this.#setup = setup
    this.#username = username
    this.#password = password
  }

  produce(): Bytes | undefined {
    if (this.#next === "HELLO") {
      this.#next = "WELCOME"
      return hello(credentials(this.#username, this.#password))
    }
    if (this.#next !== "INITIATE") return undefined
    this.#next = "READY"
    return initiate(this.#setup.metadata)
  }

  consume(body: Bytes): void {
    if (equal(body.subarray(0, MISSPELT_ERROR.length), MISSPELT_ERROR)) {
      throw refused(body.subarray(MISSPELT_ERROR.length))
    }
    const { name, data } = parseCommand(body)
    if (name === "ERROR") throw refused(data)
    if (name !== this.#next || this.#next === "HELLO") throw outOfOrder("PLAIN", this.#next, name)
    if (name === "WELCOME") {
      if (data.length > 0) {
        const found = `the peer's has ${data.length} octets`
        throw new ProtocolError(`A WELCOME of PLAIN is empty, ${found}`, "malformed-welcome")
      }
      this.#next = "INITIATE"
    } else {
      this.metadata = decodeMetadata(data, this.#setup.limits)
      this.status = "ready"
    }
  }
}

/** The side that asks who the peer is. */
export class PlainServer implements Mechanism {
  readonly name = "PLAIN"
  readonly asServer = true
  status: "handshake" | "asking" | "ready" = "handshake"
  credentials: Credentials | undefined
  metadata: ReadonlyMap<string, Bytes> | undefined
  readonly #setup: MechanismSetup
  #next: "HELLO" | "WELCOME" | "INITIATE" | "READY" = "HELLO"

  constructor(setup: MechanismSetup) {
    this.#setup = setup
  }

  produce(): Bytes | undefined {
    if (this.status === "asking") return undefined
    if (this.#next === "WELCOME") {
      this.#next = "INITIATE"
      return welcome(EMPTY)
    }
    if (this.#next !== "READY" || this.status === "ready") return undefined
    this.status = "ready"
    return ready(this.#setup.metadata)
  }

  consume(body: Bytes): void {
    const command = parseCommand(body)
    if (command.name !== this.#next || this.status !== "handshake") throw outOfOrder("PLAIN", this.#next, command.name)
    if (this.#next === "HELLO") {
      this.credentials = parseHello(command)
      this.#next = "WELCOME"
      this.status = "asking"
    } else {
      this.metadata = decodeMetadata(command.data, this.#setup.limits)
      this.#next = "READY"
    }
  }

  admit(): void {
    this.status = "handshake"
    this.credentials = undefined
  }
}

/** Length, user name, length, password. */
function credentials(username: Bytes, password: Bytes): Bytes {
  const data = allocate(1 + username.length + 1 + password.length)
  data[0] = username.length
  copy(username, data, 1)
  data[1 + username.length] = password.length
  copy(password, data, 2 + username.length)
  return data
}

function parseHello({ data }: Command): Credentials {
  const usernameEnd = 1 + (data[0] ?? 0)
  const passwordEnd = usernameEnd + 1 + (data[usernameEnd] ?? 0)
  if (data.length === 0 || usernameEnd >= data.length || passwordEnd !== data.length) {
    const what = "The peer's HELLO is not a user name and a password, each with its length"
    throw new ProtocolError(what, "malformed-hello")
  }
  return { username: data.subarray(1, usernameEnd), password: data.subarray(usernameEnd + 1) }
}

function refused(data: Bytes): HandshakeError {
  return refusal("The peer refused our credentials", data)
}
