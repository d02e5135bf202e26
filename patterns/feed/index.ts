// The door `brokerless/patterns/feed`. Re-exports only.

export type { EventFrom, EventMap } from "../emitter.ts"
export { Emitter } from "../emitter.ts"
export { FeedLimitError } from "./limit-error.ts"
export { FeedPublisher, type FeedPublisherArguments } from "./publisher.ts"
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
} from "./subscriber-options.ts"
