// Commands of ZMTP 3.1 (RFC 37): their bodies, built by functions that bear the protocol's own names, and read back.
// The frame around a body belongs to the encoder and decoder; what follows from a command, to the engine.

import { allocate, type Bytes, copy, fromAscii, startsWith, toKey, view } from "../bytes.ts"
import { HandshakeError, ProtocolError } from "../errors.ts"

/** A command: what it is called, and the octets behind the name. */
export interface Command {
  readonly name: string
  readonly data: Bytes
}

/** Octets of a PING's context that are sent, read and echoed. */
const MAX_CONTEXT = 16

// libzmq multiplies the TTL by 100 in 16 bits: 656 tenths would be 64 ms to it, and the connection's end.
const MAX_TTL = 655

/** Octets of a peer's text that are ever shown. */
const MAX_SHOWN = 32

const HELLO = named("HELLO")
const INITIATE = named("INITIATE")
const WELCOME = named("WELCOME")
const READY = named("READY")
const ERROR = named("ERROR")
const PING = named("PING")
const PONG = named("PONG")
const SUBSCRIBE = named("SUBSCRIBE")
const CANCEL = named("CANCEL")
const JOIN = named("JOIN")
const LEAVE = named("LEAVE")

/** The first command of PLAIN and CURVE; what is in it is the mechanism's affair. */
export function hello(data: Bytes): Bytes {
  return join(HELLO, data)
}

/** The answer to HELLO. */
export function welcome(data: Bytes): Bytes {
  return join(WELCOME, data)
}

/** The client's second command of PLAIN and CURVE. */
export function initiate(data: Bytes): Bytes {
  return join(INITIATE, data)
}

/** The handshake is done on this side; `metadata` is encoded already. */
export function ready(metadata: Bytes): Bytes {
  return join(READY, metadata)
}

/** A refusal for good: a libzmq peer never comes back. `reason` is printable ASCII of at most 255 characters. */
export function error(reason: string): Bytes {
  const text = fromAscii(reason.slice(0, 255).replace(/[^ -~]/g, "?"))
  const body = allocate(ERROR.length + 1 + text.length)
  copy(ERROR, body, 0)
  body[ERROR.length] = text.length
  copy(text, body, ERROR.length + 1)
  return body
}

/**
 * Asks for a PONG with the same context, of which at most 16 octets are sent. `ttlTenths`, in tenths of a second: the
 * peer is to give us up after that long a silence; 0 is never, and what exceeds 655 is sent as 655.
 */
export function ping(ttlTenths: number, context: Bytes): Bytes {
  const ttl = Math.min(Math.max(Math.floor(ttlTenths), 0), MAX_TTL)
  const echo = context.subarray(0, MAX_CONTEXT)
  const body = allocate(PING.length + 2 + echo.length)
  copy(PING, body, 0)
  body[PING.length] = ttl >>> 8
  body[PING.length + 1] = ttl
  copy(echo, body, PING.length + 2)
  return body
}

/** Octets of the longest PONG. */
export const PONG_SIZE: number = PONG.length + MAX_CONTEXT

/**
 * The answer to a PING, with the context that came in it: at most 16 octets.
 * @param memory where it is put, if not in memory of its own: `PONG_SIZE` octets, for who answers very many
 */
export function pong(context: Bytes, memory: Bytes = allocate(PONG_SIZE)): Bytes {
  const echo = context.length > MAX_CONTEXT ? context.subarray(0, MAX_CONTEXT) : context
  copy(PONG, memory, 0)
  copy(echo, memory, PONG.length)
  const size = PONG.length + echo.length
  return size === memory.length ? memory : view(memory.buffer, memory.byteOffset, size)
}

/** Asks a publisher for what begins with `topic`. To peers of ZMTP 3.0 a message says it instead. */
export function subscribe(topic: Bytes): Bytes {
  return join(SUBSCRIBE, topic)
}

/** Takes a subscription back. */
export function cancel(topic: Bytes): Bytes {
  return join(CANCEL, topic)
}

/** Asks a Radio for the messages of a group (RFC 48). */
export function joinGroup(group: Bytes): Bytes {
  return join(JOIN, group)
}

/** Takes that back. */
export function leaveGroup(group: Bytes): Bytes {
  return join(LEAVE, group)
}

/**
 * The command in a body; `data` is a view of it. Throws {@link ProtocolError} when the name is missing, runs past the
 * end, or is not made of letters.
 */
export function parseCommand(body: Bytes): Command {
  const nameEnd = 1 + (body[0] ?? 0)
  if (nameEnd === 1) throw new ProtocolError("The peer sent a command without a name", "malformed-command")
  if (nameEnd > body.length)
    throw new ProtocolError("The peer sent a command whose name runs past its end", "malformed-command")
  const name = toKey(body.subarray(1, nameEnd))
  if (!/^[A-Za-z]+$/.test(name)) {
    throw new ProtocolError("The peer sent a command whose name is not made of letters", "unexpected-command")
  }
  return { name, data: body.subarray(nameEnd) }
}

/** Octets of the name of a body that is a PING, which peers may send by the hundred thousand; 0 for any other. */
export function pingName(body: Bytes): number {
  return startsWith(body, PING) ? PING.length : 0
}

/** The reason in an ERROR, fit to be shown: printable and short. What cannot be read is no reason, but no fault. */
export function parseError(data: Bytes): string {
  const end = 1 + (data[0] ?? 0)
  if (end > data.length) return ""
  return toKey(data.subarray(1, Math.min(end, 1 + MAX_SHOWN))).replace(/[^ -~]/g, "?")
}

/** The peer refuses us by an ERROR with this data. */
export function refusal(what: string, data: Bytes): HandshakeError {
  const reason = parseError(data)
  return new HandshakeError(`${what}: "${reason}"`, { reason })
}

/** The peer sent another command than the one whose turn it is. */
export function outOfOrder(mechanism: string, expected: string, name: string): ProtocolError {
  const what = `A ${mechanism} handshake expects ${expected}, the peer sent ${name.slice(0, 32)}`
  return new ProtocolError(what, "unexpected-command")
}

/**
 * A PING's time to live, in ms (0 = none), and its context: a view of at most 16 octets, however many came.
 * Throws {@link ProtocolError} when the two octets of the TTL are not there.
 * @param at where what is behind the name begins
 */
export function parsePing(data: Bytes, at = 0): { readonly ttl: number; readonly context: Bytes } {
  const size = data.length - at - 2
  if (size < 0) throw new ProtocolError("The peer sent a PING without a time to live")
  const tenths = ((data[at] as number) << 8) | (data[at + 1] as number)
  return { ttl: tenths * 100, context: view(data.buffer, data.byteOffset + at + 2, Math.min(size, MAX_CONTEXT)) }
}

function named(name: string): Bytes {
  return fromAscii(String.fromCharCode(name.length) + name)
}

function join(name: Bytes, data: Bytes): Bytes {
  const body = allocate(name.length + data.length)
  copy(name, body, 0)
  copy(data, body, name.length)
  return body
}
