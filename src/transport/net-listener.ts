// A server of node:net as a Listener. What an endpoint means, and what is left behind on disk, is the transport's.

import { createServer, type ListenOptions, type Server, type Socket } from "node:net"
import type { EndpointError } from "../errors.ts"
import { NetStream } from "./net-stream.ts"
import type { Listener, ListenerHandler } from "./transport.ts"

/**
 * A server that does not listen yet.
 *
 * @param crowded says why there is no place for an accepted socket, if there is none
 * @param welcome prepares an accepted socket and names its peer; `undefined` when the peer has gone already
 */
export function newServer(
  crowded: (socket: Socket) => EndpointError | undefined,
  welcome: (socket: Socket) => string | undefined,
  handler: ListenerHandler,
): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    const refusal = crowded(socket)
    if (refusal !== undefined) {
      // Its descriptor is free again before the next is accepted.
      socket.destroy()
      handler.failed(refusal)
      return
    }
    const address = welcome(socket)
    if (address === undefined) socket.destroy()
    else handler.accepted(new NetStream(socket, address))
  })
}

/** Starts to listen; rejects with the system's own error. */
export function listening(server: Server, where: ListenOptions, handler: ListenerHandler): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    // Exclusive: a worker of a cluster must not share the port through the primary, nor have its path bound by it.
    server.listen({ ...where, exclusive: true }, () => {
      server.off("error", reject)
      server.on("error", (error) => handler.failed(error))
      resolve()
    })
  })
}

export class NetListener implements Listener {
  readonly endpoint: string
  readonly #server: Server
  readonly #release: (() => void) | undefined

  /** @param release removes what the server leaves behind; called once, while it still listens */
  constructor(endpoint: string, server: Server, release?: () => void) {
    this.endpoint = endpoint
    this.#server = server
    this.#release = release
  }

  // The server's "close" event waits for every accepted connection to end. Its descriptor, and with it the port, is
  // gone as soon as close() returns.
  close(): Promise<void> {
    if (this.#server.listening) {
      this.#release?.()
      this.#server.close()
    }
    return Promise.resolve()
  }

  hold(alive: boolean): void {
    if (alive) this.#server.ref()
    else this.#server.unref()
  }
}
