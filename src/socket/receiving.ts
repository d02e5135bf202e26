// The receiving half that most sockets share: an inbox that decodes, and conflation where it is asked for.

import type { Message } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"
import type { Coding } from "./coding.ts"
import type { Hub, Pattern } from "./hub.ts"
import { Inbox } from "./inbox.ts"

/** An inbox that hands out what `coding` decodes. */
export function receiving(hub: Hub, coding: Coding): Inbox<unknown> {
  return new Inbox<unknown>({ decode: coding.decode, timeout: hub.options.receiveTimeout })
}

/** With `conflate`, a message takes the place of the one that waits. */
export function conflating(hub: Hub): Pick<Pattern, "intake"> {
  if (!hub.options.conflate) return {}
  return {
    intake(pipe: Pipe, message: Message): boolean {
      if (pipe.inbound.length === 0) return true
      pipe.inbound.replace(0, message)
      hub.dropped("replaced", 1, pipe)
      return false
    },
  }
}
