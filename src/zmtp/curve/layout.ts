// The sizes of the commands of CURVE's handshake, and what the nonces of its boxes begin with (RFC 26).

import { type MalformedCommand, ProtocolError } from "../../errors.ts"
import { LONG_NONCE } from "./nonce.ts"
import { KEY, TAG } from "./primitives.ts"

/** Octets of the cookie, which the server makes and the client returns: a nonce, and a box of C' and s'. */
export const COOKIE: number = LONG_NONCE + TAG + KEY + KEY
/** Octets of a vouch: a box of C' and S. */
export const VOUCH: number = TAG + KEY + KEY

/** Octets of commands, their names included. */
export const HELLO_SIZE = 200
export const WELCOME_SIZE = 168
/** At least, which is without metadata. */
export const INITIATE_SIZE = 257
export const READY_SIZE = 30

/** Where C' stands in HELLO, behind its name, the version, and the zeros that make it longer than the answer. */
export const HELLO_KEY_AT = 74
/** Zeros that HELLO has in its box. */
export const HELLO_SIGNED = 64

export const HELLO_NONCE = "CurveZMQHELLO---"
export const WELCOME_NONCE = "WELCOME-"
export const COOKIE_NONCE = "COOKIE--"
export const INITIATE_NONCE = "CurveZMQINITIATE"
export const VOUCH_NONCE = "VOUCH---"
export const READY_NONCE = "CurveZMQREADY---"

/** A handshake command of the wrong length. */
export function wrongSize(name: string, size: number): ProtocolError {
  return new ProtocolError(
    `The peer's ${name} has a wrong size: ${size} octets`,
    `malformed-${name.toLowerCase()}` as MalformedCommand,
  )
}
