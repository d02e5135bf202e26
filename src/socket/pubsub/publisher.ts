// PUB (RFC 29): every message to all who have subscribed to its beginning.

import type { Bytes } from "../../bytes.ts"
import { ClosedError } from "../../errors.ts"
import { type Frame, type FrameLike, type MessageLike, toFrame } from "../../message.ts"
import type { PublisherOptions } from "../../options.ts"
import { parseSubscription } from "../../subscription.ts"
import type { Labelled, SocketArguments } from "../arguments.ts"
import { topicCoding } from "../coding.ts"
import { Outbox } from "../outbox.ts"
import { hubOf, Socket } from "../socket.ts"
import { checkCount, checkWait, WaitingLine, type WaitOptions } from "../waiting.ts"
import { sends, type Writable } from "../writable.ts"
import { Publishing } from "./publishing.ts"

/** Somebody waits until a topic has so many subscribers. */
interface Audience {
  readonly topic: Frame
  readonly count: number
}

/**
 * Sends each message to every `Subscriber` that has subscribed to a prefix of its first frame, and discards what nobody
 * wants (RFC 29). With a codec a message is `[topic, value]`.
 *
 * @typeParam S - frames, or the values that the codec encodes
 */
export class Publisher<S = MessageLike> extends Socket {
  readonly #publishing: Publishing
  readonly #audiences = new WaitingLine<Audience, void>({ waiting: 0 })

  constructor(...[options]: SocketArguments<S, unknown, PublisherOptions, PublisherOptions>) {
    super("Publisher", "PUB", options)
    const hub = hubOf(this)
    const publishing = new Publishing(hub)
    this.#publishing = publishing
    hub.outbox = new Outbox<unknown>({
      encode: topicCoding(hub).encode,
      offer: (message) => publishing.offer(message),
      ready: () => true,
      timeout: hub.options.sendTimeout,
    })
    hub.follow({
      sharesMessages: true,
      // With `invertMatching` a peer gets most before it has subscribed to anything.
      joined: () => this.#recount(),
      left: (pipe) => publishing.left(pipe),
      relieved: (pipe) => publishing.relieved(pipe),
      subscribed: (pipe, kind, topic) => {
        if (kind === "cancel") publishing.remove(pipe, topic)
        else if (publishing.add(pipe, topic) === undefined) return
        this.#recount()
      },
      intake(pipe, message) {
        const subscription = parseSubscription(message[0] as Bytes)
        if (subscription !== undefined) hub.pipeSubscribed(pipe, subscription.kind, subscription.topic)
        else hub.dropped("unexpected", 1, pipe)
        return false
      },
      closed: () => this.#audiences.failAll(() => new ClosedError("The socket was closed")),
    })
  }

  /** The distinct prefixes that somebody has subscribed to, in the order of their octets. */
  get subscriptions(): readonly Frame[] {
    return [...this.#publishing.subscriptions.topics()]
  }

  /**
   * Resolves when at least `count` peers would get a message whose first frame is `topic`.
   *
   * @throws {@link TimeoutError}, {@link AbortError}, {@link ClosedError} (as rejections)
   */
  waitForSubscribers(topic: FrameLike, count: number = 1, options: WaitOptions = {}): Promise<void> {
    try {
      checkCount(count)
      checkWait(options)
      hubOf(this).checkOpen()
      const audience = { topic: toFrame(topic), count }
      if (this.#publishing.countOf(audience.topic) >= count) return Promise.resolve()
      const what = `Fewer than ${count} peers subscribed`
      return this.#audiences.wait(audience, options.timeout ?? -1, options.signal, what)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #recount(): void {
    if (this.#audiences.length === 0) return
    for (const waiter of [...this.#audiences]) {
      const { topic, count } = waiter.item
      if (this.#publishing.countOf(topic) >= count) this.#audiences.settle(waiter, undefined)
    }
  }
}

export interface Publisher<S = MessageLike> extends Writable<Labelled<MessageLike, S, string>> {}
sends(Publisher)
