// Two ends of many connections over which nothing happens. They import the library only when they are needed, because
// the process they live in may be measuring another one.

import type { Pull, Push } from "brokerless"
import { type MemoryReading, readMemory } from "./memory-reading.ts"

/** One socket, bound to many endpoints. */
export class Hub {
  #socket: Pull | undefined
  #received = 0
  #awaited = 0
  #arrived: (() => void) | undefined

  /** A listener for each connection, so that one socket can connect to all; what they cost is not in the difference. */
  async open(connections: number): Promise<string[]> {
    const { Pull } = await import("brokerless")
    this.#socket = new Pull()
    void this.#receive(this.#socket)
    const endpoints: string[] = []
    for (let i = 0; i < connections; i++) endpoints.push(await this.#socket.bind("tcp://127.0.0.1:*"))
    return endpoints
  }

  async #receive(socket: Pull): Promise<void> {
    for await (const _ of socket) if (++this.#received === this.#awaited) this.#arrived?.()
  }

  async connected(peers: number): Promise<void> {
    await this.#socket?.waitForPeers(peers)
  }

  /** Resolves when that many messages have arrived since the beginning. */
  async arrived(messages: number): Promise<void> {
    if (this.#received >= messages) return
    this.#awaited = messages
    await new Promise<void>((resolve) => {
      this.#arrived = resolve
    })
  }

  read(): Promise<MemoryReading> {
    return readMemory()
  }
}

/** The other ends of those connections: all of one socket, or each of a socket of its own. */
export class Spokes {
  #sockets: Push[] = []

  async open(endpoints: string[], socketEach: boolean): Promise<void> {
    const { Push } = await import("brokerless")
    const sockets: Push[] = []
    for (const endpoint of endpoints) {
      const socket = sockets[0] === undefined || socketEach ? new Push() : sockets[0]
      if (socket !== sockets[0]) sockets.push(socket)
      socket.connect(endpoint)
    }
    await Promise.all(sockets.map((socket) => socket.waitForPeers(endpoints.length / sockets.length)))
    this.#sockets.push(...sockets)
  }

  /** Sends that many messages, which the sockets and their peers share evenly. */
  async send(messages: number): Promise<void> {
    const payload = Buffer.alloc(100, 42)
    for (let i = 0; i < messages; i++) await this.#sockets[i % this.#sockets.length]?.send(payload)
  }

  read(): Promise<MemoryReading> {
    return readMemory()
  }
}
