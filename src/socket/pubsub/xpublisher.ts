// XPUB (RFC 29): a publisher that hands subscriptions to the application as messages: for proxies and caches of last
// values.

import type { Bytes } from "../../bytes.ts"
import { StateError } from "../../errors.ts"
import { type Frame, type FrameLike, type Message, type MessageLike, toFrame, toMessage } from "../../message.ts"
import type { XPublisherOptions } from "../../options.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { ArrivalOrder } from "../../routing/arrival-order.ts"
import { encodeSubscription, parseSubscription, type SubscriptionKind } from "../../subscription.ts"
import type { Hub } from "../hub.ts"
import { Inbox } from "../inbox.ts"
import { Outbox } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { Publishing } from "./publishing.ts"

/**
 * Sends like a `Publisher`, and receives subscriptions: an octet 1 or 0, then the prefix. Other messages of its peers
 * are received as they are (RFC 29).
 */
export class XPublisher extends Socket {
  readonly #publishing: Publishing
  /** Whose subscription was received last. */
  #asker: Pipe | undefined

  constructor(options?: XPublisherOptions) {
    super("XPublisher", "XPUB", options)
    const hub = hubOf(this)
    const publishing = new Publishing(hub)
    const { manual } = hub.options
    // What peers asked for is what they have, unless the application decides that.
    const asked = manual ? new Publishing(hub) : publishing
    const turns = new ArrivalOrder()
    const tell = (pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void => {
      // Peers that leave because the socket is closed have nobody to be told to.
      if (hub.inbox?.closed) return
      turns.arrived(pipe)
      pipe.enqueue([encodeSubscription(kind, topic)])
    }
    this.#publishing = publishing
    hub.outbox = new Outbox<unknown>({
      encode: (value) => toMessage(value as MessageLike),
      offer: (message) => publishing.offer(message),
      ready: () => true,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({
      decode: (message, pipe) => {
        if (parseSubscription(message[0] as Frame) !== undefined) this.#asker = pipe
        return message
      },
      timeout: hub.options.receiveTimeout,
      turns,
    })
    hub.follow({
      sharesMessages: true,
      joined(pipe) {
        const { welcomeMessage } = hub.options
        if (welcomeMessage !== undefined) pipe.push([welcomeMessage])
      },
      left(pipe) {
        asked.left(pipe, (topic, last, leaver) => {
          if (last || manual || hub.options.verbosity === "allSubsUnsubs") tell(leaver, "cancel", topic)
        })
        if (manual) publishing.left(pipe)
      },
      relieved: (pipe) => publishing.relieved(pipe),
      subscribed(pipe, kind, topic) {
        if (isWorthTelling(hub, asked, pipe, kind, topic)) tell(pipe, kind, topic)
      },
      intake(pipe, message) {
        const subscription = parseSubscription(message[0] as Frame)
        if (subscription === undefined) {
          turns.arrived(pipe)
          return true
        }
        hub.pipeSubscribed(pipe, subscription.kind, subscription.topic)
        return false
      },
    })
  }

  /**
   * With `manual`: subscribes the peer whose subscription was received last to these prefixes, whatever it asked for.
   *
   * @throws {@link StateError} without `manual`, or when no subscription was received yet; {@link ClosedError}
   */
  subscribe(...prefixes: readonly FrameLike[]): void {
    const pipe = this.#manualPipe()
    for (const prefix of prefixes.map(toFrame)) this.#publishing.add(pipe, prefix)
  }

  /**
   * With `manual`: takes these prefixes from the peer whose subscription, or its end, was received last.
   *
   * @throws {@link StateError} without `manual`, or when no subscription was received yet; {@link ClosedError}
   */
  unsubscribe(...prefixes: readonly FrameLike[]): void {
    const pipe = this.#manualPipe()
    for (const prefix of prefixes.map(toFrame)) this.#publishing.remove(pipe, prefix)
  }

  #manualPipe(): Pipe {
    hubOf(this).checkOpen()
    if (!hubOf(this).options.manual) {
      throw new StateError("subscribe() and unsubscribe() of an XPublisher need the option manual: true")
    }
    if (this.#asker === undefined)
      throw new StateError("No subscription was received yet, so there is nobody to subscribe")
    return this.#asker
  }
}

export interface XPublisher extends Writable<MessageLike>, Readable<Message> {}
sends(XPublisher)
receives(XPublisher)

/** Takes a subscription; whether the application is to be told depends on what others have, and on its options. */
function isWorthTelling(hub: Hub, asked: Publishing, pipe: Pipe, kind: SubscriptionKind, topic: Bytes): boolean {
  const { verbosity, manual } = hub.options
  if (kind === "subscribe") {
    const addition = asked.add(pipe, topic)
    if (addition === undefined) return false
    return addition === "first" || verbosity !== null || manual
  }
  const removal = asked.remove(pipe, topic)
  // The end of what somebody never had is told as libzmq does, but never while others have it.
  const nobodyHasIt = removal === "last" || (removal === "unknown" && !asked.subscriptions.has(topic))
  return nobodyHasIt || verbosity === "allSubsUnsubs" || manual
}
