// The keys of CURVE as applications hold them: 32 octets, or 40 characters of Z85 (RFC 32).

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto"
import { type Bytes, clone, concat, equal, fromKey } from "../bytes.ts"
import { OptionError } from "../errors.ts"
import { toFrame } from "../message.ts"
import { KEY, type KeyPair } from "../zmtp/curve/primitives.ts"
import { decodeZ85, encodeZ85 } from "./z85.ts"

/** A key of 32 octets, or its 40 characters of Z85. */
export type CurveKey = string | ArrayBufferView | ArrayBuffer

/** A pair of keys in Z85, of 40 characters each. */
export interface CurveKeyPair {
  /** May be known to everybody. */
  readonly publicKey: string
  /** Must be known to nobody else. */
  readonly secretKey: string
}

/** Octets of a DER encoding in front of the key itself (RFC 8410). */
const PRIVATE_DER = fromKey("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20")

/**
 * A new pair of keys for {@link curve} or {@link curveServer}, in Z85. Each program that others have to recognise makes
 * one, once, and keeps it.
 */
export function curveKeyPair(): CurveKeyPair {
  const { publicKey, privateKey } = generateKeyPairSync("x25519")
  const secret = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-KEY)
  return { publicKey: encodeZ85(publicOctets(publicKey)), secretKey: encodeZ85(secret) }
}

/** The octets of a key. Throws {@link OptionError}, which never repeats what was given: it may be secret. */
export function parseKey(what: string, given: unknown): Bytes {
  const octets = typeof given === "string" ? decodeZ85(given) : octetsOf(given)
  if (octets?.length === KEY) return octets
  const got =
    typeof given === "string"
      ? `a string of ${given.length} characters`
      : octets === undefined
        ? `a value of type ${typeof given}`
        : `${octets.length} octets`
  throw new OptionError("security", `${what} must be a key of 40 characters of Z85 or of 32 octets, got ${got}`)
}

/** A public key and its secret. Throws {@link OptionError} where one is not of the other. */
export function parseKeyPair(maker: string, publicKey: unknown, secretKey: unknown): KeyPair {
  const pair = {
    publicKey: parseKey(`${maker}: publicKey`, publicKey),
    secretKey: parseKey(`${maker}: secretKey`, secretKey),
  }
  const der = concat([PRIVATE_DER, pair.secretKey])
  const derived = publicOctets(createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })))
  der.fill(0)
  if (equal(derived, pair.publicKey)) return pair
  throw new OptionError("security", `${maker}: publicKey and secretKey must belong to each other, these do not`)
}

/** The public key of a secret one, in Z85. Throws {@link OptionError} for what is no key. */
export function publicKeyOf(secretKey: unknown): string {
  const secret = parseKey("secretKey", secretKey)
  const der = concat([PRIVATE_DER, secret])
  const derived = publicOctets(createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" })))
  der.fill(0)
  return encodeZ85(derived)
}

function publicOctets(key: KeyObject): Bytes {
  return key.export({ format: "der", type: "spki" }).subarray(-KEY)
}

function octetsOf(given: unknown): Bytes | undefined {
  const octets = ArrayBuffer.isView(given) || given instanceof ArrayBuffer ? toFrame(given) : undefined
  return octets && clone(octets)
}
