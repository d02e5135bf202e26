// One socket of every type, ours and theirs (of the npm package `zeromq`), with nothing set but a name where it has
// one, and what is asked for.

import {
  type CommonOptions,
  Dealer,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  type SocketType,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import * as zmq from "zeromq"

export const OURS: Readonly<Record<SocketType, (options?: CommonOptions) => Socket>> = {
  PAIR: (options = {}) => new Pair(options),
  PUB: (options = {}) => new Publisher(options),
  SUB: (options = {}) => new Subscriber(options),
  XPUB: (options = {}) => new XPublisher(options),
  XSUB: (options = {}) => new XSubscriber(options),
  PUSH: (options = {}) => new Push(options),
  PULL: (options = {}) => new Pull(options),
  REQ: (options = {}) => new Request(options),
  REP: (options = {}) => new Reply(options),
  DEALER: (options = {}) => new Dealer({ routingId: "ours", ...options }),
  ROUTER: (options = {}) => new Router({ routingId: "ours", ...options }),
}

export const THEIRS: Readonly<Record<SocketType, () => zmq.Socket>> = {
  PAIR: () => new zmq.Pair(),
  PUB: () => new zmq.Publisher(),
  SUB: () => new zmq.Subscriber(),
  XPUB: () => new zmq.XPublisher(),
  XSUB: () => new zmq.XSubscriber(),
  PUSH: () => new zmq.Push(),
  PULL: () => new zmq.Pull(),
  REQ: () => new zmq.Request(),
  REP: () => new zmq.Reply(),
  DEALER: () => new zmq.Dealer({ routingId: "theirs" }),
  ROUTER: () => new zmq.Router({ routingId: "theirs" }),
}
