// One socket of a client, with one request at a time: MDP's answers do not say which request they are for, so whoever
// wants several at once needs as many sockets.

import type { WaitOptions } from "brokerless"
import { ClosedError, Dealer, type FrameLike, type Message, type Security, UnreachableError } from "brokerless"

export class Lane {
  readonly #dealer: Dealer
  #asking = false
  #lost = false

  /** `prefetch` is how many parts of an answer wait here for whoever reads them. */
  constructor(endpoint: string, security: Security | undefined, prefetch: number) {
    this.#dealer = new Dealer({ security, receiveHighWaterMark: prefetch })
    this.#dealer.events.on("peer:leave", () => this.#left())
    this.#dealer.connect(endpoint)
  }

  /** Whether the broker was lost over the request: nothing more comes, however long one waits. */
  get lost(): boolean {
    return this.#lost
  }

  /** Asks. Returns how many messages were there that nobody had asked for. */
  async ask(frames: readonly FrameLike[], signal: AbortSignal | undefined): Promise<number> {
    let surplus = 0
    while (this.#dealer.tryReceive() !== undefined) surplus++
    this.#asking = true
    await this.#dealer.send(frames, { timeout: -1, signal })
    return surplus
  }

  /** The next message. @throws UnreachableError, TimeoutError, AbortError, ClosedError (as rejections) */
  async next(options: WaitOptions): Promise<Message> {
    if (this.#lost) {
      const message = this.#dealer.closed ? undefined : this.#dealer.tryReceive()
      if (message !== undefined) return message
      throw lost()
    }
    try {
      return await this.#dealer.receive(options)
    } catch (error) {
      throw error instanceof ClosedError && this.#lost ? lost() : error
    }
  }

  /** The request is answered, and the next one may come. */
  done(): void {
    this.#asking = false
  }

  /** Closes the socket; what it has not sent is not sent any more. */
  close(): Promise<void> {
    return this.#dealer.close({ linger: 0 })
  }

  #left(): void {
    // A connection without a request is simply made again.
    if (!this.#asking || this.#dealer.closed) return
    this.#lost = true
    // What has arrived may still be read; whoever waits for more waits in vain.
    setImmediate(() => {
      if (!this.#dealer.readable) void this.#dealer.close({ linger: 0 })
    })
  }
}

function lost(): UnreachableError {
  return new UnreachableError("The connection to the broker was lost over the request")
}
