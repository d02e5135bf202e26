// The way of a client's changes to the collector of one server: in order, and none before the collector listens.

import { type FrameLike, MessagingError, Publisher, type Security } from "brokerless"
import { portsOf } from "./ports.ts"

export class Uplink {
  readonly #publisher: Publisher
  readonly #over = new AbortController()
  #sending: Promise<void> = Promise.resolve()

  /** `lost` is called when the connection ends, which may have swallowed what was on its way. @throws EndpointError */
  constructor(endpoint: string, security: Security | undefined, lost: () => void) {
    this.#publisher = new Publisher({ overflow: "wait", security })
    this.#publisher.events.on("peer:leave", () => {
      if (!this.#over.signal.aborted) lost()
    })
    this.#publisher.connect(portsOf(endpoint)[2])
  }

  /** Sends behind all that was sent before, unless `wanted` says by then that it is not wanted any more. */
  send(key: string, frames: readonly FrameLike[], wanted: () => boolean): void {
    this.#sending = this.#sending.then(async () => {
      try {
        const { signal } = this.#over
        await this.#publisher.waitForSubscribers(key, 1, { signal })
        if (wanted()) await this.#publisher.send(frames, { signal })
      } catch (error) {
        // It is over; whatever is still wanted goes to the next server.
        if (!(error instanceof MessagingError)) throw error
      }
    })
  }

  /** `linger` in ms. */
  async close(linger: number): Promise<void> {
    this.#over.abort()
    await this.#publisher.close({ linger })
  }
}
