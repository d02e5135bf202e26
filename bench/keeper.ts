// Receives a stream of small frames and keeps a few of them, as a cache or a last-value table does.

import type { Pull } from "brokerless"
import { type MemoryReading, readMemory } from "./memory-reading.ts"

export class Keeper {
  #socket: Pull | undefined
  #kept: Buffer[] = []

  async open(endpoint: string): Promise<void> {
    const { Pull } = await import("brokerless")
    this.#socket = new Pull()
    this.#socket.connect(endpoint)
  }

  /** Receives that many messages and keeps one of every `interval`. */
  async keep(messages: number, interval: number): Promise<number> {
    const socket = this.#socket as Pull
    for (let i = 1; i <= messages; i++) {
      const message = await socket.receive()
      if (i % interval === 0) this.#kept.push(message[0] as Buffer)
    }
    return this.#kept.length
  }

  /** Lets go of everything kept. */
  release(): void {
    this.#kept = []
  }

  read(): Promise<MemoryReading> {
    return readMemory()
  }
}
