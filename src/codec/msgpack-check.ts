// The structure of MessagePack, looked at before anything is made of it: that it is one whole value within the limits,
// and holds nothing but the plain types of the specification. No recursion, and no allocation for what is announced.

import { CodecError } from "../errors.ts"
import { type SettledLimits, tooDeep, tooLarge, tooMany, unsafeKey } from "./limits.ts"
import { isMarked, type MarkedText } from "./marked-text.ts"

const UNSAFE = [..."__proto__"].map((character) => character.charCodeAt(0))

/**
 * Makes a function that throws {@link CodecError} unless the octets `from` to `to` are one value that may be unpacked.
 * What it returns is nearly always nothing: the texts in it that msgpackr would not give back as they are.
 *
 * Refused are extension types (and with them records, references, dates and whatever else a library may read from
 * them), the octet 0xC1 that means nothing, the key `__proto__`, values that end too early or too late, and whatever
 * is over a limit.
 */
export function msgpackCheck(
  limits: SettledLimits,
): (octets: Uint8Array, from: number, to: number) => readonly MarkedText[] | undefined {
  const { maxSize, maxDepth, maxValues } = limits
  // For each array and map that is open: what is left of the one around it, and whether that is a map.
  const lefts = new Float64Array(maxDepth)
  const kinds = new Uint8Array(maxDepth)

  return (octets, from, to) => {
    if (to - from > maxSize) throw tooLarge(to - from, limits)
    let at = from
    let values = 1
    let depth = 0
    let left = 1
    // 1 in a map: keys and values take turns, and an odd number is left after a key.
    let map = 0
    let marked: MarkedText[] | undefined
    for (;;) {
      while (left === 0) {
        if (depth === 0) {
          if (at < to) throw trailing(to - at)
          if (at > to) throw truncated()
          return marked
        }
        depth--
        left = lefts[depth] as number
        map = kinds[depth] as number
      }
      if (at >= to) throw truncated()
      left--
      const start = at
      const token = octets[at++] as number
      if (token < 0x80 || token >= 0xe0) continue

      // How many octets of text or binary follow, or how many values.
      let length = -1
      let count = 0
      let opens = 0
      if (token >= 0xc0) {
        switch (token) {
          case 0xc0:
          case 0xc2:
          case 0xc3:
            continue
          case 0xcc:
          case 0xd0:
            at++
            continue
          case 0xcd:
          case 0xd1:
            at += 2
            continue
          case 0xca:
          case 0xce:
          case 0xd2:
            at += 4
            continue
          case 0xcb:
          case 0xcf:
          case 0xd3:
            at += 8
            continue
          case 0xc4:
          case 0xd9:
            length = octets[at++] as number
            break
          case 0xc5:
          case 0xda:
            length = two(octets, at)
            at += 2
            break
          case 0xc6:
          case 0xdb:
            length = four(octets, at)
            at += 4
            break
          case 0xdc:
          case 0xde:
            opens = token === 0xde ? 2 : 1
            count = two(octets, at) * opens
            at += 2
            break
          case 0xdd:
          case 0xdf:
            opens = token === 0xdf ? 2 : 1
            count = four(octets, at) * opens
            at += 4
            break
          case 0xc1:
            throw new CodecError("The octet 0xC1 is no MessagePack")
          default:
            throw extension(octets, at, to, token)
        }
      } else if (token >= 0xa0) {
        length = token & 0x1f
      } else {
        opens = token < 0x90 ? 2 : 1
        count = (token & 0x0f) * opens
      }

      if (opens === 0) {
        if (length === 9 && map === 1 && (left & 1) === 1 && isUnsafe(octets, at)) throw unsafeKey()
        if (length > 64 && token >= 0xd9 && isMarked(octets, at)) {
          marked ??= []
          marked.push({ start, text: at, length })
        }
        at += length
        continue
      }
      if (depth === maxDepth) throw tooDeep(limits)
      values += count
      if (values > maxValues) throw tooMany(limits)
      // Each of them takes an octet at least.
      if (count > to - at) throw truncated()
      lefts[depth] = left
      kinds[depth] = map
      depth++
      left = count
      map = opens - 1
    }
  }
}

// Where nothing stands they read zeros; that the value is truncated shows in the position behind it.

function two(octets: Uint8Array, at: number): number {
  return ((octets[at] as number) << 8) | (octets[at + 1] as number)
}

function four(octets: Uint8Array, at: number): number {
  return ((two(octets, at) << 16) | two(octets, at + 2)) >>> 0
}

function isUnsafe(octets: Uint8Array, at: number): boolean {
  for (let i = 0; i < UNSAFE.length; i++) if (octets[at + i] !== UNSAFE[i]) return false
  return true
}

function truncated(): CodecError {
  return new CodecError("The MessagePack of a frame ends in the middle of a value")
}

function trailing(count: number): CodecError {
  return new CodecError(`After the MessagePack value of a frame come ${count} octets more`)
}

function extension(octets: Uint8Array, at: number, to: number, token: number): CodecError {
  // The type stands behind a length of 1, 2 or 4 octets (ext 8, 16 and 32), or at once (fixext).
  const place = token > 0xc9 ? at : at + 2 ** (token - 0xc7)
  if (place >= to) return truncated()
  const type = octets[place] as number
  const what = type === 0xff ? "dates" : "values of other classes"
  return new CodecError(
    `MessagePack's extension type ${(type << 24) >> 24} is not accepted: ` +
      `${what} are sent as numbers, strings or plain objects`,
  )
}
