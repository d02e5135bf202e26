// Metadata (RFC 37): the properties each side tells of itself in its handshake, to octets and back.
// What a property means is none of this file's business; neither is how the octets travel.

import { allocate, type Bytes, clone, copy, fromAscii, fromString, toKey } from "../bytes.ts"
import { OptionError, ProtocolError } from "../errors.ts"
import { LimitError } from "./decoder.ts"

/** What a peer may claim; whatever exceeds it ends the connection. */
export interface MetadataLimits {
  /** Properties, repeated ones included. */
  readonly maxProperties: number
  /** Octets of all properties together. */
  readonly maxBytes: number
}

const NAME = /^[A-Za-z0-9\-_.+]{1,255}$/
const MAX_VALUE = 0x7fffffff

/**
 * Name length, name, value length as u32, value; back to back in the order given. Strings are sent as UTF-8.
 * Throws {@link OptionError} for a name that RFC 37 does not allow: only the `metadata` option can bring one.
 */
export function encodeMetadata(properties: Iterable<readonly [string, Bytes | string]>): Bytes {
  const list: { name: Bytes; value: Bytes }[] = []
  let size = 0
  for (const [name, given] of properties) {
    if (!NAME.test(name)) {
      const accepted = "1 to 255 letters, digits, hyphens, underscores, dots and plus signs"
      throw new OptionError("metadata", `A property name must be ${accepted}, got ${JSON.stringify(name)}`)
    }
    const value = typeof given === "string" ? fromString(given) : given
    if (value.length > MAX_VALUE) {
      throw new OptionError("metadata", `The value of "${name}" must be at most ${MAX_VALUE} octets`)
    }
    list.push({ name: fromAscii(name), value })
    size += 1 + name.length + 4 + value.length
  }
  const bytes = allocate(size)
  let at = 0
  for (const { name, value } of list) {
    bytes[at++] = name.length
    copy(name, bytes, at)
    at += name.length
    bytes[at++] = value.length >>> 24
    bytes[at++] = value.length >>> 16
    bytes[at++] = value.length >>> 8
    bytes[at++] = value.length
    copy(value, bytes, at)
    at += value.length
  }
  return bytes
}

/**
 * The peer's properties by name in lower case; of repeated ones the first. The values share one memory of their own,
 * so that none of them keeps a chunk of the network alive. Throws {@link ProtocolError}, or {@link LimitError}.
 */
export function decodeMetadata(bytes: Bytes, limits: MetadataLimits): Map<string, Bytes> {
  if (bytes.length > limits.maxBytes) {
    throw new LimitError(
      "maxMetadataBytes",
      `The peer's metadata has ${bytes.length} octets, the limit is ${limits.maxBytes}`,
    )
  }
  const own = clone(bytes)
  const properties = new Map<string, Bytes>()
  let count = 0
  for (let at = 0; at < own.length; ) {
    if (++count > limits.maxProperties) {
      throw new LimitError(
        "maxMetadataProperties",
        `The peer's metadata has more than ${limits.maxProperties} properties, the limit`,
      )
    }
    const nameEnd = at + 1 + (own[at] as number)
    if (nameEnd + 4 > own.length) throw truncated()
    const name = toKey(own.subarray(at + 1, nameEnd))
    if (!NAME.test(name))
      throw new ProtocolError("The peer's metadata holds a property name that RFC 37 does not allow", "metadata")
    const size = u32(own, nameEnd)
    if (size > MAX_VALUE) throw new ProtocolError(`The peer's metadata announces a value of ${size} octets`, "metadata")
    const valueEnd = nameEnd + 4 + size
    if (valueEnd > own.length) throw truncated()
    const key = name.toLowerCase()
    if (!properties.has(key)) properties.set(key, own.subarray(nameEnd + 4, valueEnd))
    at = valueEnd
  }
  return properties
}

function u32(bytes: Bytes, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number)
  const low = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)
  return high * 0x10000 + low
}

function truncated(): ProtocolError {
  return new ProtocolError("The peer's metadata ends in the middle of a property", "metadata")
}
