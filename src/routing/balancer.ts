// What every way of balancing has to answer: which pipe is next.

import type { Message } from "../message.ts"
import type { Pipe } from "../pipe/pipe.ts"

export interface Balancer {
  /** A pipe that may be chosen from now on: a peer that joined, or an endpoint whose peer is still to come. */
  add(pipe: Pipe): void
  /** A pipe that must not be chosen any more. */
  remove(pipe: Pipe): void
  /** A pipe that had no room has some again. */
  relieved(pipe: Pipe): void
  /**
   * The pipe for this message, or undefined when nobody can take it now. The pipe was asked for room, so that its
   * `full` is true if it has none: then the message
   * is to wait for this one and no other. `subject` is the message as the application gave it.
   */
  choose(message: Message, subject: unknown): Pipe | undefined
  /** Whether somebody has room, without choosing. */
  available(): boolean
  /** A peer that is there, for a message that another can no longer get, room or not; undefined if none is there. */
  adopt(message: Message): Pipe | undefined
}
