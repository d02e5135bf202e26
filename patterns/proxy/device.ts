// A running device: two sockets and the proxy between them, its pauses, its counters, and an end at which what it has
// taken in is passed on.

import {
  type DropReason,
  type MessageLike,
  type Peer,
  type Proxy as ProxyBetween,
  type ProxySocket,
  proxy,
  type Socket,
  type SocketStats,
  type Writable,
} from "brokerless"
import { onAbort } from "../aborts.ts"
import { type ClosingOptions, closingTime, within } from "../closing.ts"
import { Emitter } from "../emitter.ts"

/** A side of a device. */
export type DeviceSide = "frontend" | "backend"

/** What happens to a device. */
export interface DeviceEvents {
  readonly [type: string]: object
  /** A peer is there. */
  join: { readonly side: DeviceSide; readonly peer: Peer }
  /** A peer has left. */
  leave: { readonly side: DeviceSide; readonly peer: Peer }
  /** A side dropped messages; gathered over 100 ms. */
  drop: { readonly side: DeviceSide; readonly reason: DropReason; readonly count: number }
  pause: object
  resume: object
  /** It takes nothing more in, and passes on what it has. */
  drain: object
  /** All is over; whether all that had been taken in was passed on in time. */
  close: { readonly drained: boolean }
}

/** What a device has done. */
export interface DeviceStats {
  /** Messages from the front to the back. */
  readonly forward: number
  /** Messages from the back to the front. */
  readonly backward: number
  /** Octets of both. */
  readonly bytes: number
  /** Copies that the capture socket had no room for. */
  readonly missed: number
  /** Counters of the sockets: drops by reason, queues, peers. */
  readonly frontend: SocketStats
  readonly backend: SocketStats
}

interface DeviceSetup {
  readonly kind: "forwarder" | "queue" | "streamer"
  readonly frontend: ProxySocket
  readonly backend: ProxySocket
  readonly capture: (Socket & Writable<MessageLike>) | undefined
  readonly ownCapture: boolean
  readonly signal: AbortSignal | undefined
}

const EVENTS = ["join", "leave", "drop", "pause", "resume", "drain", "close"] as const

/** ms between looks at what is still on its way. */
const LOOK_MS = 5

/** A running device. It is made by `forwarder`, `queue` or `streamer`. */
export class Device implements AsyncDisposable {
  /** What happens. */
  readonly events: Emitter<DeviceEvents> = new Emitter<DeviceEvents>([...EVENTS])
  /** Resolves when the device is closed: by `close`, by its signal, or because one of its sockets was. */
  readonly finished: Promise<void>
  readonly #setup: DeviceSetup
  readonly #proxy: ProxyBetween
  readonly #forgo: () => void
  #paused = false
  #closing: Promise<void> | undefined
  #finish: () => void = () => {}

  /** @internal */
  constructor(setup: DeviceSetup) {
    this.#setup = setup
    const { frontend, backend, capture, signal } = setup
    this.#proxy = proxy(frontend, backend, { capture })
    this.#watch("frontend", frontend)
    this.#watch("backend", backend)
    this.finished = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.#forgo = onAbort(signal, () => void this.close())
    void this.#proxy.finished.then(() => this.close())
  }

  /** Where the front is: bound endpoints as really bound, and connected ones. */
  get frontend(): readonly string[] {
    return this.#setup.frontend.endpoints
  }

  /** Where the back is. */
  get backend(): readonly string[] {
    return this.#setup.backend.endpoints
  }

  /** Where the capture socket is; none without one. */
  get capture(): readonly string[] {
    return this.#setup.capture?.endpoints ?? []
  }

  get paused(): boolean {
    return this.#paused
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** What has passed so far. */
  get stats(): DeviceStats {
    const { frontend, backend } = this.#setup
    return { ...this.#proxy.stats, frontend: frontend.stats, backend: backend.stats }
  }

  /** Stops passing anything on. Peers can send until the queues are full, and then wait. */
  pause(): void {
    if (this.#paused || this.closed) return
    this.#paused = true
    this.#proxy.pause()
    this.events.emit("pause", {})
  }

  /** Goes on after {@link Device.pause}. */
  resume(): void {
    if (!this.#paused || this.closed) return
    this.#paused = false
    this.#proxy.resume()
    this.events.emit("resume", {})
  }

  /** Resolves when both sides have so many peers. Errors are those of a socket's `waitForPeers`. */
  async waitForPeers(front: number, back: number, options?: Parameters<Socket["waitForPeers"]>[1]): Promise<void> {
    const { frontend, backend } = this.#setup
    await Promise.all([frontend.waitForPeers(front, options), backend.waitForPeers(back, options)])
  }

  /**
   * Passes on what has come in, waits (a queue) for the answers to it, sends what is queued, and closes the sockets;
   * for up to `timeout` ms (default 10 000), then drops and counts the rest. Further calls get the same promise.
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

  async #end(timeout: number): Promise<void> {
    const { frontend, backend, capture, ownCapture } = this.#setup
    const until = timeout < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeout
    this.#forgo()
    this.#proxy.resume()
    this.events.emit("drain", {})
    const drained = await this.#drain(until)
    this.#proxy.terminate()
    const linger = until === Number.POSITIVE_INFINITY ? -1 : Math.max(0, until - performance.now())
    // What it has in its hand may wait for room for ever; closing the socket ends that.
    await within(Math.max(linger, drained ? LOOK_MS : 0), this.#proxy.finished)
    await Promise.all([frontend, backend].map((socket) => socket.close({ linger })))
    if (ownCapture) await capture?.close({ linger })
    this.events.emit("close", { drained })
    this.events.close()
    this.#finish()
  }

  /** True when all that had come in was passed on, and answered, in time. */
  async #drain(until: number): Promise<boolean> {
    const { kind, frontend, backend } = this.#setup
    // As much as there was, however much comes meanwhile.
    const forward = this.#proxy.stats.forward + frontend.stats.queuedMessages
    const passed = (): boolean => !frontend.readable || this.#proxy.stats.forward >= forward
    if (!(await this.#eventually(passed, until))) return false
    this.#proxy.pause("forward")
    const answered = (): boolean =>
      backend.peers.length === 0 || this.#proxy.stats.backward >= this.#proxy.stats.forward
    return kind !== "queue" || (await this.#eventually(answered, until))
  }

  async #eventually(condition: () => boolean, until: number): Promise<boolean> {
    const { frontend, backend } = this.#setup
    while (!condition()) {
      if (performance.now() >= until || frontend.closed || backend.closed) return false
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    return true
  }

  #watch(side: DeviceSide, socket: Socket): void {
    socket.events.on("peer:join", ({ peer }) => this.events.emit("join", { side, peer }))
    socket.events.on("peer:leave", ({ peer }) => this.events.emit("leave", { side, peer }))
    socket.events.on("message:dropped", ({ reason, count }) => this.events.emit("drop", { side, reason, count }))
  }
}
