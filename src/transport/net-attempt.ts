// A connecting socket of node:net as an Attempt: its deadline, its cancelling, and the rule that no socket connects to
// itself. One outcome, told once, never before the constructor has returned.

import type { Socket } from "node:net"
import { after, cancel, type Timer } from "../clock.ts"
import type { EndpointError } from "../errors.ts"
import { asEndpointError, cannot } from "./net-error.ts"
import { NetStream } from "./net-stream.ts"
import type { Attempt, AttemptHandler } from "./transport.ts"

export class NetAttempt implements Attempt {
  readonly #socket: Socket
  readonly #timer: Timer | undefined
  /** Until the outcome. */
  #handler: AttemptHandler | undefined
  #alive = true

  /**
   * @param socket on its way; it belongs to the attempt
   * @param timeout ms; 0 = as long as the system tries
   * @param peerName names the peer of the connected socket; `undefined` when it has gone already
   */
  constructor(
    socket: Socket,
    endpoint: string,
    timeout: number,
    peerName: (socket: Socket) => string | undefined,
    handler: AttemptHandler,
  ) {
    this.#socket = socket
    this.#handler = handler
    // It stays until a stream listens in its place: an error that comes late finds nobody to tell, and does no harm.
    const failed = (error: Error) => this.#fail(asEndpointError("connect to", endpoint, error))
    socket.on("error", failed)
    socket.once("connect", () => {
      const address = peerName(socket)
      if (address === undefined) {
        this.#fail(cannot("connect to", endpoint, "ECONNRESET", "the peer broke off at once"))
      } else if (isSelfConnected(socket)) {
        this.#fail(cannot("connect to", endpoint, "ECONNREFUSED", "it met itself, nobody listens"))
      } else {
        socket.off("error", failed)
        this.#connected(address)
      }
    })
    if (timeout > 0) {
      this.#timer = after(timeout, () =>
        this.#fail(cannot("connect to", endpoint, "ETIMEDOUT", `there was no answer within ${timeout} ms`)),
      )
    }
  }

  cancel(): void {
    this.#settle()
    this.#socket.destroy()
  }

  /** The system's own attempt holds the process whatever is said here, until it ends or the deadline ends it. */
  hold(alive: boolean): void {
    if (this.#handler === undefined) return
    this.#alive = alive
    if (alive) this.#socket.ref()
    else this.#socket.unref()
  }

  #connected(address: string): void {
    if (!this.#alive) this.#socket.ref()
    this.#settle()?.connected(new NetStream(this.#socket, address))
  }

  #fail(error: EndpointError): void {
    const handler = this.#settle()
    if (handler === undefined) return
    this.#socket.destroy()
    handler.failed(error)
  }

  /** Whom to tell; nobody, the second time. */
  #settle(): AttemptHandler | undefined {
    const handler = this.#handler
    this.#handler = undefined
    cancel(this.#timer)
    return handler
  }
}

/**
 * A connect to a free port of this machine whose own port happens to be that one meets itself (a simultaneous open),
 * and holds the port against whoever wanted to listen there.
 */
function isSelfConnected(socket: Socket): boolean {
  const { localPort, localAddress, remotePort, remoteAddress } = socket
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress
}
