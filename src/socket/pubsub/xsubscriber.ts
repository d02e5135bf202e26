// XSUB (RFC 29): a subscriber that sends its subscriptions as messages, and filters nothing: for proxies.

import { type Frame, type Message, type MessageLike, toMessage } from "../../message.ts"
import type { XSubscriberOptions } from "../../options.ts"
import { parseSubscription } from "../../subscription.ts"
import type { Hub } from "../hub.ts"
import { Inbox } from "../inbox.ts"
import { ACCEPTED, Outbox, type Verdict } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { Wishes } from "./wishes.ts"

/**
 * Receives everything its publishers send it. A message that begins with an octet 1 or 0 subscribes to, or cancels,
 * what follows; any other goes to all publishers (RFC 29).
 */
export class XSubscriber extends Socket {
  constructor(options?: XSubscriberOptions) {
    super("XSubscriber", "XSUB", options)
    const hub = hubOf(this)
    const wishes = new Wishes(hub)
    hub.outbox = new Outbox<unknown>({
      encode: (value) => toMessage(value as MessageLike),
      offer: (message) => upstream(hub, wishes, message),
      ready: () => true,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({ decode: (message) => message, timeout: hub.options.receiveTimeout })
    hub.follow({ sharesMessages: true, joined: (pipe) => wishes.tell(pipe), left() {} })
  }
}

export interface XSubscriber extends Writable<MessageLike>, Readable<Message> {}
sends(XSubscriber)
receives(XSubscriber)

function upstream(hub: Hub, wishes: Wishes, message: Message): Verdict {
  const subscription = parseSubscription(message[0] as Frame)
  if (subscription !== undefined) {
    if (subscription.kind === "subscribe") wishes.subscribe(subscription.topic)
    else wishes.unsubscribe(subscription.topic)
    return ACCEPTED
  }
  if (hub.ready.size === 0) hub.dropped("no-peer", 1, undefined)
  for (const pipe of hub.ready) {
    if (pipe.state !== "ready") continue
    if (pipe.hasRoom) pipe.push(message)
    else hub.dropped("high-water-mark", 1, pipe)
  }
  return ACCEPTED
}
