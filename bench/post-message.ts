// What Node.js itself offers between threads: a port, and a structured clone of each message. The thread that receives
// lays the port to the one that sends, which lets the event loop turn every so often, because nothing makes it wait.

import { once } from "node:events"
import { MessageChannel, type MessagePort, postMessageToThread, threadId } from "node:worker_threads"
import type { Contender, Receiving, Sending } from "./contender.ts"

const TURN_EVERY = 1000

class PortSender implements Sending {
  #port: MessagePort | undefined
  #sent = 0

  async listen(): Promise<string> {
    void once(process, "workerMessage").then(([{ port }]) => {
      this.#port = port
    })
    return `${threadId}`
  }

  connect(): void {
    throw new Error("The thread that receives connects")
  }

  send(message: Buffer | Buffer[]): Promise<void> {
    this.#port?.postMessage(message)
    if (++this.#sent % TURN_EVERY > 0) return Promise.resolve()
    return new Promise((resolve) => setImmediate(resolve))
  }

  close(): void {
    this.#port?.close()
  }
}

class PortReceiver implements Receiving {
  readonly #channel = new MessageChannel()

  connect(endpoint: string): void {
    const { port2 } = this.#channel
    void postMessageToThread(Number(endpoint), { port: port2 }, [port2])
  }

  async receive(): Promise<Buffer[]> {
    const [message] = await once(this.#channel.port1, "message")
    return [message]
  }

  each(listener: (message: Buffer[]) => void): void {
    this.#channel.port1.on("message", (message: Buffer) => listener([message]))
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Buffer[]> {
    for (;;) yield await this.receive()
  }

  close(): void {
    this.#channel.port1.close()
  }
}

function unable(): never {
  throw new Error("postMessage knows no sockets")
}

export const postMessage: Contender = {
  push: () => new PortSender(),
  pull: () => new PortReceiver(),
  publisher: unable,
  subscriber: unable,
  request: unable,
  reply: unable,
  dealer: unable,
  router: unable,
  bind: (socket) => (socket as PortSender).listen(),
  takesMany: (_socket): _socket is never => false,
  each: (socket, listener) => (socket as PortReceiver).each(listener),
  written: () => undefined,
}
