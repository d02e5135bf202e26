// The error classes and the closed set of their codes. Messages say what was wrong, the value, and what is accepted;
// they never hold a secret, and at most 32 octets of what a peer sent.

/** Every code an error of this library can carry. */
export type MessagingErrorCode =
  | "EINVAL"
  | "EPROTONOSUPPORT"
  | "ENOENT"
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "EACCES"
  | "EMSGSIZE"
  | "EFSM"
  | "EHOSTUNREACH"
  | "EAGAIN"
  | "EBADF"
  | "EPROTO"
  | "EBADMSG"
  | "ABORT_ERR"
  | (string & {})

/** What all errors of this library have in common: a literal `code` to switch on. */
export abstract class MessagingError extends Error {
  abstract readonly code: MessagingErrorCode
  override get name(): string {
    return this.constructor.name
  }
}

/**
 * An endpoint that is malformed (`EINVAL`), of an unknown transport (`EPROTONOSUPPORT`), not known to this socket
 * (`ENOENT`), or that the system refused (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, …).
 */
export class EndpointError extends MessagingError {
  readonly code: MessagingErrorCode
  /** The endpoint as it was given. */
  readonly endpoint: string

  constructor(code: MessagingErrorCode, endpoint: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.endpoint = endpoint
  }
}

/** An option that does not exist, or whose value is not accepted. */
export class OptionError extends MessagingError {
  readonly code = "EINVAL"
  /** The option's name. */
  readonly option: string

  constructor(option: string, message: string) {
    super(message)
    this.option = option
  }
}

/** A message that cannot be sent: of a wrong shape (`EINVAL`) or over a limit (`EMSGSIZE`). */
export class MessageError extends MessagingError {
  readonly code: "EINVAL" | "EMSGSIZE"

  constructor(code: "EINVAL" | "EMSGSIZE", message: string) {
    super(message)
    this.code = code
  }
}

/** A call out of order, such as a second request before the reply (RFC 28). */
export class StateError extends MessagingError {
  readonly code = "EFSM"
}

/** Nobody is there to take the message. */
export class UnreachableError extends MessagingError {
  readonly code = "EHOSTUNREACH"
}

/** The time allowed ran out; nothing was sent or taken. */
export class TimeoutError extends MessagingError {
  readonly code = "EAGAIN"
}

/** The socket is closed. */
export class ClosedError extends MessagingError {
  readonly code = "EBADF"
}

/**
 * How a peer has broken the protocol, where that is told apart: it announced another mechanism than ours, sent what
 * does not open or prove what it should, or metadata that are none, a command that it was not the time for, one that is
 * not made as it has to be, or it left in the middle.
 */
export type Breach = "mechanism" | "cryptography" | "metadata" | "unexpected-command" | MalformedCommand | "departure"

/** A command of the handshake that is not made as it has to be. */
export type MalformedCommand = `malformed-${"command" | "hello" | "welcome" | "initiate" | "ready" | "error"}`

/** A peer sent what the protocol does not allow. */
export class ProtocolError extends MessagingError {
  readonly code = "EPROTO"
  /** What kind of breach it was, where kinds are told apart. */
  readonly breach: Breach | undefined

  constructor(message: string, breach?: Breach, options?: ErrorOptions) {
    super(message, options)
    this.breach = breach
  }
}

/** A peer was refused, or refused us. */
export class HandshakeError extends MessagingError {
  readonly code = "EACCES"
  /** What the peer said when it refused us, fit to be shown: of an authenticator, `400` and the like (RFC 27). */
  readonly reason: string | undefined

  constructor(message: string, options?: ErrorOptions & { readonly reason?: string | undefined }) {
    super(message, options)
    this.reason = options?.reason
  }
}

/** A value that the codec could not encode or decode. */
export class CodecError extends MessagingError {
  readonly code = "EBADMSG"
}

/** The caller's own signal ended the wait; `cause` is the signal's reason. */
export class AbortError extends MessagingError {
  readonly code = "ABORT_ERR"

  constructor(reason: unknown) {
    super("The operation was aborted by its signal", { cause: reason })
  }
}
