// The errors that a call can end with, besides those of the library itself (AbortError, ClosedError, CodecError).
// Each knows the call it belongs to; which of them say that a handler may have run is said at each.

import { MessagingError } from "brokerless"

/** An error of a call: `service` and `method` say of which. */
export abstract class MeshError extends MessagingError {
  readonly service: string
  readonly method: string

  constructor(service: string, method: string, message: string, options?: ErrorOptions) {
    super(`${service}/${method}: ${message}`, options)
    this.service = service
    this.method = method
  }
}

/** Nobody that this node knows offers the service, or the method of it. No handler has run. */
export class NotOfferedError extends MeshError {
  readonly code = "ENOENT"
}

/**
 * The service is offered, but by nobody who can be asked now: drained, silent, unhealthy, at a limit, or behind an open
 * circuit. No handler has run.
 */
export class UnavailableError extends MeshError {
  readonly code = "EHOSTUNREACH"
}

/** The node that was asked was lost before it answered. Its handler may have run, or not. */
export class LostError extends MeshError {
  readonly code = "ECONNRESET"
}

/** No answer came by the deadline. A handler may have run, or may even be running. */
export class DeadlineError extends MeshError {
  readonly code = "ETIMEDOUT"
}

/** The handler failed; `remoteName` and `remoteCode` are those of what it threw. */
export class RemoteError extends MeshError {
  readonly code = "EREMOTE"
  /** `name` of the error that was thrown, such as `"RangeError"`. */
  readonly remoteName: string
  /** `code` of the error that was thrown, if it had one. */
  readonly remoteCode: string | undefined
  /** The name of the node whose handler it was. */
  readonly node: string

  constructor(
    service: string,
    method: string,
    node: string,
    thrown: { readonly name: string; readonly message: string; readonly code?: string | undefined },
  ) {
    super(service, method, thrown.message)
    this.node = node
    this.remoteName = thrown.name
    this.remoteCode = thrown.code
  }
}
