// DISH (RFC 48): messages of the groups that it has joined, from all radios in fair turns.

import { fromKey, toKey } from "../../bytes.ts"
import { MessageError } from "../../errors.ts"
import { describe, type Frame, type FrameLike, type Message, toFrame } from "../../message.ts"
import type { PullOptions } from "../../options.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { SubscriptionKind } from "../../subscription.ts"
import type { Hub } from "../hub.ts"
import { Inbox, SKIP } from "../inbox.ts"
import { type Readable, receives } from "../readable.ts"
import { hubOf, Socket } from "../socket.ts"
import { checkGroup, type Grouped } from "./group.ts"

/** Receives what its radios send to the groups that it has joined (RFC 48): nothing until it has joined one. */
export class Dish extends Socket {
  readonly #groups = new Set<string>()

  constructor(options?: PullOptions) {
    super("Pull", "DISH", options)
    const hub = hubOf(this)
    const groups = this.#groups
    hub.inbox = new Inbox<unknown>({
      // A group may have been left while its messages waited.
      decode: ([group, frame]) => (groups.has(toKey(group as Frame)) ? [frame, { group }] : SKIP),
      timeout: hub.options.receiveTimeout,
    })
    hub.follow({
      intake: (pipe, message) => this.#takes(hub, pipe, message),
      joined(pipe) {
        for (const group of groups) pipe.link?.subscribe("subscribe", fromKey(group))
      },
      left() {},
    })
  }

  /**
   * Asks for the messages of a group.
   *
   * @throws {@link MessageError} if it is over 255 octets, or was joined already; {@link ClosedError}
   */
  join(group: FrameLike): void {
    const octets = this.#octetsOf(group)
    const key = toKey(octets)
    if (this.#groups.has(key)) throw new MessageError("EINVAL", `The group ${describe(key)} was joined already`)
    this.#groups.add(key)
    this.#tell("subscribe", octets)
  }

  /**
   * Takes that back.
   *
   * @throws {@link MessageError} if the group was not joined; {@link ClosedError}
   */
  leave(group: FrameLike): void {
    const octets = this.#octetsOf(group)
    const key = toKey(octets)
    if (!this.#groups.delete(key)) throw new MessageError("EINVAL", `The group ${describe(key)} was not joined`)
    this.#tell("cancel", octets)
  }

  #octetsOf(group: FrameLike): Frame {
    hubOf(this).checkOpen()
    return checkGroup(toFrame(group))
  }

  #tell(kind: SubscriptionKind, group: Frame): void {
    for (const pipe of hubOf(this).ready) pipe.link?.subscribe(kind, group)
  }

  /** Datagrams come from anybody, and of all groups: what is not asked for takes no room. */
  #takes(hub: Hub, pipe: Pipe, message: Message): boolean {
    if (message.length === 2) return this.#groups.has(toKey(message[0] as Frame))
    hub.dropped("unexpected", 1, pipe)
    return false
  }
}

export interface Dish extends Readable<[Frame, Grouped]> {}
receives(Dish)
