// What an exchange can be told: its options, and those of one publication.

import type { Codec, WaitOptions } from "brokerless"
import { type ParticipantSocketOptions, socketSetting } from "../participant.ts"
import { codecSetting } from "../payload.ts"
import { flag, oneOf, type Settings, whole } from "../settings.ts"
import type { Headers } from "./headers.ts"
import type { ExchangeType } from "./routing.ts"

/** What becomes of a message for a queue that is full. */
export type QueueOverflow = "wait" | "drop" | "drop-oldest"

/** How an exchange works. */
export interface ExchangeOptions {
  /** How it routes. Default `"topic"`. */
  readonly type?: ExchangeType | undefined
  /** What becomes of a message for a queue that is full: `publish` waits, or the newest or the oldest is dropped. */
  readonly overflow?: QueueOverflow | undefined
  /** Whether `publish` rejects when no queue wants the message; otherwise that is counted. Default false. */
  readonly mandatory?: boolean | undefined
  /** Messages that may wait in one queue. Default 1000. */
  readonly maxQueued?: number | undefined
  /**
   * Octets that all queues may hold together, what is not acknowledged included; a queue with nothing in it takes one
   * message of any size. Default 256 MiB.
   */
  readonly maxQueuedBytes?: number | undefined
  /** How often a message is handed to somebody who does not acknowledge it; 0 = any number of times. Default 10. */
  readonly maxDeliveries?: number | undefined
  /** Milliseconds for which a named queue is kept when its last consumer has left. Default 10 000. */
  readonly keepQueues?: number | undefined
  /** Queues that there may be. Default 1000. */
  readonly maxQueues?: number | undefined
  /** Messages that a consumer may be sent ahead, whatever it asks for. Default 1000. */
  readonly maxPrefetch?: number | undefined
  /** Bindings that all queues may have together. Default 100 000. */
  readonly maxBindings?: number | undefined
  /** Bindings that one consumer may have. Default 1000. */
  readonly maxBindingsPerConsumer?: number | undefined
  /** Options of the socket beneath. */
  readonly socket?: ParticipantSocketOptions | undefined
}

/** How one message is published. */
export interface PublishOptions extends WaitOptions {
  /** What an exchange of type `"headers"` routes by; others carry them along. */
  readonly headers?: Headers | undefined
}

export type Given = ExchangeOptions & { readonly codec?: Codec<never, unknown> | undefined }

/** The options in force, without those of others. */
export type ExchangeSettings = {
  readonly [Name in Exclude<keyof ExchangeOptions, "socket">]-?: Exclude<ExchangeOptions[Name], undefined>
}

export const SETTINGS: Settings<Given> = {
  codec: codecSetting,
  type: oneOf<ExchangeType>(["direct", "topic", "headers", "fanout"], "topic"),
  overflow: oneOf<QueueOverflow>(["wait", "drop", "drop-oldest"], "wait"),
  mandatory: flag(false),
  maxQueued: whole("messages", 1000, 1),
  maxQueuedBytes: whole("octets", 256 * 1024 * 1024, 1),
  maxDeliveries: whole("deliveries", 10),
  keepQueues: whole("ms", 10_000, 0, 2 ** 31 - 1),
  maxQueues: whole("queues", 1000, 1),
  maxPrefetch: whole("messages", 1000, 1),
  maxBindings: whole("bindings", 100_000, 1),
  maxBindingsPerConsumer: whole("bindings", 1000, 1),
  socket: socketSetting,
}

export const EVENTS = ["join", "leave", "bind", "unbind", "refuse", "unroutable", "dead", "invalid"] as const
