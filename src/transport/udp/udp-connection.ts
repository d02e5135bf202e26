// A connected endpoint of datagrams. Where they go is found out once; there is no connection that could be lost.

import { after, cancel, type Timer } from "../../clock.ts"
import type { UdpEndpoint } from "../../endpoint.ts"
import type { Pipe } from "../../pipe/pipe.ts"
import type { Connection, SocketHost } from "../transport.ts"
import { DatagramLink } from "./datagram-link.ts"
import { addressOf, resolved, sendingSocket } from "./datagram-socket.ts"
import { factsOf } from "./facts.ts"
import { GROUPED } from "./format.ts"

export class UdpConnection implements Connection {
  readonly endpoint: string
  readonly pipe: Pipe
  readonly #target: UdpEndpoint
  readonly #host: SocketHost
  readonly #link: DatagramLink
  readonly #ipv6: boolean
  #wait: Timer | undefined
  #closed = false

  /** Throws an {@link EndpointError} for what cannot be reached from here at all. */
  constructor(target: UdpEndpoint, host: SocketHost) {
    const { ipv6 } = host.options
    const address = addressOf("connect to", target, ipv6)
    // A name may turn out to be of either family.
    this.#ipv6 = ipv6 && (address === undefined || address.includes(":"))
    const socket = sendingSocket(target, this.#ipv6, host.multicastHops)
    this.endpoint = target.text
    this.#target = target
    this.#host = host
    this.pipe = host.createPipe(target.text, true)
    this.#link = new DatagramLink(host, this.pipe, socket, GROUPED)
    this.pipe.link = this.#link
    void this.#link.done.then(() => this.#ended())
    host.admit(this.pipe, factsOf(target, target.text))
    if (address === undefined) this.#resolve()
    else this.#open(address)
  }

  close(): void {
    this.#closed = true
    if (this.#wait === undefined) return
    cancel(this.#wait)
    this.#link.stuck()
  }

  #open(address: string): void {
    this.#link.open({ host: address, port: this.#target.port })
  }

  #resolve(): void {
    this.#wait = undefined
    resolved("connect to", this.#target, this.#ipv6).then(
      (address) => this.#open(address),
      (error: Error) => this.#later(error),
    )
  }

  #later(error: Error): void {
    const { monitor, options } = this.#host
    const { reconnectInterval: interval } = options
    if (this.#closed || interval < 0) {
      this.#link.end(error)
      return
    }
    monitor.emit({ type: "connect:delay", endpoint: this.endpoint })
    monitor.emit({ type: "connect:retry", endpoint: this.endpoint, interval })
    this.#wait = after(interval, () => this.#resolve())
    this.#link.stuck()
  }

  #ended(): void {
    cancel(this.#wait)
    if (this.#closed) return
    this.#closed = true
    this.#host.gaveUp(this, undefined)
  }
}
