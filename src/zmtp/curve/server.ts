// The server's half of the CURVE handshake (RFC 26): WELCOME, then READY for a client that proved to hold the secret of
// the key it names, and that may come in. Between HELLO and INITIATE it keeps C' and the key of the cookie; its own
// transient secret is in the cookie alone.

import { allocate, type Bytes, clone, copy, EMPTY, equal } from "../../bytes.ts"
import { now } from "../../clock.ts"
import { ProtocolError } from "../../errors.ts"
import { outOfOrder, parseCommand, ready, welcome } from "../command.ts"
import type { Credentials, Mechanism, MechanismSetup } from "../mechanism.ts"
import { decodeMetadata } from "../metadata.ts"
import {
  COOKIE,
  COOKIE_NONCE,
  HELLO_KEY_AT,
  HELLO_NONCE,
  HELLO_SIZE,
  INITIATE_NONCE,
  INITIATE_SIZE,
  READY_NONCE,
  VOUCH,
  VOUCH_NONCE,
  WELCOME_NONCE,
  wrongSize,
} from "./layout.ts"
import { LONG_NONCE, NonceCounter, nonceFrom, nonceOf, SHORT_NONCE } from "./nonce.ts"
import { agreeOn, KEY, type KeyPair, type Primitives, TAG } from "./primitives.ts"
import { CurveProtection } from "./protection.ts"

/** How long a cookie is good for, ms (RFC 26 suggests a minute). */
const COOKIE_LIFE = 60_000

export class CurveServer implements Mechanism {
  readonly name = "CURVE"
  readonly asServer = true
  status: "handshake" | "asking" | "ready" = "handshake"
  credentials: Credentials | undefined
  metadata: ReadonlyMap<string, Bytes> | undefined
  protection: CurveProtection | undefined
  readonly #setup: MechanismSetup
  readonly #primitives: Primitives
  readonly #keys: KeyPair
  readonly #sent = new NonceCounter()
  readonly #received = new NonceCounter()
  #next: "HELLO" | "WELCOME" | "INITIATE" | "READY" = "HELLO"
  /** C', as HELLO named it. */
  #clientTransient: Bytes = EMPTY
  /** K(s, C'), for WELCOME; then the key of the cookie; then K(s', C'), the key of this connection. */
  #key: Bytes = EMPTY
  #cookieMade = 0

  constructor(setup: MechanismSetup, primitives: Primitives, keys: KeyPair) {
    this.#setup = setup
    this.#primitives = primitives
    this.#keys = keys
  }

  produce(): Bytes | undefined {
    if (this.status !== "handshake") return undefined
    if (this.#next === "WELCOME") {
      this.#next = "INITIATE"
      return this.#welcome()
    }
    return this.#next === "READY" ? this.#ready() : undefined
  }

  consume(body: Bytes): void {
    const { name, data } = parseCommand(body)
    if (name !== this.#next || (name !== "HELLO" && name !== "INITIATE")) {
      throw outOfOrder("CURVE", this.#next, name)
    }
    if (name === "HELLO") this.#hello(body, data)
    else this.#initiate(body, data)
  }

  admit(): void {
    this.status = "handshake"
    this.credentials = undefined
  }

  dispose(): void {
    this.#key.fill(0)
    this.protection?.dispose()
  }

  #hello(body: Bytes, data: Bytes): void {
    if (body.length !== HELLO_SIZE) throw wrongSize("HELLO", body.length)
    if (data[0] !== 1 || data[1] !== 0)
      throw new ProtocolError("The peer speaks another version of CURVE than 1.0", "malformed-hello")
    for (let at = 2; at < HELLO_KEY_AT; at++) {
      if (data[at] !== 0) throw new ProtocolError("The peer's HELLO has padding that is not zero", "malformed-hello")
    }
    this.#clientTransient = clone(data.subarray(HELLO_KEY_AT, HELLO_KEY_AT + KEY))
    this.#key = agreeOn(this.#primitives, this.#keys.secretKey, this.#clientTransient)
    const nonce = nonceOf(HELLO_NONCE)
    this.#received.accept(data, HELLO_KEY_AT + KEY, nonce)
    const boxAt = HELLO_KEY_AT + KEY + SHORT_NONCE
    if (!this.#primitives.open(data, boxAt, data.length - boxAt, nonce, this.#key)) {
      throw new ProtocolError("The peer's HELLO does not open: it was made for another server key", "cryptography")
    }
    this.#next = "WELCOME"
  }

  /** S' and the cookie, in a box for C'. */
  #welcome(): Bytes {
    const primitives = this.#primitives
    const transient = primitives.keyPair()
    const data = allocate(LONG_NONCE + TAG + KEY + COOKIE)
    primitives.randomize(data.subarray(0, LONG_NONCE))
    const boxAt = LONG_NONCE
    copy(transient.publicKey, data, boxAt + TAG)
    const cookieAt = boxAt + TAG + KEY
    const cookieKey = allocate(KEY)
    primitives.randomize(cookieKey)
    primitives.randomize(data.subarray(cookieAt, cookieAt + LONG_NONCE))
    const secretsAt = cookieAt + LONG_NONCE + TAG
    copy(this.#clientTransient, data, secretsAt)
    copy(transient.secretKey, data, secretsAt + KEY)
    transient.secretKey.fill(0)
    const cookieNonce = nonceFrom(COOKIE_NONCE, data, cookieAt, LONG_NONCE)
    primitives.seal(data, cookieAt + LONG_NONCE, KEY + KEY, cookieNonce, cookieKey)
    primitives.seal(data, boxAt, KEY + COOKIE, nonceFrom(WELCOME_NONCE, data, 0, LONG_NONCE), this.#key)
    this.#key.fill(0)
    this.#key = cookieKey
    this.#cookieMade = now()
    return welcome(data)
  }

  #initiate(body: Bytes, data: Bytes): void {
    if (body.length < INITIATE_SIZE) throw wrongSize("INITIATE", body.length)
    const secretKey = this.#openCookie(data)
    try {
      this.#recognise(data, secretKey)
    } finally {
      secretKey.fill(0)
    }
    this.#next = "READY"
    this.status = "asking"
  }

  /** Who the client is, and what it says of itself. */
  #recognise(data: Bytes, secretKey: Bytes): void {
    this.#key = agreeOn(this.#primitives, secretKey, this.#clientTransient)
    const nonce = nonceOf(INITIATE_NONCE)
    this.#received.accept(data, COOKIE, nonce)
    const boxAt = COOKIE + SHORT_NONCE
    if (!this.#primitives.open(data, boxAt, data.length - boxAt, nonce, this.#key)) {
      throw new ProtocolError("The peer's INITIATE does not open: it was forged or altered", "cryptography")
    }
    const publicKey = clone(data.subarray(boxAt + TAG, boxAt + TAG + KEY))
    const vouchAt = boxAt + TAG + KEY + LONG_NONCE
    this.#checkVouch(agreeOn(this.#primitives, secretKey, publicKey), data, vouchAt)
    this.metadata = decodeMetadata(data.subarray(vouchAt + VOUCH), this.#setup.limits)
    this.credentials = { publicKey }
  }

  /** s', which only the cookie knows. */
  #openCookie(data: Bytes): Bytes {
    const nonce = nonceFrom(COOKIE_NONCE, data, 0, LONG_NONCE)
    const fresh = now() - this.#cookieMade <= COOKIE_LIFE
    const opened = fresh && this.#primitives.open(data, LONG_NONCE, COOKIE - LONG_NONCE, nonce, this.#key)
    this.#key.fill(0)
    const secretsAt = LONG_NONCE + TAG
    if (!opened || !equal(data.subarray(secretsAt, secretsAt + KEY), this.#clientTransient)) {
      throw new ProtocolError("The peer's cookie is not the one it was given, or is too old", "cryptography")
    }
    return data.subarray(secretsAt + KEY, secretsAt + KEY + KEY)
  }

  /** The client's long-term key for the C' of this connection and our own S: it cannot have been made for another. */
  #checkVouch(key: Bytes, data: Bytes, at: number): void {
    const nonce = nonceFrom(VOUCH_NONCE, data, at - LONG_NONCE, LONG_NONCE)
    const opened = this.#primitives.open(data, at, VOUCH, nonce, key)
    key.fill(0)
    if (!opened)
      throw new ProtocolError("The peer's vouch was not made with the secret of the key it names", "cryptography")
    const keysAt = at + TAG
    if (!equal(data.subarray(keysAt, keysAt + KEY), this.#clientTransient)) {
      throw new ProtocolError("The peer's vouch was made for another connection", "cryptography")
    }
    if (!equal(data.subarray(keysAt + KEY, keysAt + KEY + KEY), this.#keys.publicKey)) {
      throw new ProtocolError("The peer's vouch was made for another server", "cryptography")
    }
  }

  #ready(): Bytes {
    const { metadata } = this.#setup
    const data = allocate(SHORT_NONCE + TAG + metadata.length)
    const nonce = nonceOf(READY_NONCE)
    this.#sent.next(nonce, data, 0)
    copy(metadata, data, SHORT_NONCE + TAG)
    this.#primitives.seal(data, SHORT_NONCE, metadata.length, nonce, this.#key)
    this.protection = new CurveProtection({
      side: "server",
      boxes: this.#primitives,
      key: this.#key,
      sent: this.#sent,
      received: this.#received,
    })
    this.status = "ready"
    return ready(data)
  }
}
