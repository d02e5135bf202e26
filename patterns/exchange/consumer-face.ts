// What a consumer can be told, and what it tells about itself: options, events, counters.

import type { Codec, Peer } from "brokerless"
import { type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting } from "../payload.ts"
import { oneOf, type Settings, whole } from "../settings.ts"
import { MAX_NAME, MAX_PREFETCH } from "./wire.ts"

/** How a consumer works. */
export interface ConsumerOptions {
  /**
   * The name of the queue. Consumers of one name share it: each message goes to one of them. Without a name this
   * consumer has a queue of its own, which ends with its connection.
   */
  readonly queue?: string | undefined
  /** Messages that an exchange may send ahead. Default 32. */
  readonly prefetch?: number | undefined
  /**
   * When `receive` and loops acknowledge a message: `"auto"` (default) as they hand it out, `"manual"` when the
   * application says so. `consume` always does when the handler is done.
   */
  readonly acknowledge?: "auto" | "manual" | undefined
  /** Options of the socket beneath. */
  readonly socket?: ParticipantSocketOptions | undefined
}

/** How a handler is run. */
export interface ConsumeOptions {
  /** Handlers that may run at once. Default 1. */
  readonly concurrency?: number | undefined
  /** Ends it: what runs is finished, and nothing more is taken. */
  readonly signal?: AbortSignal | undefined
}

/** What happens to a consumer. */
export interface ConsumerEvents {
  readonly [type: string]: object
  /** An exchange is there, and was told the queue and its bindings. */
  join: { readonly peer: Peer }
  /** An exchange has left; what it had sent and was not acknowledged it gives to others. */
  leave: { readonly peer: Peer; readonly unacknowledged: number }
  /** An exchange refuses a binding, or the queue. */
  refuse: { readonly peer: Peer; readonly binding: string; readonly reason: string }
  /** A handler failed; the message was given back. */
  failure: { readonly error: unknown; readonly key: string }
  /** A peer said what nobody can understand, and was disconnected; or a message does not decode, and was rejected. */
  invalid: { readonly peer: Peer; readonly error?: unknown }
}

/** What a consumer has done. */
export interface ConsumerStats {
  readonly received: number
  /** Messages handed to the application. */
  readonly handed: number
  readonly acknowledged: number
  /** Messages given back for another try. */
  readonly requeued: number
  /** Messages rejected for good. */
  readonly rejected: number
  /** Messages that wait to be handed out. */
  readonly waiting: number
  /** Messages whose exchange left, or that waited at the end: others get them. */
  readonly returned: number
  readonly failed: number
  readonly invalid: number
}

export type Given = ConsumerOptions & { readonly codec?: Codec<never, unknown> | undefined }

export const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  queue: {
    accepts: `text of at most ${MAX_NAME} octets`,
    test: (value) => typeof value === "string" && Buffer.byteLength(value) <= MAX_NAME,
    default: "",
  },
  prefetch: whole("messages", 32, 1, MAX_PREFETCH),
  acknowledge: oneOf<"auto" | "manual">(["auto", "manual"], "auto"),
  socket: socketSetting,
}

export const EVENTS = ["join", "leave", "refuse", "failure", "invalid"] as const
