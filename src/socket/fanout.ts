// Fanout: every message to every peer. On the wire it is a PUSH, so its peers are the PULL sockets of any library.

import { type MessagingError, UnreachableError } from "../errors.ts"
import type { Message, MessageLike } from "../message.ts"
import type { FanoutOptions } from "../options.ts"
import type { SocketArguments } from "./arguments.ts"
import { valueCoding } from "./coding.ts"
import type { Hub } from "./hub.ts"
import { ACCEPTED, NOBODY, Outbox, type Verdict } from "./outbox.ts"
import { hubOf, Socket } from "./socket.ts"
import { sends, type Writable } from "./writable.ts"

/**
 * Sends each message to every peer that is connected; the peers are `Pull` sockets. It waits for the first peer; an
 * endpoint that is down blocks nobody. The copy of a peer that leaves is dropped and counted.
 */
export class Fanout<S = MessageLike> extends Socket {
  constructor(...[options]: SocketArguments<S, unknown, FanoutOptions, FanoutOptions>) {
    super("Fanout", "PUSH", options)
    const hub = hubOf(this)
    hub.outbox = new Outbox<unknown>({
      encode: valueCoding(hub).encode,
      offer: (message) => toAll(hub, message),
      ready: () => canAll(hub),
      timeout: hub.options.sendTimeout,
    })
    hub.follow({
      sharesMessages: true,
      joined() {},
      left() {},
      intake(pipe) {
        hub.dropped("unexpected", 1, pipe)
        return false
      },
    })
  }
}

export interface Fanout<S = MessageLike> extends Writable<S> {}
sends(Fanout)

function canAll(hub: Hub): boolean {
  if (hub.ready.size === 0) return false
  if (hub.options.overflow !== "wait") return true
  let all = true
  // Every pipe is asked, so that each one that is full says so when it has room again.
  for (const pipe of hub.ready) if (pipe.state === "ready" && !pipe.hasRoom) all = false
  return all
}

function toAll(hub: Hub, message: Message): Verdict {
  if (!canAll(hub)) return NOBODY
  for (const pipe of hub.ready) {
    if (pipe.state !== "ready") continue
    if (pipe.hasRoom) {
      pipe.push(message)
    } else {
      hub.dropped("high-water-mark", 1, pipe)
      if (hub.options.overflow === "disconnect") pipe.link?.end(tooSlow())
    }
  }
  return ACCEPTED
}

function tooSlow(): MessagingError {
  return new UnreachableError('The peer was disconnected because its queue was full (overflow: "disconnect")')
}
