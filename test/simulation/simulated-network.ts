// The simulated network, in the place of the tcp transport: who listens, who connects, and what goes wrong on the way.
// It knows nothing of messages, but for the marks that its streams count.

import type { Endpoint } from "../../src/endpoint.ts"
import type {
  Attempt,
  AttemptHandler,
  Listener,
  ListenerHandler,
  StreamOptions,
  StreamTransport,
} from "../../src/transport/transport.ts"
import type { Random } from "../support/random.ts"
import type { SimulatedClock } from "./simulated-clock.ts"
import { SimulatedStream, type StreamWorld, type Weather } from "./simulated-stream.ts"
import type { Trace } from "./trace.ts"

interface Listening {
  readonly port: number
  readonly owner: number
  readonly handler: ListenerHandler
}

interface Connection {
  readonly client: SimulatedStream
  readonly server: SimulatedStream
}

/** Messages of one socket as the network saw them. */
export interface Witnessed {
  readonly offered: number
  readonly handed: number
}

export class SimulatedNetwork implements StreamTransport, StreamWorld {
  readonly name = "tcp"
  readonly clock: SimulatedClock
  readonly random: Random
  readonly trace: Trace
  /** Once in so many attempts to connect is refused, or hears nothing; 0 = never. */
  mischief = 0
  readonly #weather: Weather
  readonly #listening = new Map<number, Listening>()
  readonly #connections = new Set<Connection>()
  readonly #streams: SimulatedStream[] = []
  #count = 0
  #nextPort = 49_152

  constructor(clock: SimulatedClock, random: Random, trace: Trace) {
    this.clock = clock
    this.random = random
    this.trace = trace
    this.#weather = {
      latency: random.pick([0.02, 0.2, 2, 20]),
      jitter: random.pick([0, 0.1, 5]),
      kernel: random.pick([300, 2000, 20_000, 300_000]),
      slices: random.once(2),
    }
  }

  // ── the transport ──────────────────────────────────────────────────────────────────────────────────────────────

  async listen(endpoint: Endpoint, options: StreamOptions, handler: ListenerHandler): Promise<Listener> {
    const port = portOf(endpoint) || this.#nextPort++
    if (this.#listening.has(port)) {
      throw Object.assign(new Error(`Port ${port} is in use already`), { code: "EADDRINUSE" })
    }
    const listening: Listening = { port, owner: options.backlog, handler }
    this.#listening.set(port, listening)
    return {
      endpoint: `tcp://127.0.0.1:${port}`,
      close: async () => {
        if (this.#listening.get(port) === listening) this.#listening.delete(port)
      },
      hold: () => {},
    }
  }

  connect(endpoint: Endpoint, options: StreamOptions, handler: AttemptHandler): Attempt {
    const attempt = { over: false }
    const settle = (action: () => void): void => {
      if (attempt.over) return
      attempt.over = true
      action()
    }
    const fail = (code: string): void => settle(() => handler.failed(Object.assign(new Error(code), { code })))
    const { clock, random } = this
    const { latency } = this.#weather
    if (options.connectTimeout > 0) clock.after(options.connectTimeout, () => fail("ETIMEDOUT"))
    const deaf = this.mischief > 0 && random.once(this.mischief * 2)
    if (!deaf) clock.after(latency, () => this.#meet(portOf(endpoint), options, settle, handler, fail))
    return {
      cancel: () => settle(() => {}),
      hold: () => {},
    }
  }

  #meet(
    port: number,
    options: StreamOptions,
    settle: (action: () => void) => void,
    handler: AttemptHandler,
    fail: (code: string) => void,
  ): void {
    const { clock, random } = this
    const { latency } = this.#weather
    const listening = this.#listening.get(port)
    if (listening === undefined || (this.mischief > 0 && random.once(this.mischief))) {
      clock.after(latency, () => fail("ECONNREFUSED"))
      return
    }
    const number = ++this.#count
    const client = this.#stream(`c${number}`, options.backlog, `127.0.0.1:${port}`)
    const server = this.#stream(`s${number}`, listening.owner, `127.0.0.1:${40_000 + number}`)
    SimulatedStream.connect(client, server)
    const connection: Connection = { client, server }
    this.#connections.add(connection)
    this.trace.note(`connection ${number} to ${port}`)
    let met = false
    clock.after((random.below(1000) / 1000) * latency, () => {
      if (this.#listening.get(port) === listening) listening.handler.accepted(server)
      else server.destroy()
    })
    clock.after(latency, () => {
      settle(() => {
        met = true
        handler.connected(client)
      })
      // The attempt was given up meanwhile.
      if (!met) client.destroy()
    })
  }

  #stream(name: string, owner: number, address: string): SimulatedStream {
    const stream = new SimulatedStream(this, this.#weather, name, owner, address)
    this.#streams.push(stream)
    return stream
  }

  closed(): void {
    for (const connection of this.#connections) {
      if (connection.client.closed && connection.server.closed) this.#connections.delete(connection)
    }
  }

  // ── what the scenario does ─────────────────────────────────────────────────────────────────────────────────────

  /** Something happens to one of the connections. */
  disturb(): void {
    const { random } = this
    const connections = [...this.#connections]
    if (connections.length === 0) return
    const { client, server } = random.pick(connections)
    random.choose(
      // Both sides lose it, the one sooner than the other.
      [4, () => this.#cut(client, server, random.below(20), random.below(20))],
      [2, () => this.#cut(client, server, random.below(5), random.below(1500))],
      [2, () => this.#cut(client, server, random.below(1500), random.below(5))],
      // Nothing moves for a while, one way or both.
      [2, () => this.#stall(client, random.below(400))],
      [2, () => this.#stall(server, random.below(400))],
      [
        1,
        () => {
          const ms = random.below(400)
          this.#stall(client, ms)
          this.#stall(server, ms)
        },
      ],
    )
  }

  #cut(client: SimulatedStream, server: SimulatedStream, clientDelay: number, serverDelay: number): void {
    this.trace.note(`${client.name} cut: ${clientDelay} ms, ${serverDelay} ms`)
    client.fail(clientDelay)
    server.fail(serverDelay)
  }

  #stall(stream: SimulatedStream, ms: number): void {
    this.trace.note(`${stream.name} stalled: ${ms} ms`)
    stream.stall(ms)
  }

  // ── what is left ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Streams that are not closed, and ports that are bound. */
  get open(): string[] {
    return [
      ...this.#streams.filter(({ closed }) => !closed).map(({ name, owner }) => `stream ${name} of ${owner}`),
      ...[...this.#listening.values()].map(({ port, owner }) => `port ${port} of ${owner}`),
    ]
  }

  /** Whether everything that was written has arrived, where it still can. */
  get quiet(): boolean {
    for (const { client, server } of this.#connections) if (!client.quiet || !server.quiet) return false
    return true
  }

  witnessed(owner: number): Witnessed {
    let offered = 0
    let handed = 0
    for (const stream of this.#streams) {
      if (stream.owner !== owner) continue
      offered += stream.offered.count
      handed += stream.handed.count
    }
    return { offered, handed }
  }
}

function portOf(endpoint: Endpoint): number {
  if (endpoint.transport !== "tcp") throw new Error(`Not an endpoint of tcp: ${endpoint.text}`)
  return endpoint.port
}
