// The options of a feed's publisher, with what is accepted and the defaults; and the events and counters that it has.

import type { Codec, Security, SocketStats } from "brokerless"
import { name, oneOf, type Setting, type Settings, whole } from "../settings.ts"

const MIB = 1024 * 1024

/** What a publisher does for a subscriber that does not keep up, once its queue is full. */
export type FeedOverflow = "conflate" | "drop" | "drop-oldest" | "wait" | "disconnect"

/** Options of a {@link FeedPublisher}. Times are in ms, sizes in octets. */
export interface FeedPublisherOptions {
  /**
   * A name that replicas share: publishers that are given the same updates in the same order, from the first one on.
   * Their subscribers take each update once, from whichever comes first. Default: each start has an epoch of its own.
   */
  readonly epoch?: string | undefined
  /** Updates that the history keeps. Default 100 000; 0 = none, then whoever missed something gets a snapshot. */
  readonly historyMessages?: number | undefined
  /** Octets that the history keeps. Default 64 MiB. */
  readonly historyBytes?: number | undefined
  /** Updates that the history keeps of one topic. Default 10 000. */
  readonly historyMessagesPerTopic?: number | undefined
  /** Octets that the history keeps of one topic. Default 16 MiB. */
  readonly historyBytesPerTopic?: number | undefined
  /** ms between heartbeats. Default 1000. */
  readonly heartbeatInterval?: number | undefined
  /** Topics that may have a value at once. Default 1 000 000. */
  readonly maxTopics?: number | undefined
  /** Different sets of prefixes that subscribers may have. Default 10 000. */
  readonly maxInterests?: number | undefined
  /** Large snapshots that may be on their way at once. Default 16. */
  readonly maxSnapshots?: number | undefined
  /** For a subscriber that does not keep up, once its queue is full. Default `"conflate"`: the newest of each topic. */
  readonly overflow?: FeedOverflow | undefined
  /** Updates that wait for one subscriber. Default 10 000. */
  readonly sendHighWaterMark?: number | undefined
  /** Who may come in, by which cryptography; for both sockets. Default: everybody, in the clear. */
  readonly security?: Security | undefined
  /** Closes the publisher. */
  readonly signal?: AbortSignal | undefined
}

/** As given, the codec included, whatever its values are. */
export interface AnyPublisherOptions extends FeedPublisherOptions {
  readonly codec?: Codec<never, unknown> | undefined
}

const isObject = (value: unknown): boolean => typeof value === "object" && value !== null

/** A codec, or none. */
export function codecSetting<C>(): Setting<C | undefined> {
  const test = (value: unknown): boolean => {
    if (!isObject(value)) return false
    const { encode, decode } = value as { encode?: unknown; decode?: unknown }
    return typeof encode === "function" && typeof decode === "function"
  }
  return { accepts: "an object with the methods encode and decode", test, default: undefined }
}

/** What only a socket can judge. */
export function objectSetting<T>(accepts: string): Setting<T | undefined> {
  return { accepts, test: isObject, default: undefined }
}

export const SIGNAL: Setting<AbortSignal | undefined> = {
  accepts: "an AbortSignal",
  test: (value) => value instanceof AbortSignal,
  default: undefined,
}

export const PUBLISHER_SETTINGS: Settings<AnyPublisherOptions> = {
  codec: codecSetting(),
  epoch: { ...name(), default: undefined },
  historyMessages: whole("updates", 100_000),
  historyBytes: whole("octets", 64 * MIB),
  historyMessagesPerTopic: whole("updates", 10_000),
  historyBytesPerTopic: whole("octets", 16 * MIB),
  heartbeatInterval: whole("ms", 1000, 1, 2 ** 31 - 1),
  maxTopics: whole("topics", 1_000_000, 1),
  maxInterests: whole("interests", 10_000, 1),
  maxSnapshots: whole("snapshots", 16, 1),
  overflow: oneOf<FeedOverflow>(["conflate", "drop", "drop-oldest", "wait", "disconnect"], "conflate"),
  sendHighWaterMark: whole("updates", 10_000, 1),
  security: objectSetting("what plainServer() or curveServer() returns"),
  signal: SIGNAL,
}

/** The events of a {@link FeedPublisher}. */
export type FeedPublisherEvents = {
  /** A subscriber has connected. */
  join: { readonly address: string }
  /** A subscriber has left. */
  leave: { readonly address: string }
  /** The queue for a subscriber reached its mark: from now on `overflow` decides for it. */
  slow: { readonly address: string }
  /** A limit was met. */
  limit: {
    /** The option that sets it. */
    readonly limit: "maxInterests" | "maxSnapshots"
  }
}

/** The counters of a {@link FeedPublisher}. */
export interface FeedPublisherStats {
  /** Updates published, deletions included. */
  readonly published: number
  /** Topics that have a value. */
  readonly topics: number
  /** Updates in the history. */
  readonly historyMessages: number
  /** Octets of the history. */
  readonly historyBytes: number
  /** Different sets of prefixes that subscribers have. */
  readonly interests: number
  /** Questions of subscribers that missed something, or came late. */
  readonly questions: number
  /** Answers from the history. */
  readonly changes: number
  /** Snapshots that were given to their end. */
  readonly snapshots: number
  /** Questions that were refused. */
  readonly refused: number
  /** Messages of subscribers that make no sense. */
  readonly invalid: number
  /** The counters of the socket that sends the updates: what was dropped for whom is there. */
  readonly updates: SocketStats
  /** The counters of the socket that answers. */
  readonly recovery: SocketStats
}
