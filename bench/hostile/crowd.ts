// Bare connections by the thousand: they say what they are told to and keep quiet otherwise. A role of a worker process,
// so that what they cost is not measured with what is attacked.

import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setImmediate as nextTurn } from "node:timers/promises"

/** Connections made at once. */
const AT_ONCE = 100

export class Crowd {
  #sockets: Socket[] = []
  #ended = 0

  /** Opens so many connections more; each says these octets, given in hex, as soon as it is open. */
  async open(endpoint: string, connections: number, hex: string): Promise<void> {
    const octets = Buffer.from(hex, "hex")
    for (let left = connections; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(left, AT_ONCE) }, () => this.#dial(endpoint))
      await Promise.all(some.map((socket) => once(socket, "connect")))
      for (const socket of some) if (octets.length > 0) socket.write(octets)
      this.#sockets.push(...some)
    }
  }

  /** Each connection says octets of its own. */
  async say(hexes: string[]): Promise<void> {
    for (const [i, hex] of hexes.entries()) this.#sockets[i]?.write(Buffer.from(hex, "hex"))
    await nextTurn()
  }

  /** Every connection subscribes to `topics` topics of three octets, in the shortest form there is. */
  async subscribe(topics: number, same: boolean): Promise<number> {
    let said = 0
    for (const [i, socket] of this.#sockets.entries()) {
      const octets = Buffer.alloc(topics * 6)
      for (let n = 0; n < topics; n++) {
        // Spread over all there are.
        const topic = ((same ? n : i * topics + n) * 7919) % 0x1000000
        octets.writeUInt32BE(0x00040100 | (topic >>> 16), n * 6)
        octets.writeUInt16BE(topic & 0xffff, n * 6 + 4)
      }
      said += octets.length
      if (!socket.write(octets)) await once(socket, "drain")
    }
    return said
  }

  /** One connection leaves. */
  async leave(index: number): Promise<void> {
    this.#sockets[index]?.destroy()
    await nextTurn()
  }

  /** Connections that the other side has ended. */
  async ended(): Promise<number> {
    return this.#ended
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.splice(0)) socket.destroy()
    await nextTurn()
  }

  #dial(endpoint: string): Socket {
    const socket = dial(endpoint)
    socket.on("error", () => {})
    socket.on("data", () => {})
    socket.once("close", () => this.#ended++)
    return socket
  }
}

/** A connection to an endpoint of tcp or ipc. */
export function dial(endpoint: string): Socket {
  if (endpoint.startsWith("ipc://")) return connect(endpoint.slice("ipc://".length))
  const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"))
  return connect({ host: hostname, port: Number(port) })
}
