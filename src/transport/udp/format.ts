// What is in a datagram, and what a socket makes of it. Two formats: of Radio and Dish, a group before the body; of
// Datagram, the body alone, its address in a frame of its own.

import { isIPv4, isIPv6 } from "node:net"
import { allocate, type Bytes, copy, fromAscii, toKey } from "../../bytes.ts"
import { MessageError } from "../../errors.ts"
import type { Frame, Message } from "../../message.ts"

/** Octets of the largest datagram that is sent: no libzmq reads more of one. */
export const MAX_DATAGRAM = 8192

/** An address and a port. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** As a socket of both families wants an address of IPv4. */
export function mapped(host: string): string {
  return isIPv4(host) ? `::ffff:${host}` : host
}

/** A datagram to be sent. */
export interface Outgoing {
  readonly octets: Bytes
  /** Where to, if that is for the message to say. */
  readonly target?: Target
}

export interface DatagramFormat {
  /** Throws {@link MessageError} for a message over {@link MAX_DATAGRAM}. */
  check(message: Message): void
  /** Undefined for a message that names no address. */
  encode(message: Message): Outgoing | undefined
  /** Undefined for what is malformed. */
  decode(octets: Bytes, from: Target): Message | undefined
}

/**
 * Octets of the longest group that is sent. Its length is one octet, which libzmq 4.3.5 takes for a signed one: from
 * 128 on, it ends the process of whoever receives it.
 */
export const MAX_SENT_GROUP = 127

/** Length of the group (1 octet), group, body (libzmq, udp_engine.cpp). */
export const GROUPED: DatagramFormat = {
  check([group, body]) {
    const { length } = group as Frame
    if (length > MAX_SENT_GROUP) {
      throw new MessageError("EMSGSIZE", `Over udp a group has at most ${MAX_SENT_GROUP} octets, got ${length}`)
    }
    checkSize(1 + length + (body as Frame).length)
  },
  encode([group, body]) {
    const [name, content] = [group as Frame, body as Frame]
    const octets = allocate(1 + name.length + content.length)
    octets[0] = name.length
    copy(name, octets, 1)
    copy(content, octets, 1 + name.length)
    return { octets }
  },
  decode(octets) {
    const end = 1 + (octets[0] ?? octets.length)
    return end > octets.length ? undefined : [octets.subarray(1, end), octets.subarray(end)]
  },
}

/** The body; its address stands in a frame before it. */
export const ADDRESSED: DatagramFormat = {
  check([, body]) {
    checkSize((body as Frame).length)
  },
  encode([address, body]) {
    const target = parseAddress(address as Frame)
    return target && { octets: body as Frame, target }
  },
  decode: (octets, from) => [formatAddress(from), octets],
}

/** `127.0.0.1:5555`, IPv6 in brackets, and a zero octet: as libzmq writes it. */
export function formatAddress({ host, port }: Target): Frame {
  return fromAscii(`${host.includes(":") ? `[${host}]` : host}:${port}\0`)
}

/** The inverse; the zero octet may be missing. Undefined for what is no address. */
export function parseAddress(frame: Frame): Target | undefined {
  const [, bracketed, plain, digits] =
    /^(?:\[([0-9A-Fa-f:.%\w-]+)\]|([0-9.]+)):([0-9]{1,5})\0?$/.exec(toKey(frame)) ?? []
  const port = Number(digits)
  if (!(port >= 1 && port <= 65_535)) return undefined
  if (plain !== undefined) return isIPv4(plain) ? { host: plain, port } : undefined
  return bracketed !== undefined && isIPv6(bracketed) ? { host: bracketed, port } : undefined
}

function checkSize(size: number): void {
  if (size <= MAX_DATAGRAM) return
  throw new MessageError("EMSGSIZE", `A datagram has at most ${MAX_DATAGRAM} octets, this one would have ${size}`)
}
