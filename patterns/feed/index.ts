// The door `brokerless/patterns/feed`. Re-exports only.

/**
 * Market and telemetry feeds: subscribers converge on the publisher's state after any outage.
 *
 * @module brokerless/patterns/feed
 */

export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export { FeedLimitError } from "./limit-error.ts"
export { type CatchUpOptions, FeedPublisher, type FeedPublisherArguments } from "./publisher.ts"
export type {
  FeedOverflow,
  FeedPublisherEvents,
  FeedPublisherOptions,
  FeedPublisherStats,
} from "./publisher-options.ts"
export { FeedSubscriber, type FeedSubscriberArguments } from "./subscriber.ts"
export type {
  FeedEndpoints,
  FeedSubscriberEvents,
  FeedSubscriberOptions,
  FeedSubscriberStats,
  FeedUpdate,
  FeedUpdateFacts,
} from "./subscriber-options.ts"
