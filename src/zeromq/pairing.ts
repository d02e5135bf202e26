// What a Stream is given to send: names and octets by turns, in however many frames a message has.

import type { Message } from "../message.ts"

export class Pairing {
  /** The last name came without octets, so that the next frame has nobody to go to. */
  #alone = false

  /** Hands on each pair; what `hand` throws leaves out the rest. */
  each(frames: Message, hand: (pair: Message) => void): void {
    let at = this.#alone ? 1 : 0
    this.#alone = false
    for (; at + 1 < frames.length; at += 2) hand(frames.slice(at, at + 2))
    this.#alone = at < frames.length
  }
}
