// Groups (RFC 48): what a Radio says of each message, and a Dish joins. They match as a whole or not at all.

import { allocate, type Bytes, copy } from "../../bytes.ts"
import { MessageError } from "../../errors.ts"

/** The group of a message. */
export interface Grouped {
  /** At most 255 octets. */
  readonly group: Bytes
}

/** Octets of the longest group: its length is one octet in a datagram. */
export const MAX_GROUP = 255

/** Throws {@link MessageError} for what is too long to be a group. */
export function checkGroup(group: Bytes): Bytes {
  if (group.length <= MAX_GROUP) return group
  throw new MessageError("EINVAL", `A group has at most ${MAX_GROUP} octets, got ${group.length}`)
}

/**
 * The group behind its length. No such text is the beginning of another one, so that what is made for prefixes serves
 * for groups.
 */
export function wholeGroup(group: Bytes): Bytes {
  const whole = allocate(1 + group.length)
  whole[0] = group.length
  copy(group, whole, 1)
  return whole
}
