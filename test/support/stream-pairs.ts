// Listeners, connections and pairs of connected streams for the tests of stream transports, and their clearing away.

import { fromString } from "../../src/bytes.ts"
import { type Endpoint, parseEndpoint } from "../../src/endpoint.ts"
import type { ByteStream, Listener, StreamOptions, StreamTransport } from "../../src/transport/transport.ts"
import { StreamRecorder } from "./stream-recorder.ts"

export const STREAM_OPTIONS: StreamOptions = {
  backlog: 511,
  connectTimeout: 10_000,
  noDelay: true,
  tcpKeepalive: true,
  tcpKeepaliveIdle: 60_000,
  ipv6: true,
  ipcMode: 0o600,
  maxOpenFiles: 0,
}

/** A listener whose accepted streams can be waited for, in their order. */
export class TestListener {
  readonly listener: Listener
  readonly errors: Error[] = []
  readonly #streams: ByteStream[]
  readonly #waiting: ((stream: ByteStream) => void)[]

  constructor(listener: Listener, streams: ByteStream[], waiting: ((stream: ByteStream) => void)[]) {
    this.listener = listener
    this.#streams = streams
    this.#waiting = waiting
  }

  get endpoint(): string {
    return this.listener.endpoint
  }

  accept(): Promise<ByteStream> {
    const stream = this.#streams.shift()
    return stream ? Promise.resolve(stream) : new Promise((resolve) => this.#waiting.push(resolve))
  }
}

/** Both ends of one connection. */
export interface Pair {
  /** The end that connected. */
  readonly near: StreamRecorder
  /** The end that was accepted. */
  readonly far: StreamRecorder
}

/** Opens things over one transport, and closes all of them. */
export class StreamPairs {
  readonly #transport: StreamTransport
  readonly #listeners: Listener[] = []
  readonly #streams: ByteStream[] = []

  constructor(transport: StreamTransport) {
    this.#transport = transport
  }

  async listen(endpoint: string, options: Partial<StreamOptions> = {}): Promise<TestListener> {
    const streams: ByteStream[] = []
    const waiting: ((stream: ByteStream) => void)[] = []
    const errors: Error[] = []
    const listener = await this.#transport.listen(
      parseEndpoint(endpoint, "bind"),
      { ...STREAM_OPTIONS, ...options },
      {
        accepted: (stream) => {
          this.#streams.push(stream)
          const next = waiting.shift()
          if (next) next(stream)
          else streams.push(stream)
        },
        failed: (error) => errors.push(error),
      },
    )
    this.#listeners.push(listener)
    return new TestListener(listener, streams, waiting)
  }

  /** Rejects with what the attempt failed of. */
  connect(endpoint: string | Endpoint, options: Partial<StreamOptions> = {}): Promise<ByteStream> {
    const parsed = typeof endpoint === "string" ? parseEndpoint(endpoint, "connect") : endpoint
    return new Promise((resolve, reject) => {
      this.#transport.connect(
        parsed,
        { ...STREAM_OPTIONS, ...options },
        {
          connected: (stream) => {
            this.#streams.push(stream)
            resolve(stream)
          },
          failed: reject,
        },
      )
    })
  }

  /** Connects, and waits for the other end. */
  async pair(server: TestListener, endpoint: string = server.endpoint): Promise<Pair> {
    const [near, far] = await Promise.all([this.connect(endpoint), server.accept()])
    return { near: new StreamRecorder(near), far: new StreamRecorder(far) }
  }

  /** As `pair`, past connections that others have made and given up. */
  async pairAmongOthers(server: TestListener, endpoint: string = server.endpoint): Promise<Pair> {
    const near = new StreamRecorder(await this.connect(endpoint))
    near.stream.write([fromString("it is me")])
    for (;;) {
      const far = new StreamRecorder(await server.accept())
      await far.until(() => far.received >= 8 || far.ends + far.closures.length > 0)
      if (far.content.toString() === "it is me") return { near, far }
    }
  }

  async clear(): Promise<void> {
    for (const stream of this.#streams.splice(0)) stream.destroy()
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()))
  }
}

/** A few octets there and back: whatever was under way before has arrived after it. */
export async function roundTrip({ near, far }: Pair): Promise<void> {
  const atFar = far.received + 4
  const atNear = near.received + 4
  near.stream.write([fromString("ping")])
  await far.untilReceived(atFar)
  far.stream.write([fromString("pong")])
  await near.untilReceived(atNear)
}

/** Sockets and servers that keep the event loop alive, by kind. */
export function openHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|Pipe)(Server|Socket)?(Wrap|ConnectWrap)$/.test(name))
    .length
}

/** Resolves in the turn in which it is true. */
export async function eventually(met: () => boolean): Promise<void> {
  while (!met()) await new Promise((resolve) => setImmediate(resolve))
}
