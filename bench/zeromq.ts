// The npm package `zeromq` (libzmq behind a native binding), with the settings under which it was found fastest.

import type { Socket } from "zeromq"
import type { Contender, ReceivingMany } from "./contender.ts"

// A publisher of libzmq drops at its mark. With no mark it queues instead, and everything sent is delivered.
type Zmq = typeof import("zeromq")

const unbounded = { sendHighWaterMark: 0 }

/** The same programs, whichever package `zmq` is. */
export function contenderOf(zmq: Zmq): Contender {
  return {
    push: (keys) =>
      new zmq.Push(
        keys && {
          curveServer: true,
          curvePublicKey: keys.server.publicKey,
          curveSecretKey: keys.server.secretKey,
        },
      ),
    pull: (keys) =>
      new zmq.Pull(
        keys && {
          curveServerKey: keys.server.publicKey,
          curvePublicKey: keys.client.publicKey,
          curveSecretKey: keys.client.secretKey,
        },
      ),
    publisher: () => new zmq.Publisher(unbounded),
    subscriber: () => {
      const subscriber = new zmq.Subscriber({ receiveHighWaterMark: 0 })
      subscriber.subscribe()
      return subscriber
    },
    request: () => new zmq.Request(),
    reply: () => new zmq.Reply(),
    dealer: () => new zmq.Dealer(),
    router: () => new zmq.Router(),
    async bind(socket, endpoint) {
      const bound = socket as Socket
      await bound.bind(endpoint)
      if (bound.lastEndpoint === null) throw new Error(`zeromq does not say where ${endpoint} was bound`)
      return bound.lastEndpoint
    },
    takesMany: (socket): socket is ReceivingMany => false,
    written: () => undefined,
  }
}
