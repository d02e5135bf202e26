// The way of messages into datagrams and out of them. Nobody is at the other end, or anybody: what is sent is in the
// hands of the network, and what arrives is taken while there is room for it. All that is lost here is counted.

import type { RemoteInfo, Socket } from "node:dgram"
import type { Bytes } from "../../bytes.ts"
import { atEndOfTick } from "../../clock.ts"
import { chargeOf, type Message, sizeOf } from "../../message.ts"
import type { Link, Pipe } from "../../pipe/pipe.ts"
import type { SocketHost } from "../transport.ts"
import { type DatagramFormat, mapped, type Outgoing, type Target } from "./format.ts"

/** Datagrams given to the system whose fate it has not told yet. */
const MOST_IN_FLIGHT = 64

export class DatagramLink implements Link {
  readonly done: Promise<void>
  readonly #host: SocketHost
  readonly #pipe: Pipe
  readonly #socket: Socket
  readonly #format: DatagramFormat
  /** Whether the socket is one of both families. */
  readonly #both: boolean
  /** Where everything goes, once that is known; undefined where every message says so itself. */
  #target: Target | undefined
  #state: "opening" | "open" | "over" = "opening"
  #finishing = false
  #stuck = false
  #scheduled = false
  #halted = false
  #inFlight = 0
  #resolveDone: () => void = () => {}

  constructor(host: SocketHost, pipe: Pipe, socket: Socket, format: DatagramFormat) {
    this.#host = host
    this.#pipe = pipe
    this.#socket = socket
    this.#format = format
    this.#both = socket.address().family === "IPv6"
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve
    })
    socket.on("message", (octets, from) => this.#received(octets, from))
    socket.on("error", (error) => this.#leave(error))
  }

  /** What was queued goes out. */
  open(target?: Target): void {
    this.#target = target
    if (this.#state === "opening") this.#state = "open"
    this.#write()
  }

  /** It is not known how long it takes until it can be opened: a link that is to end does not wait for it. */
  stuck(): void {
    if (this.#finishing) this.#leave(undefined)
    else this.#stuck = true
  }

  // ── what the pipe asks for ─────────────────────────────────────────────────────────────────────────────────────

  check(message: Message): void {
    this.#format.check(message)
  }

  pass(): boolean {
    return false
  }

  flush(urgent: boolean): void {
    if (urgent) this.#write()
    else if (!this.#scheduled) {
      this.#scheduled = true
      atEndOfTick(() => {
        this.#scheduled = false
        this.#write()
      })
    }
  }

  /** What came while there was no room is gone. */
  resume(): void {}

  /** Nobody can be told. */
  subscribe(): void {}

  halt(): void {
    this.#halted = true
  }

  finish(): void {
    this.#halted = true
    this.#finishing = true
    if (this.#state === "opening" && this.#stuck) this.#leave(undefined)
    else this.#write()
  }

  end(reason?: Error): void {
    this.#leave(reason)
  }

  // ── out ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #write(): void {
    if (this.#state !== "open") return
    const { outbound } = this.#pipe
    while (outbound.length > 0 && this.#inFlight < MOST_IN_FLIGHT) {
      const charge = outbound.headCharge
      const message = outbound.shift() as Message
      if (chargeOf(message) === charge) this.#send(message)
      else this.#host.dropped("detached", 1, this.#pipe)
    }
    this.#pipe.relieve()
    if (this.#finishing && outbound.length === 0 && this.#inFlight === 0) this.#leave(undefined)
  }

  #send(message: Message): void {
    const outgoing = this.#format.encode(message)
    const target = outgoing?.target ?? this.#target
    if (outgoing === undefined || target === undefined) {
      this.#host.dropped("unroutable", 1, this.#pipe)
      return
    }
    this.#inFlight++
    this.#give(outgoing, target, (error) => {
      this.#inFlight--
      if (error) this.#host.dropped("in-flight", 1, this.#pipe)
      else this.#count("Sent", sizeOf(message))
      this.#write()
    })
  }

  #give({ octets }: Outgoing, { host, port }: Target, told: (error: Error | null) => void): void {
    try {
      this.#socket.send(octets, port, this.#both ? mapped(host) : host, told)
    } catch (error) {
      atEndOfTick(() => told(error as Error))
    }
  }

  // ── in ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #received(octets: Bytes, from: RemoteInfo): void {
    const host = this.#host
    const pipe = this.#pipe
    const { address, port } = from
    // To a socket of both families, senders of IPv4 look like this.
    const message = this.#format.decode(octets, { host: address.replace(/^::ffff:(?=[0-9.]+$)/, ""), port })
    if (this.#halted || this.#state === "over") host.dropped("unread", 1, pipe)
    else if (message === undefined || octets.length > host.options.maxMessageSize) host.dropped("unexpected", 1, pipe)
    else if (!pipe.wantsMore) host.dropped("high-water-mark", 1, pipe)
    else {
      this.#count("Received", sizeOf(message))
      pipe.deliver(message)
    }
  }

  // ── within ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #count(way: "Sent" | "Received", octets: number): void {
    const peer = this.#pipe.peer
    for (const stats of peer === undefined ? [this.#host.stats] : [this.#host.stats, peer.stats]) {
      stats[`messages${way}`]++
      stats[`bytes${way}`] += octets
    }
  }

  #leave(error: Error | undefined): void {
    if (this.#state === "over") return
    this.#state = "over"
    const pipe = this.#pipe
    const { monitor } = this.#host
    if (pipe.state === "ready" || pipe.state === "leaving") {
      monitor.emit({ type: "disconnect", endpoint: pipe.endpoint, peer: pipe.peer, error })
    }
    this.#host.release(pipe, error)
    this.#socket.close(() => this.#resolveDone())
  }
}
