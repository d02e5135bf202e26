// The options of a feed's subscriber, with what is accepted and the defaults; its events and counters; and what it
// hands out.

import type { Codec, Security } from "brokerless"
import { flag, type Setting, type Settings, whole } from "../settings.ts"
import { codecSetting, objectSetting, SIGNAL } from "./publisher-options.ts"

/** Where a publisher sends its updates, and where it answers those who missed something. */
export interface FeedEndpoints {
  readonly updates: string
  readonly recovery: string
}

/** Options of a {@link FeedSubscriber}. Times are in ms, sizes in octets. */
export interface FeedSubscriberOptions {
  /** The publishers of the feed. Of those with epochs of their own, the first that is heard is followed. */
  readonly sources: readonly FeedEndpoints[]
  /** Hand out only the newest update of each topic to a loop that does not keep up. Default false. */
  readonly conflate?: boolean | undefined
  /** ms without a word after which a publisher counts as stale. Default 5000. */
  readonly staleAfter?: number | undefined
  /** ms to wait for an answer of a publisher. Default 5000. */
  readonly recoveryTimeout?: number | undefined
  /** ms for which an update that one publisher lost is awaited from the others before it is asked for. Default 20. */
  readonly arbitrationDelay?: number | undefined
  /** Updates that wait for a loop, or for what comes before them, until no more are read. Default 10 000. */
  readonly maxQueued?: number | undefined
  /** Octets that may wait for what comes before them. Default 64 MiB. */
  readonly maxQueuedBytes?: number | undefined
  /** Topics that are remembered. Default 1 000 000. */
  readonly maxTopics?: number | undefined
  /** Who this is, and by which cryptography; for all sockets. Default: in the clear. */
  readonly security?: Security | undefined
  /** Closes the subscriber. */
  readonly signal?: AbortSignal | undefined
}

/** As given, the codec included, whatever its values are. */
export interface AnySubscriberOptions extends FeedSubscriberOptions {
  readonly codec?: Codec<never, unknown> | undefined
}

const SOURCES: Setting<readonly FeedEndpoints[]> = {
  accepts: "a list of at least one { updates, recovery }, both endpoints",
  test: (value) => Array.isArray(value) && value.length > 0 && value.every(isEndpoints),
}

function isEndpoints(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false
  const { updates, recovery } = value as Record<string, unknown>
  return typeof updates === "string" && typeof recovery === "string"
}

export const SUBSCRIBER_SETTINGS: Settings<AnySubscriberOptions> = {
  codec: codecSetting(),
  sources: SOURCES,
  conflate: flag(false),
  staleAfter: whole("ms", 5000, 1, 2 ** 31 - 1),
  recoveryTimeout: whole("ms", 5000, 1, 2 ** 31 - 1),
  arbitrationDelay: whole("ms", 20, 0, 2 ** 31 - 1),
  maxQueued: whole("updates", 10_000, 1),
  maxQueuedBytes: whole("octets", 64 * 1024 * 1024, 1),
  maxTopics: whole("topics", 1_000_000, 1),
  security: objectSetting("what plain() or curve() returns"),
  signal: SIGNAL,
}

/** What every update of a feed tells, a deletion as well. */
export interface FeedUpdateFacts {
  readonly topic: string
  /** Its number among the updates of its topic in this epoch; for a deletion that a snapshot told, that of the last. */
  readonly sequence: number
  /** Its number among all updates of this epoch; for a deletion that a snapshot told, that of the snapshot. */
  readonly feedSequence: number
  /** The id of the epoch, in hexadecimal digits. */
  readonly epoch: string
  /** How it came: live, or because something was missed, or before this subscriber came. */
  readonly recovered: false | "history" | "snapshot"
}

/** An update of a topic: a value, or its deletion. */
export type FeedUpdate<T> =
  | (FeedUpdateFacts & { readonly deleted: false; readonly value: T })
  | (FeedUpdateFacts & { readonly deleted: true; readonly value: undefined })

/** The events of a {@link FeedSubscriber}. A source is told by its endpoint for updates. */
export type FeedSubscriberEvents = {
  /** An epoch begins for this subscriber; what it knows of another one is replaced by a snapshot. */
  epoch: { readonly epoch: string; readonly previous: string | undefined; readonly source: string }
  /** Updates of a topic are missing; they are asked for. */
  gap: {
    readonly topic: string
    /** The first and the last that are missing, by their sequence in the topic; 0 if not known. */
    readonly from: number
    readonly to: number
  }
  /** A heartbeat says that updates are missing; they are asked for. */
  behind: {
    readonly source: string
    /** Everything up to this feed sequence is here. */
    readonly position: number
    /** Where the publisher is. */
    readonly sequence: number
  }
  /** Everything up to this feed sequence is here again, from the history. */
  recovered: { readonly updates: number; readonly sequence: number }
  /** The state is that of a snapshot; what the history could have told in between was skipped. */
  snapshot: { readonly updates: number; readonly topics: number; readonly sequence: number }
  /**
   * Updates that newer ones of their topics have replaced will not be handed out: the history has them no more. How
   * many there were before a deletion that only a snapshot told is not known, and not counted.
   */
  lost: { readonly updates: number }
  /** Asking a publisher failed; it, or another one, is asked again. */
  "recovery:failed": { readonly source: string; readonly error: Error }
  /** A publisher that carried the feed is stale or left, and another one carries it on. */
  failover: { readonly from: string; readonly to: string; readonly epoch: string }
  /** A source is heard. */
  "source:fresh": { readonly source: string }
  /** A source has not been heard for `staleAfter`, or has said that it leaves. */
  "source:stale": { readonly source: string }
  /** A source is heard again after all were stale, or the first. */
  fresh: object
  /** All sources are stale: what is known may be out of date. */
  stale: object
  /** A message or a value could not be understood. */
  invalid: { readonly source: string; readonly error: Error }
  /** A limit was met, and something could not be kept. */
  limit: {
    /** The option that sets it. */
    readonly limit: "maxTopics" | "maxQueued"
  }
}

/** The names of all events. */
export const SUBSCRIBER_EVENTS: readonly (keyof FeedSubscriberEvents & string)[] = [
  "epoch",
  "gap",
  "behind",
  "recovered",
  "snapshot",
  "lost",
  "recovery:failed",
  "failover",
  "source:fresh",
  "source:stale",
  "fresh",
  "stale",
  "invalid",
  "limit",
]

/** The counters of a {@link FeedSubscriber}. */
export interface FeedSubscriberStats {
  /** Updates that came live, once each. */
  readonly live: number
  /** Updates that were missed and came from a history. */
  readonly recovered: number
  /** Updates that came with snapshots, deletions that they told included. */
  readonly fromSnapshots: number
  /** Updates that came again, from another publisher or in an answer. */
  readonly doubles: number
  /** Topics of which updates were found missing. */
  readonly gaps: number
  /** Updates that newer ones replaced before they could be recovered. */
  readonly lost: number
  /** Updates that newer ones replaced because a loop did not keep up (`conflate`). */
  readonly conflated: number
  /** Snapshots taken. */
  readonly snapshots: number
  /** Messages and values that could not be understood. */
  readonly invalid: number
  /** Updates of topics beyond `maxTopics`. */
  readonly refused: number
  /** Epochs that this subscriber has followed. */
  readonly epochs: number
  readonly failovers: number
  /** Topics that have a value. */
  readonly topics: number
  /** Everything up to this feed sequence is here. */
  readonly position: number
  /** Updates that wait for a loop. */
  readonly queued: number
  /** Updates that wait for what comes before them. */
  readonly held: number
}
