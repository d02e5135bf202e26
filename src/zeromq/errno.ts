// The errors of the `zeromq` package: its codes, numbers and texts, and what each error of the library means in them.

import { constants } from "node:os"
import { MessagingError } from "../errors.ts"

/** Where libzmq begins to number what systems know no error for. */
const HAUSNUMERO = 156_384_712

const OWN_NUMBERS: Readonly<Record<string, number>> = {
  EFSM: HAUSNUMERO + 51,
  ENOCOMPATPROTO: HAUSNUMERO + 52,
  ETERM: HAUSNUMERO + 53,
  EMTHREAD: HAUSNUMERO + 54,
}

const TEXTS: Readonly<Record<string, string>> = {
  EACCES: "Permission denied",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  EAGAIN: "Operation was not possible or timed out",
  EBADF: "Socket is closed",
  EBUSY: "Socket is busy",
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset by peer",
  EFAULT: "Context is closed",
  EFSM: "Operation cannot be accomplished in current state",
  EHOSTUNREACH: "Host unreachable",
  EINVAL: "Invalid argument",
  EMFILE: "Too many open file descriptors",
  EMSGSIZE: "Message too long",
  ENAMETOOLONG: "File name too long",
  ENOCOMPATPROTO: "The protocol is not compatible with the socket type",
  ENODEV: "No such device",
  ENOENT: "No such endpoint",
  ENOTSOCK: "Socket operation on non-socket",
  ENOTSUP: "Operation not supported",
  EPIPE: "Broken pipe",
  EPROTO: "Protocol error",
  EPROTONOSUPPORT: "Protocol not supported",
  ETERM: "Context was terminated",
  ETIMEDOUT: "Connection timed out",
}

/** An error as the `zeromq` package makes them. */
export interface ErrnoError extends Error {
  code: string
  errno: number
}

/** An error of this code; `text` where the usual one would not do, `address` where a call was given one. */
export function errnoError(code: string, text?: string, address?: string): ErrnoError {
  const error = new Error(text ?? TEXTS[code] ?? code) as Error & { errno?: number; code?: string; address?: string }
  error.errno = numberOf(code)
  error.code = code
  if (address !== undefined) error.address = address
  return error as ErrnoError
}

/** What an error of the library is in the words of the `zeromq` package; `cause` says it in ours. */
export function translated(error: unknown, address?: string): unknown {
  if (!(error instanceof Error)) return error
  const { code: given } = error as { readonly code?: unknown }
  // libzmq takes a host that cannot be resolved for an interface that does not exist.
  const code = given === "ENOTFOUND" || given === "EAI_AGAIN" ? "ENODEV" : given
  if (typeof code !== "string" || !/^E[A-Z0-9]+$/.test(code)) return error
  const translation = errnoError(code, undefined, address)
  if (error instanceof MessagingError) Object.defineProperty(translation, "cause", { value: error, configurable: true })
  return translation
}

/** The text of a code, where the package has one. */
export function textOf(code: string): string | undefined {
  return TEXTS[code]
}

function numberOf(code: string): number {
  return OWN_NUMBERS[code] ?? (constants.errno as Readonly<Record<string, number>>)[code] ?? 0
}
