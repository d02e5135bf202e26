// What a socket of the library tells, as the events of the `zeromq` package.

import { type Breach, HandshakeError, ProtocolError, TimeoutError } from "../errors.ts"
import type { Monitor } from "../events.ts"
import { DenialError, MismatchError } from "../zmtp/engine.ts"
import type { ContextState } from "./context.ts"
import { type ErrnoError, errnoError, translated } from "./errno.ts"
import type { EventQueue } from "./event-queue.ts"
import type { AuthError, Event, ProtoError } from "./event-types.ts"
import { ZapError } from "./zap.ts"

/** Of these nothing is told, as libzmq has it. */
const SILENT = /^(?:inproc|udp):/

/** Tells `queue` of everything from now on. */
export function observe(monitor: Monitor, context: ContextState, queue: EventQueue): void {
  const tell = (endpoint: string, make: (address: string) => Event | undefined): void => {
    if (SILENT.test(endpoint)) return
    const event = make(context.addressOf(endpoint))
    if (event !== undefined) queue.push(event)
  }
  monitor.on("bind", ({ type, endpoint }) => tell(endpoint, (address) => ({ type, address })))
  monitor.on("bind:error", ({ type, endpoint, error }) =>
    tell(endpoint, (address) => ({ type, address, error: systemError(error) })),
  )
  monitor.on("accept", ({ type, endpoint }) => tell(endpoint, (address) => ({ type, address })))
  monitor.on("accept:error", ({ type, endpoint, error }) =>
    tell(endpoint, (address) => ({ type, address, error: systemError(error) })),
  )
  monitor.on("connect", ({ type, endpoint }) => {
    queue.attempted(endpoint)
    tell(endpoint, (address) => ({ type, address }))
  })
  // The library tells of an attempt that failed; libzmq told of it when it began, and closes what it was made with.
  monitor.on("connect:delay", ({ endpoint }) => {
    queue.attempted(endpoint)
    tell(endpoint, (address) => ({ type: "close", address }))
  })
  monitor.on("connect:retry", ({ type, endpoint, interval }) => {
    tell(endpoint, (address) => ({ type, address, interval }))
    queue.retrying(endpoint)
  })
  monitor.on("handshake", ({ type, endpoint }) => tell(endpoint, (address) => ({ type, address })))
  const disconnected = (endpoint: string): void =>
    tell(endpoint, (address) => (queue.isParted(address) ? undefined : { type: "disconnect", address }))
  // The library tells once of a connection that failed before it was one; libzmq tells of its end, too.
  let failure: Error | undefined
  monitor.on("handshake:error", ({ endpoint, error }) => {
    tell(endpoint, (address) => handshakeError(address, error))
    disconnected(endpoint)
    failure = error
  })
  monitor.on("disconnect", ({ endpoint, error }) => {
    if (error === undefined || error !== failure) disconnected(endpoint)
  })
  monitor.on("close", ({ type, endpoint }) => {
    if (!queue.isConnecting(endpoint)) tell(endpoint, (address) => ({ type, address }))
  })
}

function handshakeError(address: string, error: Error): Event {
  const { cause } = error
  if (cause instanceof ZapError) {
    if (cause.code !== undefined) return protocolError(address, cause.code)
    if (cause.status !== undefined) return authError(address, cause.status)
    return { type: "handshake:error:other", address, error: errnoError("EFAULT") }
  }
  if (error instanceof DenialError) return authError(address, 400)
  if (error instanceof MismatchError) return protocolError(address, "ERR_ZMTP_INVALID_METADATA")
  if (error instanceof HandshakeError && error.reason !== undefined && error.reason in STATUS_TEXTS) {
    return authError(address, Number(error.reason))
  }
  if (error instanceof ProtocolError && error.breach !== "departure") {
    return protocolError(address, CODES[error.breach ?? "unspecified"])
  }
  return { type: "handshake:error:other", address, error: errnoError(codeOf(error)) }
}

function codeOf(error: Error): "EPIPE" | "EAGAIN" | "EPROTO" {
  if (error instanceof ProtocolError) return "EPIPE"
  return error instanceof TimeoutError ? "EAGAIN" : "EPROTO"
}

const CODES: Readonly<Record<Exclude<Breach, "departure"> | "unspecified", string>> = {
  mechanism: "ERR_ZMTP_MECHANISM_MISMATCH",
  cryptography: "ERR_ZMTP_CRYPTOGRAPHIC",
  metadata: "ERR_ZMTP_INVALID_METADATA",
  "unexpected-command": "ERR_ZMTP_UNEXPECTED_COMMAND",
  "malformed-command": "ERR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED",
  "malformed-hello": "ERR_ZMTP_MALFORMED_COMMAND_HELLO",
  "malformed-welcome": "ERR_ZMTP_MALFORMED_COMMAND_WELCOME",
  "malformed-initiate": "ERR_ZMTP_MALFORMED_COMMAND_INITIATE",
  "malformed-ready": "ERR_ZMTP_MALFORMED_COMMAND_READY",
  "malformed-error": "ERR_ZMTP_MALFORMED_COMMAND_ERROR",
  unspecified: "ERR_ZMTP_UNSPECIFIED",
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  300: "Temporary error",
  400: "Authentication failure",
  500: "Internal error",
}

function authError(address: string, status: number): Event {
  const error = Object.assign(new Error(STATUS_TEXTS[status] ?? "Unknown error"), { status }) as AuthError
  return { type: "handshake:error:auth", address, error }
}

function protocolError(address: string, code: string): Event {
  const error = Object.assign(new Error(`${code.split("_")[1]} protocol error`), { code }) as ProtoError
  return { type: "handshake:error:protocol", address, error }
}

function systemError(error: Error): ErrnoError {
  return translated(error) as ErrnoError
}
