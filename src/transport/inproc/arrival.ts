// How a socket of another thread comes to a name that is bound in this one, and what the two threads say to each other.

import { MessagingError } from "../../errors.ts"
import { compatible, type WireType } from "../../socket-type.ts"
import type { Line, Talk } from "./cable.ts"
import { type Bound, factsOf, type Introduction, introductionOf, joinHost, termsOf } from "./meeting.ts"
import { type Shared, ThreadEnd } from "./thread-end.ts"

/** What a connecting socket says. */
export interface Opening {
  readonly name: string
  /** What both share from now on. */
  readonly shared: Shared
  readonly introduction: Introduction
}

/** What it is told. */
export type Answer =
  | { readonly kind: "welcome"; readonly introduction: Introduction }
  /** The name is not bound here any more, or its socket takes nobody else, or not this one: try again later. */
  | { readonly kind: "not now"; readonly reason: string }
  | { readonly kind: "mismatch"; readonly type: WireType }

/** Answers another thread, which wants to connect, or only to know whether this one is there. */
export function answerStranger(
  what: unknown,
  line: Line,
  bound: (name: string) => Bound | undefined,
): Talk | undefined {
  const answer = (said: Answer): undefined => {
    line.say(said)
  }
  if (what === undefined) return answer({ kind: "not now", reason: "" })
  const { name, shared, introduction } = what as Opening
  const found = bound(name)
  if (found === undefined) return answer({ kind: "not now", reason: "The name is not bound any more" })
  const { host, endpoint } = found
  if (!compatible(host.type, introduction.type)) return answer({ kind: "mismatch", type: host.type })
  const { maxConnections } = host.options
  if (maxConnections > 0 && host.acceptedPeers >= maxConnections) {
    host.monitor.count("limit", endpoint, undefined, "maxConnections", 1)
    return answer({ kind: "not now", reason: "The peer takes no more connections" })
  }
  const own = introductionOf(host)
  const pipe = host.createPipe(endpoint, false)
  const end = new ThreadEnd(shared, 1, pipe, joinHost(host, pipe), termsOf(own, introduction))
  pipe.link = end
  host.monitor.emit({ type: "accept", endpoint, address: endpoint })
  const refusal = host.admit(pipe, factsOf(introduction, endpoint))
  if (refusal instanceof MessagingError) {
    end.end(refusal)
    return answer({ kind: "not now", reason: refusal.message })
  }
  // Whoever listens to this socket may have parted the two already.
  if (pipe.state === "gone") return answer({ kind: "not now", reason: "The peer has left" })
  void end.done.then(() => line.leave())
  line.say({ kind: "welcome", introduction: own } satisfies Answer)
  end.open()
  return { heard() {}, ended: () => end.died() }
}
