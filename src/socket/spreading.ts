// What Push and Dealer share: an outbox over a distribution, and the lines of the pattern that feed it.

import type { Message } from "../message.ts"
import type { Coding } from "./coding.ts"
import { Distribution } from "./distribution.ts"
import type { Hub, Pattern } from "./hub.ts"
import { Outbox } from "./outbox.ts"

/** The sending half of a socket that spreads its messages over its peers. */
export interface Spreading {
  readonly outbox: Outbox<unknown>
  readonly pattern: Required<Pick<Pattern, "added" | "joined" | "left" | "relieved" | "backlog">>
}

export function spreading(hub: Hub, coding: Coding): Spreading {
  const distribution: Distribution = new Distribution({
    get options() {
      return hub.options
    },
    marks: hub.marks.outbound,
    budget: hub.budget,
    replaced: (pipe) => hub.dropped("replaced", 1, pipe),
  })
  const offer = coding.typed
    ? (message: Message, value: unknown) => distribution.offer(message, value)
    : (message: Message) => distribution.offer(message, message)
  return {
    outbox: new Outbox<unknown>({
      encode: coding.encode,
      offer,
      ready: () => distribution.ready(),
      timeout: hub.options.sendTimeout,
    }),
    pattern: {
      backlog: distribution.backlog,
      added: (pipe) => distribution.added(pipe),
      joined: (pipe) => distribution.joined(pipe),
      left: (pipe) => distribution.left(pipe),
      relieved: (pipe) => distribution.relieved(pipe),
    },
  }
}
