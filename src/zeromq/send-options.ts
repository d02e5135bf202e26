// What a send of a Server or a Radio is told besides the message, checked as the `zeromq` package does.

import { type Bytes, fromString, isBytes, ofView } from "../bytes.ts"
import { MAX_GROUP } from "../socket/radiodish/group.ts"
import { errnoError } from "./errno.ts"

/** The number of the client that a message is for. Throws a TypeError, or an error with code `EINVAL`. */
export function routingIdFor(options: object): number {
  const { routingId } = options as { readonly routingId?: unknown }
  if (routingId === undefined) throw errnoError("EINVAL")
  if (typeof routingId !== "number") throw new TypeError("A number was expected")
  const number = routingId >>> 0
  if (number === 0) throw errnoError("EINVAL")
  return number
}

/** The group of a message. Throws a TypeError, or an error with code `EINVAL`. */
export function groupFor(options: object): Bytes {
  const { group } = options as { readonly group?: unknown }
  if (group === undefined) throw errnoError("EINVAL")
  return groupOf(group)
}

/** A group as libzmq has it, a text that ends with the first zero octet. Throws as {@link groupFor}. */
export function groupOf(value: unknown): Bytes {
  const octets = octetsOf(value)
  const end = octets.indexOf(0)
  const group = end < 0 ? octets : octets.subarray(0, end)
  if (group.length > MAX_GROUP) throw errnoError("EINVAL")
  return group
}

function octetsOf(value: unknown): Bytes {
  if (typeof value === "string") return fromString(value)
  if (isBytes(value)) return value
  if (ArrayBuffer.isView(value)) return ofView(value)
  throw new TypeError("Value must be a string or buffer")
}
