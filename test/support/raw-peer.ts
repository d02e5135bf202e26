// A peer made of a bare TCP or ipc connection: it says exactly what a test tells it to, legal or not, and shows what came back.
// Written from the RFC, with nothing of src/, so that an error in there cannot hide itself.

import { once } from "node:events"
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from "node:net"

/** A frame as it stood on the wire. */
export interface RawFrame {
  readonly flags: number
  readonly body: Buffer
  /** Octets of the header: 2 for the short form, 9 for the long one. */
  readonly header: number
}

const MORE = 1
const LONG = 2
const COMMAND = 4

/** The 64 octets with which a connection begins. */
export function greeting({
  major = 3,
  minor = 1,
  mechanism = "NULL",
  asServer = false,
}: {
  major?: number
  minor?: number
  mechanism?: string
  asServer?: boolean
} = {}): Buffer {
  const octets = Buffer.alloc(64)
  octets[0] = 0xff
  octets[9] = 0x7f
  octets[10] = major
  octets[11] = minor
  octets.write(mechanism, 12, "latin1")
  octets[32] = asServer ? 1 : 0
  return octets
}

export function frame(body: string | Buffer, flags = 0): Buffer {
  const octets = Buffer.from(body)
  if (octets.length > 255) return Buffer.concat([longHeader(octets.length, flags), octets])
  return Buffer.concat([Buffer.from([flags, octets.length]), octets])
}

/** The header of a long frame that may announce anything. */
export function longHeader(size: number | bigint, flags = 0): Buffer {
  const header = Buffer.alloc(9)
  header[0] = flags | LONG
  header.writeBigUInt64BE(BigInt(size), 1)
  return header
}

/** A whole message. */
export function message(...bodies: (string | Buffer)[]): Buffer {
  return Buffer.concat(bodies.map((body, i) => frame(body, i < bodies.length - 1 ? MORE : 0)))
}

export function command(name: string, data: string | Buffer = ""): Buffer {
  return frame(Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from(data)]), COMMAND)
}

export function property(name: string, value: string | Buffer): Buffer {
  const octets = Buffer.from(value)
  const size = Buffer.alloc(4)
  size.writeUInt32BE(octets.length)
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), size, octets])
}

export function ready(socketType: string): Buffer {
  return command("READY", property("Socket-Type", socketType))
}

/** The name of a command frame, or nothing for a message frame. */
export function commandName({ flags, body }: RawFrame): string | undefined {
  return flags & COMMAND ? body.toString("latin1", 1, 1 + (body[0] ?? 0)) : undefined
}

/** What stands behind the name of a command. */
export function commandData({ body }: RawFrame): Buffer {
  return body.subarray(1 + (body[0] ?? 0))
}

export class RawPeer implements Disposable {
  readonly socket: Socket
  /** Resolves when the connection is over, for whatever reason. */
  readonly closed: Promise<void>
  #octets: Buffer = Buffer.alloc(0)
  #greeted = false
  #wake: () => void = () => {}
  #over = false

  constructor(socket: Socket) {
    this.socket = socket
    // A reset is one of the ways in which a connection ends, and never a surprise here.
    socket.on("error", () => {})
    socket.on("data", (chunk) => {
      this.#octets = Buffer.concat([this.#octets, chunk])
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#over = true
        this.#wake()
        resolve()
      })
    })
  }

  static async connect(endpoint: string): Promise<RawPeer> {
    const peer = new RawPeer(dial(addressOf(endpoint)))
    await once(peer.socket, "connect")
    return peer
  }

  /** Connects and completes the handshake. */
  static async join(endpoint: string, socketType: string, { minor = 1 }: { minor?: number } = {}): Promise<RawPeer> {
    const peer = await RawPeer.connect(endpoint)
    await peer.handshake(socketType, { minor })
    return peer
  }

  async handshake(socketType: string, { minor = 1 }: { minor?: number } = {}): Promise<void> {
    this.send(greeting({ minor }), ready(socketType))
    while (commandName(await this.next()) !== "READY");
  }

  send(...octets: Buffer[]): void {
    this.socket.write(Buffer.concat(octets))
  }

  /** The next frame of the other side; rejects when the connection ends before it. */
  async next(): Promise<RawFrame> {
    for (;;) {
      const found = this.#take()
      if (found !== undefined) return found
      if (this.#over) throw new Error("The connection ended before another frame came")
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The next frame that is not a PING. */
  async nextOfNote(): Promise<RawFrame> {
    for (;;) {
      const found = await this.next()
      if (commandName(found) !== "PING") return found
    }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #take(): RawFrame | undefined {
    if (!this.#greeted) {
      if (this.#octets.length < 64) return undefined
      this.#octets = this.#octets.subarray(64)
      this.#greeted = true
    }
    const octets = this.#octets
    const flags = octets[0]
    if (flags === undefined) return undefined
    const header = flags & LONG ? 9 : 2
    if (octets.length < header) return undefined
    const size = header === 9 ? Number(octets.readBigUInt64BE(1)) : (octets[1] as number)
    if (octets.length < header + size) return undefined
    this.#octets = octets.subarray(header + size)
    return { flags, header, body: octets.subarray(header, header + size) }
  }
}

function addressOf(endpoint: string): { path: string } | { host: string; port: number } {
  if (endpoint.startsWith("ipc://")) return { path: endpoint.slice("ipc://".length) }
  const { hostname, port } = new URL(endpoint.replace("tcp:", "http:"))
  return { host: hostname, port: Number(port) }
}

/** A bare TCP or ipc server whose accepted connections can be waited for, in their order. */
export class RawServer implements AsyncDisposable {
  readonly endpoint: string
  readonly #server: Server
  readonly #peers: RawPeer[] = []
  readonly #all: RawPeer[] = []
  #wake: () => void = () => {}

  private constructor(server: Server) {
    this.#server = server
    const address = server.address() as AddressInfo | string
    this.endpoint = typeof address === "string" ? `ipc://${address}` : `tcp://127.0.0.1:${address.port}`
    server.on("connection", (socket) => {
      const peer = new RawPeer(socket)
      this.#peers.push(peer)
      this.#all.push(peer)
      this.#wake()
    })
  }

  /** At a port of its own, or at the path of an ipc endpoint. */
  static async listen(endpoint?: string): Promise<RawServer> {
    const server = createServer()
    if (endpoint?.startsWith("ipc://")) server.listen(endpoint.slice("ipc://".length))
    else server.listen(0, "127.0.0.1")
    await once(server, "listening")
    return new RawServer(server)
  }

  async accept(): Promise<RawPeer> {
    for (;;) {
      const peer = this.#peers.shift()
      if (peer !== undefined) return peer
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Accepts and completes the handshake. */
  async admit(socketType: string, { minor = 1 }: { minor?: number } = {}): Promise<RawPeer> {
    const peer = await this.accept()
    await peer.handshake(socketType, { minor })
    return peer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#all) peer.socket.destroy()
    this.#server.close()
    await once(this.#server, "close")
  }
}
