// SUB (RFC 29): what begins with one of the prefixes it subscribed to, from all publishers in fair turns.

import { type Frame, type FrameLike, type Message, toFrame } from "../../message.ts"
import type { SubscriberOptions } from "../../options.ts"
import type { LabelledOwn, SocketArguments } from "../arguments.ts"
import { topicCoding } from "../coding.ts"
import { Inbox, SKIP } from "../inbox.ts"
import { type Readable, receives } from "../readable.ts"
import { conflating } from "../receiving.ts"
import { hubOf, Socket } from "../socket.ts"
import { Wishes } from "./wishes.ts"

/**
 * Receives what its publishers send that begins with one of its prefixes (RFC 29): nothing until it has subscribed.
 * With a codec a message is `[topic, value]`.
 *
 * @typeParam R - frames, or the values that the codec decodes
 */
export class Subscriber<R = Message> extends Socket {
  readonly #wishes: Wishes

  constructor(...[options]: SocketArguments<never, R, SubscriberOptions, SubscriberOptions>) {
    super("Subscriber", "SUB", options)
    const hub = hubOf(this)
    const wishes = new Wishes(hub)
    const { invertMatching } = hub.options
    const coding = topicCoding(hub)
    this.#wishes = wishes
    hub.inbox = new Inbox<unknown>({
      // Publishers may send more than was asked for, and subscriptions may have ended while messages were on their way.
      decode: (message, pipe) =>
        wishes.prefixes.matches(message[0] as Frame) !== invertMatching ? coding.decode(message, pipe) : SKIP,
      timeout: hub.options.receiveTimeout,
    })
    hub.follow({ ...conflating(hub), joined: (pipe) => wishes.tell(pipe), left() {} })
  }

  /**
   * Asks for messages whose first frame begins with one of the prefixes; without any, for all messages. Equal
   * subscriptions are counted.
   *
   * @throws {@link MessageError} if a prefix is not a string or octets; {@link ClosedError}
   */
  subscribe(...prefixes: readonly FrameLike[]): void {
    hubOf(this).checkOpen()
    for (const prefix of framesOf(prefixes)) this.#wishes.subscribe(prefix)
  }

  /**
   * Takes subscriptions back, that to all messages without a prefix; delivery stops with the last of equal ones. What
   * never was one changes nothing.
   *
   * @throws {@link MessageError} if a prefix is not a string or octets; {@link ClosedError}
   */
  unsubscribe(...prefixes: readonly FrameLike[]): void {
    hubOf(this).checkOpen()
    for (const prefix of framesOf(prefixes)) this.#wishes.unsubscribe(prefix)
  }
}

export interface Subscriber<R = Message> extends Readable<LabelledOwn<Message, R, string>> {}
receives(Subscriber)

/** All of them are checked before the first takes effect. */
function framesOf(prefixes: readonly FrameLike[]): Frame[] {
  return prefixes.length === 0 ? [toFrame("")] : prefixes.map(toFrame)
}
