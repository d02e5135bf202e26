/// <reference types="node" preserve="true" />
// The public door of `brokerless`. Re-exports only.

/**
 * Sockets, their options, events, statistics and errors.
 *
 * @module brokerless
 */

export type { Bytes } from "./bytes.ts"
export type { Codec } from "./codec/codec.ts"
export {
  AbortError,
  type Breach,
  ClosedError,
  CodecError,
  EndpointError,
  HandshakeError,
  type MalformedCommand,
  MessageError,
  MessagingError,
  type MessagingErrorCode,
  OptionError,
  ProtocolError,
  StateError,
  TimeoutError,
  UnreachableError,
} from "./errors.ts"
export type { Event, EventListener, EventOfType, EventStream, EventTable, EventType, Monitor } from "./events.ts"
export type { Frame, FrameLike, Message, MessageLike } from "./message.ts"
export type {
  Balance,
  BalanceOptions,
  BalanceStrategy,
  ByKey,
  CommonOptions,
  ConflateOptions,
  DealerOptions,
  FanoutOptions,
  FanoutOverflow,
  MatchingOptions,
  OctetsLike,
  Overflow,
  OverflowOptions,
  PairOptions,
  PeerLoad,
  ProbeOptions,
  PublisherOptions,
  PullOptions,
  PushOptions,
  ReceiveOptions,
  ReplyOptions,
  RequestOptions,
  ResolvedOptions,
  RouterOptions,
  RoutingIdOptions,
  SendOptions,
  SubscriberOptions,
  SubscriptionOptions,
  XPublisherOptions,
  XSubscriberOptions,
} from "./options.ts"
export type { Peer } from "./peer.ts"
export { byKey } from "./routing/by-key.ts"
export type { Applicant, Authorize, Grant } from "./security/authorize.ts"
export {
  type PlainClientConfiguration,
  type PlainServerConfiguration,
  type PlainServerSecurity,
  plain,
  plainServer,
} from "./security/plain.ts"
export type { Security } from "./security/security.ts"
export type { Labelled, LabelledOwn, Same, Shown, SocketArguments } from "./socket/arguments.ts"
export { Fanout } from "./socket/fanout.ts"
export type { Received } from "./socket/inbox.ts"
export { type Merged, merge } from "./socket/merge.ts"
export { Pair } from "./socket/pair.ts"
export { Pull } from "./socket/pipeline/pull.ts"
export { Push } from "./socket/pipeline/push.ts"
export {
  type Proxy,
  type ProxyOptions,
  type ProxySocket,
  type ProxyStats,
  type ProxyWay,
  proxy,
} from "./socket/proxy.ts"
export { Publisher } from "./socket/pubsub/publisher.ts"
export { Subscriber } from "./socket/pubsub/subscriber.ts"
export { XPublisher } from "./socket/pubsub/xpublisher.ts"
export { XSubscriber } from "./socket/pubsub/xsubscriber.ts"
export type { Readable } from "./socket/readable.ts"
export type { RequestCallOptions } from "./socket/reqrep/call.ts"
export { Dealer } from "./socket/reqrep/dealer.ts"
export { Reply } from "./socket/reqrep/reply.ts"
export { Request } from "./socket/reqrep/request.ts"
export { type ConnectOptions, Router } from "./socket/reqrep/router.ts"
export type { Handler, RequestContext, ServeOptions } from "./socket/reqrep/service.ts"
export { type CloseOptions, Socket } from "./socket/socket.ts"
export type { WaitOptions } from "./socket/waiting.ts"
export type { Writable } from "./socket/writable.ts"
export type { SocketType } from "./socket-type.ts"
export { type DropReason, type PeerStats, type Queued, type SocketStats, Stats } from "./stats.ts"
