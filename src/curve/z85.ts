// Z85, the printable form of keys (RFC 32): five characters for four octets. Anything that is not exactly that is
// nothing.

import { allocate, type Bytes } from "../bytes.ts"

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

const VALUE: ReadonlyMap<string, number> = new Map([...ALPHABET].map((character, value) => [character, value]))

/** The text of octets, whose number must be a multiple of four. */
export function encodeZ85(octets: Bytes): string {
  if (octets.length % 4 !== 0) throw new RangeError(`Z85 encodes multiples of 4 octets, not ${octets.length}`)
  let text = ""
  for (let at = 0; at < octets.length; at += 4) {
    let value = octets.readUInt32BE(at)
    let group = ""
    for (let i = 0; i < 5; i++) {
      group = (ALPHABET[value % 85] as string) + group
      value = Math.floor(value / 85)
    }
    text += group
  }
  return text
}

/** The octets of a text, or undefined when it is none of Z85. */
export function decodeZ85(text: string): Bytes | undefined {
  if (text.length % 5 !== 0) return undefined
  const octets = allocate((text.length / 5) * 4)
  octets.fill(0)
  for (let at = 0; at < text.length; at += 5) {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const digit = VALUE.get(text[at + i] as string)
      if (digit === undefined) return undefined
      value = value * 85 + digit
    }
    if (value > 0xffff_ffff) return undefined
    octets.writeUInt32BE(value, (at / 5) * 4)
  }
  return octets
}
