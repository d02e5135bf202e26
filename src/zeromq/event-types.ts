// The events of the `zeromq` package, as types.

import type { ErrnoError } from "./errno.ts"
import type { Expand } from "./type-of-options.ts"

/** A refusal, with the status that RFC 27 has for it. */
export interface AuthError extends Error {
  status: 300 | 400 | 500
}

type ZmtpCode =
  | "UNSPECIFIED"
  | "UNEXPECTED_COMMAND"
  | "INVALID_SEQUENCE"
  | "KEY_EXCHANGE"
  | "MALFORMED_COMMAND_UNSPECIFIED"
  | "MALFORMED_COMMAND_MESSAGE"
  | "MALFORMED_COMMAND_HELLO"
  | "MALFORMED_COMMAND_INITIATE"
  | "MALFORMED_COMMAND_ERROR"
  | "MALFORMED_COMMAND_READY"
  | "MALFORMED_COMMAND_WELCOME"
  | "INVALID_METADATA"
  | "CRYPTOGRAPHIC"
  | "MECHANISM_MISMATCH"

type ZapCode =
  | "UNSPECIFIED"
  | "MALFORMED_REPLY"
  | "BAD_REQUEST_ID"
  | "BAD_VERSION"
  | "INVALID_STATUS_CODE"
  | "INVALID_METADATA"

/** A peer, or a ZAP handler, that did not keep to its protocol. */
export interface ProtoError extends Error {
  code: `ERR_ZMTP_${ZmtpCode}` | `ERR_ZAP_${ZapCode}`
}

/** Where it happened: the endpoint that was bound or connected to. */
export interface EventAddress {
  address: string
}

/** Until the next attempt, in ms. */
export interface EventInterval {
  interval: number
}

/** What went wrong. */
export interface EventError<E = ErrnoError> {
  error: E
}

/** The event of this type with these details. */
export type EventFor<T extends string, D = object> = Expand<{ type: T } & D>

/** Any event; `type` tells which. */
export type Event =
  | EventFor<"accept", EventAddress>
  | EventFor<"accept:error", EventAddress & EventError>
  | EventFor<"bind", EventAddress>
  | EventFor<"bind:error", EventAddress & EventError>
  | EventFor<"connect", EventAddress>
  | EventFor<"connect:delay", EventAddress>
  | EventFor<"connect:retry", EventAddress & EventInterval>
  | EventFor<"close", EventAddress>
  | EventFor<"close:error", EventAddress & EventError>
  | EventFor<"disconnect", EventAddress>
  | EventFor<"end">
  | EventFor<"handshake", EventAddress>
  | EventFor<"handshake:error:protocol", EventAddress & EventError<ProtoError>>
  | EventFor<"handshake:error:auth", EventAddress & EventError<AuthError>>
  | EventFor<"handshake:error:other", EventAddress & EventError>
  | EventFor<"unknown">

/** The `type` of an event. */
export type EventType = Event["type"]

/** The event of a given type. */
export type EventOfType<E extends EventType = EventType> = Expand<Extract<Event, Event & EventFor<E>>>
