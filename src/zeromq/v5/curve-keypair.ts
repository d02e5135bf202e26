// Keys of CURVE, by the names of versions 4 and 5.

import { curveKeyPair } from "../../curve/keys.ts"

/** A new pair of keys for CURVE, each of 40 characters of Z85. */
export function curveKeypair(): { public: string; secret: string } {
  const { publicKey, secretKey } = curveKeyPair()
  return { public: publicKey, secret: secretKey }
}
