// RADIO (RFC 48): every message to all who have joined its group, and to all datagrams it is connected to.

import { EMPTY } from "../../bytes.ts"
import { type Frame, type FrameLike, toFrame } from "../../message.ts"
import type { PublisherOptions } from "../../options.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import { Outbox, type Verdict } from "../outbox.ts"
import { Publishing } from "../pubsub/publishing.ts"
import { singleFrame } from "../single-frames.ts"
import { hubOf, Socket } from "../socket.ts"
import { sends, type Writable } from "../writable.ts"
import { checkGroup, type Grouped, MAX_GROUP, wholeGroup } from "./group.ts"

/** The options of a {@link Radio}. */
export interface RadioOptions extends PublisherOptions {
  /** How many routers datagrams to a multicast group may pass; asked for whenever an endpoint is connected. */
  readonly multicastHops?: () => number
}

/** Sends each message to every `Dish` that has joined its group (RFC 48). */
export class Radio extends Socket {
  constructor({ multicastHops, ...options }: RadioOptions = {}) {
    super("Publisher", "RADIO", { ...options, maxTopicSize: 1 + MAX_GROUP })
    const hub = hubOf(this)
    const publishing = new Publishing(hub, ([group]) => wholeGroup(group as Frame))
    // Whoever may listen to datagrams.
    const casts = new Set<Pipe>()
    hub.outbox = new Outbox<unknown>({
      encode(value) {
        const [content, { group }] = value as readonly [FrameLike, Grouped]
        return [checkGroup(toFrame(group)), singleFrame(content)]
      },
      offer(message): Verdict {
        for (const { link } of casts) link?.check?.(message)
        return publishing.offer(message)
      },
      ready: () => true,
      timeout: hub.options.sendTimeout,
    })
    hub.follow({
      sharesMessages: true,
      multicastHops,
      joined(pipe) {
        if (pipe.link?.check === undefined) return
        casts.add(pipe)
        // Nobody there can say what he wants.
        publishing.add(pipe, EMPTY)
      },
      left(pipe) {
        casts.delete(pipe)
        publishing.left(pipe)
      },
      relieved: (pipe) => publishing.relieved(pipe),
      subscribed(pipe, kind, group) {
        if (kind === "cancel") publishing.remove(pipe, wholeGroup(group))
        else publishing.add(pipe, wholeGroup(group))
      },
      intake(pipe) {
        hub.dropped("unexpected", 1, pipe)
        return false
      },
    })
  }
}

export interface Radio extends Writable<readonly [FrameLike, Grouped]> {}
sends(Radio)
