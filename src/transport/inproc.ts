// inproc: sockets of one process, by name. Pipes are joined end to end; no octets, no session.
// The table of names hangs on globalThis, so that two installed copies of this library meet.

import { type Bytes, EMPTY, fromAscii } from "../bytes.ts"
import { after, atEndOfTick, cancel, type Timer } from "../clock.ts"
import type { Endpoint } from "../endpoint.ts"
import { EndpointError, HandshakeError } from "../errors.ts"
import type { PeerFacts } from "../peer.ts"
import { JoinEnd } from "../pipe/join.ts"
import type { Pipe } from "../pipe/pipe.ts"
import { announcesRoutingId, compatible, legalPeers } from "../socket-type.ts"
import type { Binding, Connection, SocketHost, Transport } from "./transport.ts"

interface Registry {
  readonly bindings: Map<string, InprocBinding>
  /** Connections whose name nobody has bound yet. */
  readonly waiting: Map<string, Set<InprocConnection>>
}

const KEY: unique symbol = Symbol.for("brokerless.inproc.1")
const holder = globalThis as unknown as { [KEY]?: Registry }

function registry(): Registry {
  holder[KEY] ??= { bindings: new Map(), waiting: new Map() }
  return holder[KEY]
}

/** Sockets of this process. */
export const inproc: Transport = {
  name: "inproc",
  async bind(endpoint: Endpoint, host: SocketHost): Promise<Binding> {
    const name = nameOf(endpoint)
    const { bindings, waiting } = registry()
    if (bindings.has(name)) {
      throw new EndpointError(
        "EADDRINUSE",
        endpoint.text,
        `${endpoint.text} is bound by another socket of this process`,
      )
    }
    const binding = new InprocBinding(name, endpoint.text, host)
    bindings.set(name, binding)
    const callers = waiting.get(name)
    waiting.delete(name)
    for (const connection of callers ?? []) connection.join(binding)
    return binding
  },
  connect(endpoint: Endpoint, host: SocketHost, routingId: Bytes | undefined): Connection {
    return new InprocConnection(nameOf(endpoint), endpoint.text, host, routingId)
  },
}

function nameOf(endpoint: Endpoint): string {
  return endpoint.transport === "inproc" ? endpoint.name : endpoint.text
}

class InprocBinding implements Binding {
  readonly endpoint: string
  readonly host: SocketHost
  readonly #name: string

  constructor(name: string, endpoint: string, host: SocketHost) {
    this.#name = name
    this.endpoint = endpoint
    this.host = host
  }

  async close(): Promise<void> {
    const { bindings } = registry()
    if (bindings.get(this.#name) === this) bindings.delete(this.#name)
  }
}

class InprocConnection implements Connection {
  readonly endpoint: string
  pipe: Pipe
  readonly #name: string
  readonly #host: SocketHost
  readonly #routingId: Bytes | undefined
  #wait: Timer | undefined
  #joins = 0
  #closed = false

  constructor(name: string, endpoint: string, host: SocketHost, routingId: Bytes | undefined) {
    this.#name = name
    this.endpoint = endpoint
    this.#host = host
    this.#routingId = routingId
    this.pipe = this.#createPipe()
    this.#find()
  }

  close(): void {
    this.#closed = true
    cancel(this.#wait)
    const { waiting } = registry()
    const callers = waiting.get(this.#name)
    callers?.delete(this)
    if (callers?.size === 0) waiting.delete(this.#name)
  }

  /** The name is bound: both sockets get to know each other, and then messages flow. */
  join(binding: InprocBinding): void {
    const ours = this.#host
    const theirs = binding.host
    const { endpoint } = this
    if (!compatible(ours.type, theirs.type)) {
      this.#giveUp(
        new HandshakeError(
          `A ${ours.type} cannot talk to a peer of type ${theirs.type}; ` +
            `it accepts ${legalPeers(ours.type).join(" and ")}`,
        ),
      )
      return
    }
    const { maxConnections } = theirs.options
    if (maxConnections > 0 && theirs.acceptedPeers >= maxConnections) {
      theirs.monitor.count("limit", binding.endpoint, undefined, "maxConnections", 1)
      this.#later()
      return
    }
    const near = this.pipe
    const far = theirs.createPipe(binding.endpoint, false)
    const nearEnd = new JoinEnd(
      near,
      joinHost(ours, near, (error) => this.#left(error)),
    )
    const farEnd = new JoinEnd(far, joinHost(theirs, far))
    JoinEnd.between(nearEnd, farEnd)
    near.link = nearEnd
    far.link = farEnd
    if (this.#joins++ > 0) ours.stats.reconnects++
    ours.monitor.emit({ type: "connect", endpoint, address: endpoint })
    theirs.monitor.emit({ type: "accept", endpoint: binding.endpoint, address: endpoint })
    const refusal = theirs.admit(far, factsOf(ours, binding.endpoint))
    // Whoever listens to the one socket may part the two before the other has heard of it.
    if (near.state === "gone") {
      nearEnd.end()
      return
    }
    const objection = refusal ?? ours.admit(near, factsOf(theirs, endpoint))
    if (objection !== undefined) {
      nearEnd.end(objection)
      return
    }
    farEnd.open()
    nearEnd.open()
  }

  #find(): void {
    const { bindings, waiting } = registry()
    const binding = bindings.get(this.#name)
    if (binding !== undefined) {
      this.join(binding)
      return
    }
    this.#host.monitor.emit({ type: "connect:delay", endpoint: this.endpoint })
    const callers = waiting.get(this.#name) ?? new Set()
    waiting.set(this.#name, callers.add(this))
  }

  #left(error: Error | undefined): void {
    if (this.#closed) return
    const before = this.pipe
    this.pipe = this.#createPipe()
    this.pipe.follow(before)
    if (this.#host.options.reconnectInterval < 0) this.#giveUp(error)
    else this.#later()
  }

  /** Whoever was sent away, or lost a binding, comes back: at once if the name is free, after a wait otherwise. */
  #later(): void {
    const { reconnectInterval: interval } = this.#host.options
    this.#host.monitor.emit({ type: "connect:retry", endpoint: this.endpoint, interval })
    this.#wait = after(Math.max(interval, 0), () => this.#find())
  }

  #giveUp(error: Error | undefined): void {
    this.#closed = true
    // The caller of connect() has to know this connection before it can be told of its end.
    atEndOfTick(() => {
      if (error instanceof HandshakeError) {
        this.#host.monitor.emit({ type: "handshake:error", endpoint: this.endpoint, error, fatal: true })
      }
      this.#host.gaveUp(this, error)
    })
  }

  #createPipe(): Pipe {
    return this.#host.createPipe(this.endpoint, true, this.#routingId)
  }
}

function joinHost(
  host: SocketHost,
  pipe: Pipe,
  left?: (error: Error | undefined) => void,
): ConstructorParameters<typeof JoinEnd>[1] {
  return {
    stats: host.stats,
    left(error) {
      if (pipe.state === "ready" || pipe.state === "leaving") {
        host.monitor.emit({ type: "disconnect", endpoint: pipe.endpoint, peer: pipe.peer, error })
      }
      host.release(pipe, error)
      left?.(error)
    },
    detached: () => host.dropped("detached", 1, pipe),
  }
}

/** What a handshake would have told. */
function factsOf(host: SocketHost, endpoint: string): PeerFacts {
  const { type, options } = host
  const routingId = announcesRoutingId(type) ? (options.routingId ?? EMPTY) : EMPTY
  const metadata = new Map<string, Bytes>([["socket-type", fromAscii(type)]])
  if (announcesRoutingId(type)) metadata.set("identity", routingId)
  for (const [name, value] of options.metadata)
    if (!metadata.has(name.toLowerCase())) metadata.set(name.toLowerCase(), value)
  return { endpoint, address: endpoint, socketType: type, routingId, metadata }
}
