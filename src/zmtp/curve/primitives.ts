// What CURVE needs of a cryptographic library, and nothing else: the mechanism speaks to this interface, and which
// library stands behind it is decided where one is loaded. Boxes are XSalsa20-Poly1305, keys are of Curve25519; keys
// have 32 octets, nonces 24.

import type { Bytes } from "../../bytes.ts"
import { ProtocolError } from "../../errors.ts"

/** Octets by which a box is longer than what is inside. */
export const TAG = 16
/** Octets of every key. */
export const KEY = 32
/** Octets of every nonce. */
export const NONCE = 24

export interface KeyPair {
  readonly publicKey: Bytes
  readonly secretKey: Bytes
}

/** Sealing and opening, in place. */
export interface Boxes {
  /** Turns the `length` octets that stand at `at + TAG` into a box that begins at `at`. */
  seal(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): void
  /**
   * The opposite: the box of `length` octets at `at` becomes what is inside, at `at + TAG`. False when the box was not
   * made with this nonce and key; the memory is of no use then.
   */
  open(memory: Bytes, at: number, length: number, nonce: Bytes, key: Bytes): boolean
}

export interface Primitives extends Boxes {
  /** A new pair, from the system's source of randomness. */
  keyPair(): KeyPair
  /**
   * The key that both sides of a pair of keys arrive at. Undefined for a public key with which the result would be
   * known to everybody (a point of low order).
   */
  agree(secretKey: Bytes, publicKey: Bytes): Bytes | undefined
  /** Fills with what nobody can guess. */
  randomize(memory: Bytes): void
}

/** The key agreed on. Throws {@link ProtocolError} where everybody would know it. */
export function agreeOn(primitives: Primitives, secretKey: Bytes, publicKey: Bytes): Bytes {
  const key = primitives.agree(secretKey, publicKey)
  if (key === undefined)
    throw new ProtocolError("The peer's key is of low order: no secret can be agreed on with it", "cryptography")
  return key
}
