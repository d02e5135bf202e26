// A relay before the three ports of a server, which a test may cut as often as it likes.

import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { CloneServer } from "brokerless/patterns/clone"
import { LOOPBACK } from "../../../test/support/loopback.ts"

/** An endpoint at which nobody is, with two such behind it. */
export async function vacant(): Promise<string> {
  const server = new CloneServer()
  try {
    return await server.bind(`tcp://${LOOPBACK}:*`)
  } finally {
    await server.close()
  }
}

export class Relay {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  /** Passes on what comes to `endpoint` and the two ports behind it. */
  static async open(endpoint: string, target: string): Promise<Relay> {
    const relay = new Relay()
    for (const offset of [0, 1, 2]) {
      const server = createServer((near) => {
        const far = connect(portOf(target) + offset, hostOf(target))
        for (const [socket, other] of [
          [near, far],
          [far, near],
        ] as const) {
          relay.#sockets.add(socket)
          socket.on("error", () => {})
          socket.on("close", () => {
            relay.#sockets.delete(socket)
            other.destroy()
          })
          socket.pipe(other)
        }
      })
      relay.#servers.push(server)
      server.listen(portOf(endpoint) + offset, LOOPBACK)
      await once(server, "listening")
    }
    return relay
  }

  /** Ends all connections there are; others may come. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => once(server, "close"))
    for (const server of this.#servers) server.close()
    this.cut()
    await Promise.all(closed)
  }
}

function portOf(endpoint: string): number {
  return Number(endpoint.slice(endpoint.lastIndexOf(":") + 1))
}

function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname
}
