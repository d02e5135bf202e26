// Encoding once what goes to many. Sessions of a socket that sends the same messages to several peers flush one after
// another; whoever comes first encodes, and the others find that their queues begin with the very same messages.

import { atEndOfTick } from "../clock.ts"
import type { Message } from "../message.ts"
import type { MessageQueue } from "../pipe/queue.ts"
import { type Batch, releaseBatch } from "../zmtp/encoder.ts"

export class SharedBatch {
  #messages: Message[] = []
  #batch: Batch | undefined

  /** The batch encoded last, if the queue begins with its messages; they are taken out of the queue. */
  take(queue: MessageQueue): Batch | undefined {
    const batch = this.#batch
    if (batch === undefined) return undefined
    const messages = this.#messages
    const length = messages.length
    if (queue.length < length || !isWhole(batch)) return undefined
    // The ends differ first, if anything does.
    for (let i = length - 1; i >= 0; i--) if (queue.at(i) !== messages[i]) return undefined
    for (let i = 0; i < length; i++) queue.shift()
    batch.users++
    return batch
  }

  /** Keeps a batch for those who come next, until the tick ends or another takes its place. */
  keep(messages: Message[], batch: Batch): void {
    if (this.#batch === undefined) atEndOfTick(() => this.#forget())
    else releaseBatch(this.#batch)
    batch.users++
    this.#batch = batch
    this.#messages = messages
  }

  #forget(): void {
    const batch = this.#batch
    if (batch === undefined) return
    this.#batch = undefined
    this.#messages = []
    releaseBatch(batch)
  }
}

/** Whether the frames that travel by reference still have their memory: it can be taken from them within a tick. */
function isWhole(batch: Batch): boolean {
  let octets = 0
  for (const chunk of batch.chunks) octets += chunk.length
  return octets === batch.octets
}
