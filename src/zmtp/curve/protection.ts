// What CURVE puts around every frame of traffic (RFC 26): a MESSAGE with a counter and a box. Both ways of one
// connection; nothing of the handshake. Budget: one copy of the body, one call of the library, no object per frame.

import { type Bytes, copy, fromAscii, steady, view } from "../../bytes.ts"
import { ProtocolError } from "../../errors.ts"
import { MORE, SEALED_COMMAND } from "../frame.ts"
import type { Protection } from "../mechanism.ts"
import { type NonceCounter, nonceOf, SHORT_NONCE } from "./nonce.ts"
import { type Boxes, TAG } from "./primitives.ts"

const MESSAGE: Bytes = fromAscii("\x07MESSAGE")
const BOX_AT = MESSAGE.length + SHORT_NONCE
const FLAGS_AT = BOX_AT + TAG
const BODY_AT = FLAGS_AT + 1

/** What the nonces of each side's traffic begin with: so that nothing can be reflected to its sender. */
const PREFIX = { client: "CurveZMQMESSAGEC", server: "CurveZMQMESSAGES" } as const

export interface CurveProtectionSetup {
  readonly side: "client" | "server"
  readonly boxes: Boxes
  /** The key of this connection. It is overwritten when the connection is over. */
  readonly key: Bytes
  /** Counters, as the handshake left them. */
  readonly sent: NonceCounter
  readonly received: NonceCounter
}

export class CurveProtection implements Protection {
  readonly overhead: number = BODY_AT
  openedFlags = 0
  readonly #boxes: Boxes
  readonly #key: Bytes
  readonly #sent: NonceCounter
  readonly #received: NonceCounter
  readonly #sending: Bytes
  readonly #receiving: Bytes
  #over = false

  constructor({ side, boxes, key, sent, received }: CurveProtectionSetup) {
    this.#boxes = boxes
    this.#key = steady(key)
    this.#sent = sent
    this.#received = received
    this.#sending = nonceOf(PREFIX[side])
    this.#receiving = nonceOf(PREFIX[side === "client" ? "server" : "client"])
  }

  /** The connection is over: its key is overwritten. Everybody knows what is left, so nothing is sealed or opened. */
  dispose(): void {
    this.#over = true
    this.#key.fill(0)
  }

  seal(flags: number, body: Bytes, target: Bytes, offset: number): void {
    if (this.#over) throw keyless()
    copy(MESSAGE, target, offset)
    this.#sent.next(this.#sending, target, offset + MESSAGE.length)
    target[offset + FLAGS_AT] = flags
    copy(body, target, offset + BODY_AT)
    this.#boxes.seal(target, offset + BOX_AT, 1 + body.length, this.#sending, this.#key)
  }

  open(sealed: Bytes): Bytes {
    if (this.#over) throw keyless()
    const { length } = sealed
    if (length < BODY_AT) throw new ProtocolError(`A MESSAGE has at least ${BODY_AT} octets, the peer's ${length}`)
    for (let i = 0; i < MESSAGE.length; i++) {
      if (sealed[i] !== MESSAGE[i]) throw new ProtocolError("The peer sent something else than a MESSAGE")
    }
    this.#received.accept(sealed, MESSAGE.length, this.#receiving)
    if (!this.#boxes.open(sealed, BOX_AT, length - BOX_AT, this.#receiving, this.#key)) {
      throw new ProtocolError("A MESSAGE of the peer does not open: it was forged or altered")
    }
    // libzmq lets the reserved bits be anything, and so do we.
    this.openedFlags = (sealed[FLAGS_AT] as number) & (MORE | SEALED_COMMAND)
    return view(sealed.buffer, sealed.byteOffset + BODY_AT, length - BODY_AT)
  }
}

function keyless(): ProtocolError {
  return new ProtocolError("The connection is over, and its key is gone")
}
