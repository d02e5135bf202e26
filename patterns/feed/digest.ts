// Whether a payload is the same as another that is no longer there: two hashes of 26 bits each, in one number.

const PRIMES = [0x01000193, 0x85ebca6b] as const

/** 52 bits of what the octets are (after FNV-1a, with two multipliers). */
export function digest(octets: Uint8Array): number {
  let one = 0x811c9dc5 ^ octets.length
  let two = 0x9e3779b9 ^ octets.length
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] as number
    one = Math.imul(one ^ octet, PRIMES[0])
    two = Math.imul((two ^ octet) + (two >>> 15), PRIMES[1])
  }
  return ((one ^ (one >>> 6)) & 0x3ff_ffff) * 0x400_0000 + ((two ^ (two >>> 6)) & 0x3ff_ffff)
}
