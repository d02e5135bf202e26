// What all sockets have in common: endpoints, peers, events, counters and an orderly end. The hub does it; this is the
// face of it, and the only one that an application sees.

import { OptionError } from "../errors.ts"
import type { Monitor } from "../events.ts"
import { describe } from "../message.ts"
import { applicableOptions, type ResolvedOptions, resolveOptions, type SocketClass } from "../options.ts"
import type { Peer } from "../peer.ts"
import type { SocketType, WireType } from "../socket-type.ts"
import type { SocketStats } from "../stats.ts"
import { Hub } from "./hub.ts"
import type { WaitOptions } from "./waiting.ts"

/** How the parts of a socket reach its hub, which applications never see. */
export let hubOf: (socket: Socket) => Hub

/** Gives an open socket other options, all of them at once: see {@link Hub.reconfigure}. Throws {@link OptionError}. */
export let reconfigure: (socket: Socket, options: object) => void

/** How a socket is closed. */
export interface CloseOptions {
  /** Milliseconds for which what was accepted goes on being sent; -1 = until all is. Default: the option `linger`. */
  readonly linger?: number | undefined
}

/**
 * What all sockets have in common. Applications use its subclasses; their constructors check the options at once, and
 * throw {@link OptionError} for one that is unknown or not what it must be.
 */
export abstract class Socket implements AsyncDisposable {
  readonly #hub: Hub
  readonly #class: SocketClass
  #options: Readonly<Partial<ResolvedOptions>> | undefined

  static {
    hubOf = (socket) => socket.#hub
    reconfigure = (socket, options) => {
      socket.#hub.reconfigure(resolveOptions(socket.#class, options))
      socket.#options = undefined
    }
  }

  /** @internal */
  constructor(socketClass: SocketClass, type: WireType, options: object | undefined) {
    this.#class = socketClass
    this.#hub = new Hub(type, resolveOptions(socketClass, options))
  }

  /**
   * Accepts peers at `endpoint`: `tcp://host:port`, `ipc://path` or `inproc://name`. `*` and port 0 are chosen by the
   * system.
   *
   * @returns the endpoint really bound, one that can be connected to
   * @throws {@link EndpointError} if the endpoint is malformed, or the system refuses it: `EADDRINUSE`, `EACCES`,
   * `EADDRNOTAVAIL`, …; {@link ClosedError} (as rejections)
   */
  bind(endpoint: string): Promise<string> {
    return this.#hub.bind(endpoint)
  }

  /**
   * Connects to `endpoint`, now or when somebody is there, and again whenever the connection is lost. Returns at once.
   *
   * @throws {@link EndpointError} if the endpoint is malformed; {@link ClosedError}
   */
  connect(endpoint: string): void {
    this.#hub.connect(endpoint, undefined)
  }

  /**
   * Stops accepting peers at a bound endpoint, and parts with those who came through it.
   *
   * @returns a promise that resolves when the port or path is free
   * @throws {@link EndpointError} (`ENOENT`) if this socket is not bound to it; {@link ClosedError} (as rejections)
   */
  async unbind(endpoint: string): Promise<void> {
    await this.#hub.unbind(endpoint)
  }

  /**
   * Parts with a connected endpoint. What was queued for it goes to the others, else it lingers.
   *
   * @throws {@link EndpointError} (`ENOENT`) if this socket is not connected to it; {@link ClosedError}
   */
  disconnect(endpoint: string): void {
    this.#hub.disconnect(endpoint)
  }

  /**
   * Sends what was accepted for up to `linger` ms, then discards and counts the rest. Iterators end at once, and calls
   * that wait reject with {@link ClosedError}.
   *
   * @returns a promise that resolves when ports are free and nothing is left open
   * @throws {@link OptionError} if `linger` is not -1 or a number of ms
   */
  close(options: CloseOptions = {}): Promise<void> {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("options", `The options of close() must be an object, got ${describe(options)}`)
    }
    const { linger = this.#hub.options.linger } = options
    if (typeof linger !== "number" || !(linger >= 0 || linger === -1)) {
      throw new OptionError("linger", `linger must be -1 or a number of ms of at least 0, got ${describe(linger)}`)
    }
    return this.#hub.close(linger)
  }

  /**
   * Takes no new peers and no new messages in, hands out what has arrived, ends the iterators, then closes. Resolves
   * when all that is done; somebody has to go on receiving until then.
   *
   * @throws {@link ClosedError} (as a rejection) if the socket is closed already
   */
  drain(): Promise<void> {
    return this.#hub.drain()
  }

  /** Closes the socket at the end of the block of an `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whether the socket is closed, or being closed. */
  get closed(): boolean {
    return this.#hub.closing !== undefined
  }

  /** The type of its RFC, in capitals. */
  get type(): SocketType {
    // Of public classes, and no other is ever looked at as one.
    return this.#hub.type as SocketType
  }

  /** The options in force: what was given, and the defaults of the rest. */
  get options(): Readonly<Partial<ResolvedOptions>> {
    if (this.#options === undefined) {
      const all = this.#hub.options
      this.#options = Object.freeze(
        Object.fromEntries(applicableOptions(this.#class).map((name) => [name, all[name]])),
      ) as Readonly<Partial<ResolvedOptions>>
    }
    return this.#options
  }

  /** Whether a receive would act now. */
  get readable(): boolean {
    return this.#hub.inbox?.ready ?? false
  }

  /** Whether a send would act now. */
  get writable(): boolean {
    return this.#hub.outbox?.ready ?? false
  }

  /** Bound endpoints, as really bound, and connected ones, as given. */
  get endpoints(): readonly string[] {
    return this.#hub.endpoints
  }

  /** Who is connected. */
  get peers(): readonly Peer[] {
    return this.#hub.peers
  }

  /**
   * Resolves when at least `count` peers are connected, their handshakes complete.
   *
   * @throws {@link TimeoutError}, {@link AbortError}, {@link ClosedError}, or {@link UnreachableError} when every
   * endpoint has been given up for good (as rejections)
   */
  waitForPeers(count: number = 1, options: WaitOptions = {}): Promise<void> {
    return this.#hub.waitForPeers(count, options)
  }

  /** What happens to this socket, as it happens. */
  get events(): Monitor {
    return this.#hub.monitor
  }

  /** Counters of this socket over all its peers. */
  get stats(): SocketStats {
    return this.#hub.stats
  }

  /** Lets the socket keep the process alive while it has an endpoint: so it is, until {@link Socket.unref}. */
  ref(): this {
    this.#hub.ref()
    return this
  }

  /** Lets the process end although this socket is open; what it has queued is lost then. */
  unref(): this {
    this.#hub.unref()
    return this
  }
}
