// Connects, shakes hands and leaves, over and over. A role of a worker process.

import { greeting, ready } from "../../test/support/raw-peer.ts"
import { dial } from "./crowd.ts"

const HELLO = Buffer.concat([greeting(), ready("PUSH")])
/** What the other side says until its handshake is complete: a greeting and a READY of more than this. */
const ANSWER = 64 + 20

export class Cycler {
  /** So many cycles, `atOnce` of them at a time. */
  async cycle(endpoint: string, cycles: number, atOnce: number): Promise<void> {
    let left = cycles
    const lanes = Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await cycle(endpoint)
    })
    await Promise.all(lanes)
  }
}

function cycle(endpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = dial(endpoint)
    let heard = 0
    socket.on("data", (chunk) => {
      heard += chunk.length
      if (heard >= ANSWER) socket.end()
    })
    socket.on("error", reject)
    socket.once("close", () => resolve())
    socket.write(HELLO)
  })
}
