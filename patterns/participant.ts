// What patterns have in common in which everybody is a Router, so that all know whom they hear and may bind or connect
// as they like: endpoints, peers, reading, and an orderly end. What is said is the pattern's own.

import {
  type Frame,
  type Message,
  MessagingError,
  type Peer,
  Router,
  type RouterOptions,
  type WaitOptions,
} from "brokerless"
import { type ClosingOptions, closingTime, within } from "./closing.ts"
import type { Setting } from "./settings.ts"

/** Options of the socket beneath that the pattern leaves to the application. */
export type ParticipantSocketOptions = Omit<
  RouterOptions,
  "codec" | "mandatory" | "handover" | "probeRouter" | "immediate"
>

/** The options for the socket beneath; the socket checks them itself. */
export const socketSetting: Setting<ParticipantSocketOptions> = {
  accepts: "an object of options of a Router",
  test: (value) => typeof value === "object" && value !== null,
  default: {},
}

/** Turns of the event loop that what a lost peer had sent may take to be read. */
const TURNS = 1000

/** Somebody who takes part in a pattern: binds, connects, hears and answers. */
export abstract class Participant implements AsyncDisposable {
  /** @internal */
  protected readonly socket: Router
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(options: ParticipantSocketOptions) {
    // Only to peers that are there, and with the truth about who is not: nothing vanishes in this socket.
    this.socket = new Router({ ...options, mandatory: true, immediate: true })
    this.socket.events.on("peer:join", ({ peer }) => this.joined(peer))
    this.socket.events.on("peer:leave", ({ peer }) => this.#afterReading(() => this.left(peer)))
    void this.#read()
  }

  /**
   * Accepts peers at `endpoint`, as a socket does.
   *
   * @returns the endpoint really bound
   * @throws EndpointError, ClosedError (as rejections)
   */
  bind(endpoint: string): Promise<string> {
    return this.socket.bind(endpoint)
  }

  /**
   * Connects to `endpoint`, now or when somebody is there, and again whenever the connection is lost.
   *
   * @throws EndpointError, ClosedError
   */
  connect(endpoint: string): void {
    this.socket.connect(endpoint)
  }

  /** Stops accepting peers at a bound endpoint, and parts with those who came through it. */
  unbind(endpoint: string): Promise<void> {
    return this.socket.unbind(endpoint)
  }

  /** Parts with a connected endpoint. */
  disconnect(endpoint: string): void {
    this.socket.disconnect(endpoint)
  }

  /** Bound endpoints, as really bound, and connected ones. */
  get endpoints(): readonly string[] {
    return this.socket.endpoints
  }

  /** Who is connected. */
  get peers(): readonly Peer[] {
    return this.socket.peers
  }

  /** Resolves when at least `count` peers are connected. Errors are those of a socket's `waitForPeers`. */
  waitForPeers(count?: number, options?: WaitOptions): Promise<void> {
    return this.socket.waitForPeers(count, options)
  }

  /** Whether this is closed, or being closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * Begins nothing new, lets what is under way come to its end for up to `timeout` ms, then gives up and counts the
   * rest. Resolves when nothing is left open. Further calls get the same promise.
   *
   * @throws OptionError if `timeout` is not -1 or a number of ms
   */
  close(options: ClosingOptions = {}): Promise<void> {
    const timeout = closingTime(options)
    this.#closing ??= this.#end(timeout)
    return this.#closing
  }

  /** Closes at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal A peer is there. */
  protected joined(_peer: Peer): void {}

  /** @internal A peer is gone, and what it had said has been heard. */
  protected left(_peer: Peer): void {}

  /** @internal A peer said something; without its routing id. Never throws. */
  protected abstract heard(peer: Peer, message: Message): void

  /** @internal Nothing new is begun from now on; resolves when what is under way is done. */
  protected abstract finish(): Promise<void>

  /** @internal The time is over: gives up what is still under way. */
  protected abstract abandon(): void

  /** @internal All is over. */
  protected abstract ended(): void

  /** @internal Says something to a peer; false when it is gone or takes nothing more. */
  protected tell(peer: Peer, message: readonly (Frame | string)[]): boolean {
    try {
      return this.socket.trySend([peer.routingId, ...message])
    } catch (error) {
      if (error instanceof MessagingError) return false
      throw error
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      try {
        const { message, peer } = await this.socket.receiveFrom({ timeout: -1 })
        message.shift()
        this.heard(peer, message)
      } catch (error) {
        if (this.socket.closed) return
        throw error
      }
    }
  }

  /** What a peer said before it left is heard first. */
  #afterReading(then: () => void, turns = TURNS): void {
    setImmediate(() => {
      if (turns > 0 && this.socket.readable) this.#afterReading(then, turns - 1)
      else then()
    })
  }

  async #end(timeout: number): Promise<void> {
    const until = performance.now() + timeout
    await within(timeout, this.finish())
    this.abandon()
    await this.socket.close({ linger: timeout < 0 ? -1 : Math.max(0, until - performance.now()) })
    this.ended()
  }
}
