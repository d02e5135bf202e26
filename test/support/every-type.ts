// One socket of every type, ours and theirs (of the npm package `zeromq`), with nothing set but a name where it has one.

import {
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

export const OURS: Readonly<Record<SocketType, () => Socket>> = {
  PAIR: () => new Pair(),
  PUB: () => new Publisher(),
  SUB: () => new Subscriber(),
  XPUB: () => new XPublisher(),
  XSUB: () => new XSubscriber(),
  PUSH: () => new Push(),
  PULL: () => new Pull(),
  REQ: () => new Request(),
  REP: () => new Reply(),
  DEALER: () => new Dealer({ routingId: "ours" }),
  ROUTER: () => new Router({ routingId: "ours" }),
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
