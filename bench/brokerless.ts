// Our side, with the options a user gets without asking, but for the publisher.

import { Dealer, type MessageLike, Publisher, Pull, Push, Reply, Request, Router, Subscriber } from "brokerless"
import { curve, curveServer } from "brokerless/curve"
import type { Contender, ReceivingMany } from "./contender.ts"

type OurSocket = Push | Pull | Publisher | Subscriber | Request | Reply | Dealer | Router

export const brokerless: Contender = {
  push: (keys) =>
    new Push<MessageLike>(keys ? { security: curveServer({ ...keys.server, allow: [keys.client.publicKey] }) } : {}),
  pull: (keys) => new Pull(keys ? { security: curve({ serverKey: keys.server.publicKey, ...keys.client }) } : {}),
  publisher: () => new Publisher<MessageLike>({ overflow: "wait" }),
  subscriber: () => {
    const subscriber = new Subscriber()
    subscriber.subscribe()
    return subscriber
  },
  request: () => new Request<MessageLike>(),
  reply: () => new Reply(),
  dealer: () => new Dealer<MessageLike>(),
  router: (): Router => new Router(),
  bind: (socket, endpoint) => (socket as OurSocket).bind(endpoint),
  takesMany: (socket): socket is ReceivingMany => true,
  written(socket) {
    const { messagesSent, writes } = (socket as OurSocket).stats
    return { messages: messagesSent, writes }
  },
}
