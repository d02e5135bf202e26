// What a publisher does with a message for a subscriber whose queue is full.

import { toKey } from "../../bytes.ts"
import { UnreachableError } from "../../errors.ts"
import type { Frame, Message } from "../../message.ts"
import type { Overflow } from "../../options.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { Hub } from "../hub.ts"

/** Deals with a message for a pipe that has no room. */
export type OverflowPolicy = (pipe: Pipe, message: Message) => void

/** The policy of a socket; "wait" never gets this far, so it drops like "drop" does. */
export function overflowPolicy(hub: Hub, overflow: Overflow): { full: OverflowPolicy; relieved(pipe: Pipe): void } {
  const conflation = new Conflation(hub)
  const policies: Readonly<Record<Overflow, OverflowPolicy>> = {
    drop: (pipe) => hub.dropped("high-water-mark", 1, pipe),
    wait: (pipe) => hub.dropped("high-water-mark", 1, pipe),
    "drop-oldest": (pipe, message) => {
      if (pipe.outbound.shift() !== undefined) hub.dropped("replaced", 1, pipe)
      pipe.push(message)
    },
    conflate: (pipe, message) => conflation.put(pipe, message),
    disconnect: (pipe) => {
      hub.dropped("high-water-mark", 1, pipe)
      pipe.link?.end(
        new UnreachableError('The subscriber was disconnected: its queue was full (overflow: "disconnect")'),
      )
    },
  }
  return { full: policies[overflow], relieved: (pipe) => conflation.end(pipe) }
}

/**
 * The newest message of each topic, for queues that are full. A topic is the whole first frame. While a queue is full
 * its topics are indexed by position, so that replacing costs one look-up however long the queue is.
 */
class Conflation {
  readonly #hub: Hub
  readonly #indexes = new Map<Pipe, Map<string, number>>()

  constructor(hub: Hub) {
    this.#hub = hub
  }

  put(pipe: Pipe, message: Message): void {
    const queue = pipe.outbound
    let index = this.#indexes.get(pipe)
    if (index === undefined) {
      index = this.#compact(pipe)
      // What that threw out may have made room, and then messages go past the index.
      if (pipe.full) this.#indexes.set(pipe, index)
    }
    const topic = toKey(message[0] as Frame)
    const place = (index.get(topic) ?? -1) - queue.position
    if (place >= 0 && place < queue.length) {
      queue.replace(place, message)
      this.#hub.dropped("replaced", 1, pipe)
      return
    }
    if (queue.length >= queue.marks.messages) {
      // As many topics as the queue holds: the one that waited longest gives way.
      queue.shift()
      this.#hub.dropped("replaced", 1, pipe)
    }
    index.set(topic, queue.position + queue.length)
    pipe.push(message)
  }

  /** The queue is no longer full, or gone. */
  end(pipe: Pipe): void {
    this.#indexes.delete(pipe)
  }

  /** Throws out all but the newest of each topic, and says where those are. */
  #compact(pipe: Pipe): Map<string, number> {
    const queue = pipe.outbound
    const messages = queue.drain()
    const last = new Map<string, Message>()
    for (const message of messages) last.set(toKey(message[0] as Frame), message)
    const index = new Map<string, number>()
    for (const message of messages) {
      const topic = toKey(message[0] as Frame)
      if (last.get(topic) !== message) continue
      index.set(topic, queue.position + queue.length)
      queue.push(message)
    }
    const replaced = messages.length - queue.length
    if (replaced > 0) this.#hub.dropped("replaced", replaced, pipe)
    return index
  }
}
