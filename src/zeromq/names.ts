// Everything that the `zeromq` package exports, by the same names. Re-exports only.

export { type CurveKeyPair, curveKeyPair } from "../curve/keys.ts"
export { capability, version } from "./capability.ts"
export { Context, context } from "./context.ts"
export type { ErrnoError } from "./errno.ts"
export type {
  AuthError,
  Event,
  EventAddress,
  EventError,
  EventFor,
  EventInterval,
  EventOfType,
  EventType,
  ProtoError,
} from "./event-types.ts"
export type { Message, MessageLike, Readable, SocketOptions, Writable } from "./messages.ts"
export { type EventSubscriber, Observer } from "./observer.ts"
export { Proxy } from "./proxy.ts"
export { Socket, type SocketType } from "./socket.ts"
export {
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type RouterConnectOptions,
  Stream,
  type StreamConnectOptions,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "./sockets.ts"
export type { Expand, IfEquals, Options, WritableKeys } from "./type-of-options.ts"
