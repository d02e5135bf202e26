// The way to one server: a Request socket of its own, replaced by a fresh one when an answer has not come. Those who
// still wait for an answer over the old one may; it is closed when they are done.

import { type Frame, type Message, Request, type RequestOptions, TimeoutError } from "brokerless"

interface Link {
  readonly socket: Request
  users: number
}

export class Line {
  readonly endpoint: string
  readonly #options: RequestOptions
  readonly #renewed: () => void
  readonly #changed: (up: boolean) => void
  readonly #closing = new Set<Promise<void>>()
  #link: Link

  constructor(endpoint: string, options: RequestOptions, renewed: () => void, changed: (up: boolean) => void) {
    this.endpoint = endpoint
    this.#options = options
    this.#renewed = renewed
    this.#changed = changed
    this.#link = this.#open()
  }

  get isUp(): boolean {
    return this.#link.socket.peers.length > 0
  }

  /** Resolves when the server is there. Rejects as a socket does. */
  up(timeout: number, signal: AbortSignal): Promise<void> {
    return this.#link.socket.waitForPeers(1, { timeout, signal })
  }

  /** One attempt. When the time is over, the next one goes over a fresh connection. */
  async ask(body: readonly Frame[], timeout: number, signal: AbortSignal): Promise<Message> {
    const link = this.#link
    link.users++
    try {
      return await link.socket.request(body, { timeout, signal })
    } catch (error) {
      if (error instanceof TimeoutError && link === this.#link) {
        this.#link = this.#open()
        this.#renewed()
      }
      throw error
    } finally {
      link.users--
      if (link !== this.#link && link.users === 0) this.#close(link, 0)
    }
  }

  async close(linger: number): Promise<void> {
    this.#close(this.#link, linger)
    await Promise.all(this.#closing)
  }

  #open(): Link {
    const socket = new Request(this.#options)
    const link = { socket, users: 0 }
    socket.events.on("peer:join", () => link === this.#link && this.#changed(true))
    socket.events.on("peer:leave", () => link === this.#link && this.#changed(false))
    socket.connect(this.endpoint)
    return link
  }

  #close({ socket }: Link, linger: number): void {
    const closing = socket.close({ linger }).finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }
}
