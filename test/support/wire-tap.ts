// A TCP relay before an endpoint: hears what passes, and can fall silent without closing anything, as a peer does that
// has vanished. It changes nothing.

import { once } from "node:events"
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net"

export class WireTap {
  /** Where to connect instead. */
  readonly endpoint: string
  /** Connections so far. */
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #heard: string[] = []
  #silent = new WeakSet<Socket>()
  #wake: () => void = () => {}

  private constructor(server: Server, endpoint: string) {
    this.#server = server
    this.endpoint = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
    const { hostname, port } = new URL(endpoint)
    server.on("connection", (near) => {
      this.connections++
      const far = dial(Number(port), hostname)
      this.#relay(near, far)
      this.#relay(far, near)
    })
  }

  /** Listens before `endpoint`, which is one of tcp. */
  static async before(endpoint: string): Promise<WireTap> {
    const server = createServer()
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new WireTap(server, endpoint)
  }

  /** Commands of that name that have passed, both ways together. */
  heard(name: string): number {
    // A command has the length of its name in front.
    const pattern = String.fromCharCode(name.length) + name
    return this.#heard.reduce((sum, octets) => sum + octets.split(pattern).length - 1, 0)
  }

  /** Resolves when so many commands of that name have passed since the beginning, both ways together. */
  async passed(name: string, times: number): Promise<void> {
    while (this.heard(name) < times) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** From now on nothing passes on the connections that are there; those to come are not concerned. */
  fallSilent(): void {
    for (const socket of this.#sockets) this.#silent.add(socket)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, "close")
  }

  #relay(from: Socket, to: Socket): void {
    const stream = this.#heard.push("") - 1
    this.#sockets.add(from)
    from.on("error", () => {})
    from.on("data", (chunk) => {
      if (this.#silent.has(from)) return
      this.#heard[stream] += chunk.toString("latin1")
      to.write(chunk)
      this.#wake()
    })
    from.on("close", () => {
      this.#sockets.delete(from)
      if (!this.#silent.has(from)) to.destroy()
    })
  }
}
