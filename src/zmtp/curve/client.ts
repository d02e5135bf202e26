// The client's half of the CURVE handshake (RFC 26): HELLO, INITIATE, then traffic under the key of this connection.
// It knows the server's long-term key beforehand, and ends the handshake when the peer cannot prove to hold its secret.

import { allocate, type Bytes, copy } from "../../bytes.ts"
import { ProtocolError } from "../../errors.ts"
import { hello, initiate, outOfOrder, parseCommand, refusal } from "../command.ts"
import type { Mechanism, MechanismSetup } from "../mechanism.ts"
import { decodeMetadata } from "../metadata.ts"
import {
  COOKIE,
  HELLO_KEY_AT,
  HELLO_NONCE,
  HELLO_SIGNED,
  INITIATE_NONCE,
  READY_NONCE,
  READY_SIZE,
  VOUCH,
  VOUCH_NONCE,
  WELCOME_NONCE,
  WELCOME_SIZE,
  wrongSize,
} from "./layout.ts"
import { LONG_NONCE, NonceCounter, nonceFrom, nonceOf, SHORT_NONCE } from "./nonce.ts"
import { agreeOn, KEY, type KeyPair, type Primitives, TAG } from "./primitives.ts"
import { CurveProtection } from "./protection.ts"

export interface CurveClientKeys extends KeyPair {
  /** The server's long-term public key. */
  readonly serverKey: Bytes
}

export class CurveClient implements Mechanism {
  readonly name = "CURVE"
  readonly asServer = false
  status: "handshake" | "ready" = "handshake"
  metadata: ReadonlyMap<string, Bytes> | undefined
  protection: CurveProtection | undefined
  readonly #setup: MechanismSetup
  readonly #primitives: Primitives
  readonly #keys: CurveClientKeys
  /** Of this connection alone; made for HELLO, since connections that never get there must cost nothing. */
  #transient: KeyPair | undefined
  readonly #sent = new NonceCounter()
  readonly #received = new NonceCounter()
  #next: "HELLO" | "WELCOME" | "INITIATE" | "READY" = "HELLO"
  /** K(c', S), and from WELCOME on K(c', S'). */
  #key: Bytes | undefined
  #serverTransient: Bytes | undefined
  #cookie: Bytes | undefined

  constructor(setup: MechanismSetup, primitives: Primitives, keys: CurveClientKeys) {
    this.#setup = setup
    this.#primitives = primitives
    this.#keys = keys
  }

  produce(): Bytes | undefined {
    if (this.#next === "HELLO") {
      this.#next = "WELCOME"
      return this.#hello()
    }
    if (this.#next !== "INITIATE") return undefined
    this.#next = "READY"
    return this.#initiate()
  }

  consume(body: Bytes): void {
    const { name, data } = parseCommand(body)
    if (name === "ERROR") throw refusal("The peer refused our key", data)
    if (name !== this.#next || name === "HELLO" || name === "INITIATE") {
      throw outOfOrder("CURVE", this.#next, name)
    }
    if (name === "WELCOME") this.#welcome(body, data)
    else this.#ready(body, data)
  }

  dispose(): void {
    this.#transient?.secretKey.fill(0)
    this.#key?.fill(0)
    this.protection?.dispose()
  }

  /** Version 1.0, zeros that make it longer than the answer, C', and a box that proves who can answer. */
  #hello(): Bytes {
    const data = allocate(HELLO_KEY_AT + KEY + SHORT_NONCE + TAG + HELLO_SIGNED)
    data.fill(0)
    data[0] = 1
    this.#transient = this.#primitives.keyPair()
    copy(this.#transient.publicKey, data, HELLO_KEY_AT)
    const nonce = nonceOf(HELLO_NONCE)
    this.#sent.next(nonce, data, HELLO_KEY_AT + KEY)
    this.#key = this.#agree(this.#keys.serverKey)
    this.#primitives.seal(data, HELLO_KEY_AT + KEY + SHORT_NONCE, HELLO_SIGNED, nonce, this.#key)
    return hello(data)
  }

  /** S' and the cookie, in a box that only the holder of the server's secret can have made. */
  #welcome(body: Bytes, data: Bytes): void {
    if (body.length !== WELCOME_SIZE) throw wrongSize("WELCOME", body.length)
    const nonce = nonceFrom(WELCOME_NONCE, data, 0, LONG_NONCE)
    if (!this.#primitives.open(data, LONG_NONCE, data.length - LONG_NONCE, nonce, this.#key as Bytes)) {
      throw new ProtocolError(
        "The peer's WELCOME does not open: it does not hold the secret of the server key",
        "cryptography",
      )
    }
    const inside = data.subarray(LONG_NONCE + TAG)
    this.#serverTransient = inside.subarray(0, KEY)
    this.#cookie = inside.subarray(KEY)
    this.#key?.fill(0)
    this.#key = this.#agree(this.#serverTransient)
    this.#next = "INITIATE"
  }

  /** The cookie back, and who we are: our long-term key, with a vouch that binds it to this connection. */
  #initiate(): Bytes {
    const { metadata } = this.#setup
    const boxAt = COOKIE + SHORT_NONCE
    const inside = KEY + LONG_NONCE + VOUCH + metadata.length
    const data = allocate(boxAt + TAG + inside)
    copy(this.#cookie as Bytes, data, 0)
    const nonce = nonceOf(INITIATE_NONCE)
    this.#sent.next(nonce, data, COOKIE)
    let at = boxAt + TAG
    copy(this.#keys.publicKey, data, at)
    at += KEY
    const long = data.subarray(at, at + LONG_NONCE)
    this.#primitives.randomize(long)
    at += LONG_NONCE
    copy((this.#transient as KeyPair).publicKey, data, at + TAG)
    copy(this.#keys.serverKey, data, at + TAG + KEY)
    const vouching = agreeOn(this.#primitives, this.#keys.secretKey, this.#serverTransient as Bytes)
    this.#primitives.seal(data, at, KEY + KEY, nonceFrom(VOUCH_NONCE, long, 0, LONG_NONCE), vouching)
    vouching.fill(0)
    at += VOUCH
    copy(metadata, data, at)
    this.#primitives.seal(data, boxAt, inside, nonce, this.#key as Bytes)
    // They stand in memory of WELCOME's chunk, which is to go.
    this.#serverTransient = this.#cookie = undefined
    return initiate(data)
  }

  #ready(body: Bytes, data: Bytes): void {
    if (body.length < READY_SIZE) throw wrongSize("READY", body.length)
    const nonce = nonceOf(READY_NONCE)
    this.#received.accept(data, 0, nonce)
    const key = this.#key as Bytes
    if (!this.#primitives.open(data, SHORT_NONCE, data.length - SHORT_NONCE, nonce, key)) {
      throw new ProtocolError("The peer's READY does not open: it was forged or altered", "cryptography")
    }
    this.metadata = decodeMetadata(data.subarray(SHORT_NONCE + TAG), this.#setup.limits)
    this.protection = new CurveProtection({
      side: "client",
      boxes: this.#primitives,
      key,
      sent: this.#sent,
      received: this.#received,
    })
    this.#transient?.secretKey.fill(0)
    this.status = "ready"
  }

  #agree(publicKey: Bytes): Bytes {
    return agreeOn(this.#primitives, (this.#transient as KeyPair).secretKey, publicKey)
  }
}
