// Comparing what is secret, in a time that tells nothing of where two secrets differ.

import { allocate, type Bytes, copy } from "../bytes.ts"

/** No secret that is compared here is longer. */
const LONGEST = 255

// Their longest parts, and zeros behind them; used by one comparison after the other.
const one = allocate(LONGEST)
const other = allocate(LONGEST)

/** Whether two secrets of at most 255 octets are the same. */
export function sameSecret(a: Bytes, b: Bytes): boolean {
  one.fill(0)
  other.fill(0)
  copy(a, one, 0)
  copy(b, other, 0)
  let difference = a.length ^ b.length
  for (let i = 0; i < LONGEST; i++) difference |= (one[i] as number) ^ (other[i] as number)
  one.fill(0)
  other.fill(0)
  return difference === 0
}
