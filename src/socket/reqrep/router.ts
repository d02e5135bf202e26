// ROUTER (RFC 28): every message has the peer's routing id in front, in both directions.

import { type Bytes, EMPTY } from "../../bytes.ts"
import { OptionError } from "../../errors.ts"
import { describe, type Frame, type Message, type MessageLike } from "../../message.ts"
import type { RouterOptions } from "../../options.ts"
import type { Labelled, LabelledOwn, Same, SocketArguments } from "../arguments.ts"
import { addressedCoding } from "../coding.ts"
import { Inbox } from "../inbox.ts"
import { Outbox } from "../outbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { AddressBook } from "./address-book.ts"

/** The options of one `connect` call of a socket that names its peers. */
export interface ConnectOptions {
  /** The name by which this socket wants to know the peer, whatever the peer says. */
  readonly routingId?: string | Bytes | undefined
}

/**
 * Receives from all its peers and answers whom it likes: the first frame of a message is the routing id of the peer
 * (RFC 28). With a codec a message is `[routingId, value]`.
 *
 * @typeParam S - frames, or the values that the codec encodes
 * @typeParam R - frames, or the values that the codec decodes
 */
export class Router<S = MessageLike, R = Same<MessageLike, S, Message, S>> extends Socket {
  readonly #addresses: AddressBook

  constructor(...[options]: SocketArguments<S, R, RouterOptions, RouterOptions>) {
    super("Router", "ROUTER", options)
    const hub = hubOf(this)
    const coding = addressedCoding(hub)
    const addresses = new AddressBook(hub)
    this.#addresses = addresses
    hub.outbox = new Outbox<unknown>({
      encode: coding.encode,
      offer: (message) => addresses.offer(message),
      ready: () => addresses.ready,
      timeout: hub.options.sendTimeout,
    })
    hub.inbox = new Inbox<unknown>({
      decode: (message, pipe) => coding.decode([pipe.peer?.routingId ?? EMPTY, ...message], pipe),
      timeout: hub.options.receiveTimeout,
    })
    hub.follow(addresses)
  }

  /**
   * As `Socket.connect`; with `routingId` the peer is known by that name, and messages can be queued for it before it
   * is there.
   *
   * @throws {@link OptionError} if the routing id is not 1 to 255 octets, begins with a zero, or names another peer;
   * {@link EndpointError} if the endpoint is malformed; {@link ClosedError}
   */
  override connect(endpoint: string, options: ConnectOptions = {}): void {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("options", `The options of connect() must be an object, got ${describe(options)}`)
    }
    const { routingId } = options
    hubOf(this).connect(endpoint, routingId === undefined ? undefined : this.#addresses.name(routingId))
  }
}

export interface Router<S = MessageLike, R = Same<MessageLike, S, Message, S>>
  extends Writable<Labelled<MessageLike, S, Frame | string>>,
    Readable<LabelledOwn<Message, R, Frame>> {}
sends(Router)
receives(Router)
