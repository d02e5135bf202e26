// Where a socket's endpoints, pipes and peers come together, and its life from the first endpoint to the close. It
// knows nothing of what distinguishes one type from another: that is the Pattern, which each socket class provides.

import type { Bytes } from "../bytes.ts"
import { after, cancel, type Timer } from "../clock.ts"
import { parseEndpoint } from "../endpoint.ts"
import { ClosedError, EndpointError, type MessagingError, UnreachableError } from "../errors.ts"
import { Monitor } from "../events.ts"
import type { Message } from "../message.ts"
import type { ResolvedOptions } from "../options.ts"
import { Peer, type PeerFacts } from "../peer.ts"
import { Budget } from "../pipe/budget.ts"
import { Pipe, type PipeOwner, type PipeSetup, type QueueLimit } from "../pipe/pipe.ts"
import type { Marks, MessageQueue } from "../pipe/queue.ts"
import { Roster } from "../roster.ts"
import type { WireType } from "../socket-type.ts"
import { type DropReason, PeerStats, type Queued, SocketStats } from "../stats.ts"
import type { SubscriptionKind } from "../subscription.ts"
import type { Binding, Connection, SocketHost } from "../transport/transport.ts"
import { transportOf } from "../transports.ts"
import type { Inbox } from "./inbox.ts"
import { keepAlive } from "./keep-alive.ts"
import type { Outbox } from "./outbox.ts"
import { checkCount, checkWait, WaitingLine, type WaitOptions } from "./waiting.ts"

/** What distinguishes one type of socket from another: the rules of its RFC, one line each. */
export interface Pattern {
  /** The same message goes to many peers. */
  readonly sharesMessages?: boolean
  /** Peers speak no protocol: messages are octets as they come. */
  readonly raw?: boolean
  /** Of those: whether an empty message tells that one came or left. */
  readonly tellsOfPeers?: boolean
  /** How many routers datagrams to a multicast group may pass. */
  multicastHops?: (() => number) | undefined
  /** An endpoint was connected; its peer may come later. */
  added?(pipe: Pipe): void
  /** Why this peer may not stay, if it may not. Its handshake is complete, and nothing else knows of it yet. */
  refuses?(pipe: Pipe): MessagingError | undefined
  /** A peer is there. */
  joined(pipe: Pipe): void
  /** A pipe is gone. What the pattern leaves in its outbound queue is dropped and counted. */
  left(pipe: Pipe): void
  /** A pipe that was full has room again. */
  relieved?(pipe: Pipe): void
  /** The peer subscribed, or cancelled. */
  subscribed?(pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void
  /** See {@link PipeOwner.intake}. */
  intake?(pipe: Pipe, message: Message): boolean
  /** Messages that were accepted and belong to no peer. */
  readonly backlog?: MessageQueue
  /** Nothing more is sent or received. */
  closed?(): void
  /** While draining, when nothing more comes in: resolves when nothing more goes out. */
  finished?(): Promise<void>
}

/** Types for which connecting to the same endpoint again changes nothing, as ZeroMQ users know it. */
const CONNECTS_ONCE: ReadonlySet<WireType> = new Set<WireType>(["DEALER", "SUB", "PUB", "REQ"])

const UNLIMITED = Number.POSITIVE_INFINITY

export class Hub implements SocketHost, PipeOwner {
  readonly type: WireType
  options: Readonly<ResolvedOptions>
  readonly monitor: Monitor = new Monitor()
  readonly stats: SocketStats
  readonly budget: Budget
  readonly marks: { readonly outbound: Marks; readonly inbound: Marks }
  intake: ((pipe: Pipe, message: Message) => boolean) | undefined
  inbox: Inbox<unknown> | undefined
  outbox: Outbox<unknown> | undefined
  /** Pipes whose peer is there. */
  readonly ready: Roster<Pipe> = new Roster()
  /** Settles when the socket is closed and nothing is left open. */
  closing: Promise<void> | undefined
  closed = false
  readonly #pipeSetup: PipeSetup
  readonly #bindings: { readonly given: string; readonly binding: Binding }[] = []
  #connections: Connection[] = []
  /** Disconnected endpoints that still have something to deliver, and what ends their patience. */
  readonly #lingering = new Map<Connection, Timer | undefined>()
  /** Connections that have not ended yet, which `close` waits for. */
  readonly #open = new Roster<Pipe>()
  readonly #closingListeners = new Set<() => void>()
  readonly #forPeers = new WaitingLine<number, void>({ waiting: 0 })
  #pattern: Pattern = { joined() {}, left() {} }
  #binds = 0
  /** Endpoints that are being bound; `close` takes back what comes of it. */
  readonly #opening = new Set<Promise<Binding>>()
  #accepted = 0
  #draining = false
  #refd = true
  #settled: (() => void) | undefined
  /** Why nobody can come any more: the last endpoint has been given up. */
  #forlorn: UnreachableError | undefined

  constructor(type: WireType, options: Readonly<ResolvedOptions>) {
    this.type = type
    this.options = options
    this.budget = new Budget(options.maxBufferedBytes || UNLIMITED)
    this.stats = new SocketStats(() => this.#queued())
    this.marks = marksOf(options)
    this.#pipeSetup = {
      owner: this,
      outbound: this.marks.outbound,
      inbound: this.marks.inbound,
      budget: this.budget,
      window: options.balance === "round-robin" ? 0 : options.window,
      maxOutstanding: type === "REQ" && !options.correlate ? 1 : UNLIMITED,
    }
  }

  /** Says what this socket is. Called once, before any endpoint. */
  follow(pattern: Pattern): void {
    this.#pattern = pattern
    this.intake = pattern.intake?.bind(pattern)
  }

  /**
   * Takes other options. Marks apply at once, whatever is asked for at every use from its next use on, and the rest to
   * endpoints and connections that are made from now on.
   */
  reconfigure(options: Readonly<ResolvedOptions>): void {
    this.options = options
    const { outbound, inbound } = marksOf(options)
    Object.assign(this.marks.outbound, outbound)
    Object.assign(this.marks.inbound, inbound)
    for (const pipe of [...this.ready, ...this.#connections.map((each) => each.pipe)]) {
      pipe.relieve()
      if (pipe.inbound.relieved) pipe.link?.resume()
    }
  }

  // ── endpoints ──────────────────────────────────────────────────────────────────────────────────────────────────

  async bind(text: string): Promise<string> {
    this.checkOpen()
    const endpoint = parseEndpoint(text, "bind")
    this.#binds++
    this.#forlorn = undefined
    this.#hold()
    try {
      const opening = transportOf(endpoint, this.#pattern.raw ?? false).bind(endpoint, this)
      this.#opening.add(opening)
      const binding = await opening.finally(() => this.#opening.delete(opening))
      if (this.closing !== undefined || this.#draining) {
        await binding.close()
        throw new ClosedError(`The socket was closed while ${text} was being bound`)
      }
      this.#bindings.push({ given: text, binding })
      this.monitor.emit({ type: "bind", endpoint: binding.endpoint })
      return binding.endpoint
    } catch (error) {
      this.monitor.emit({ type: "bind:error", endpoint: text, error: error as Error })
      throw error
    } finally {
      this.#binds--
      this.#hold()
    }
  }

  /** As {@link Hub.bind}, at once; undefined where the transport cannot. Throws what `bind` rejects with. */
  bindNow(text: string): string | undefined {
    this.checkOpen()
    const endpoint = parseEndpoint(text, "bind")
    try {
      const binding = transportOf(endpoint, this.#pattern.raw ?? false).bindNow?.(endpoint, this)
      if (binding === undefined) return undefined
      this.#forlorn = undefined
      this.#bindings.push({ given: text, binding })
      this.#hold()
      this.monitor.emit({ type: "bind", endpoint: binding.endpoint })
      return binding.endpoint
    } catch (error) {
      this.monitor.emit({ type: "bind:error", endpoint: text, error: error as Error })
      throw error
    }
  }

  connect(text: string, routingId: Bytes | undefined): void {
    this.checkOpen()
    const endpoint = parseEndpoint(text, "connect")
    if (CONNECTS_ONCE.has(this.type) && this.#connections.some((other) => other.endpoint === text)) return
    this.#forlorn = undefined
    const connection = transportOf(endpoint, this.#pattern.raw ?? false).connect(endpoint, this, routingId)
    this.#connections.push(connection)
    this.#hold()
  }

  /** The address is free when this returns, though its end is told later. Throws at once for one that is not bound. */
  unbind(text: string): Promise<void> {
    this.checkOpen()
    const index = this.#bindings.findIndex(({ given, binding }) => binding.endpoint === text || given === text)
    const found = this.#bindings[index]
    if (found === undefined) throw unknownEndpoint(text, "bound", this.endpoints)
    this.#bindings.splice(index, 1)
    const { endpoint } = found.binding
    for (const pipe of this.ready) if (!pipe.connecting && pipe.endpoint === endpoint) this.#dismiss(pipe)
    return found.binding.close().then(() => {
      this.monitor.emit({ type: "close", endpoint })
      this.#hold()
    })
  }

  disconnect(text: string): void {
    this.checkOpen()
    const connection = this.#connections.findLast((other) => other.endpoint === text)
    if (connection === undefined) throw unknownEndpoint(text, "connected", this.endpoints)
    this.#connections = this.#connections.filter((other) => other !== connection)
    const { pipe } = connection
    const { linger } = this.options
    if (pipe.state === "waiting" && pipe.outbound.length > 0 && this.ready.size === 0 && linger !== 0) {
      // Nobody else can take what is queued for it: it goes on trying for as long as messages may linger.
      this.#lingering.set(connection, linger > 0 ? after(linger, () => this.#forsake(connection)) : undefined)
    } else {
      connection.close()
      if (pipe.state === "waiting") this.release(pipe, undefined)
      else this.#dismiss(pipe)
    }
    this.monitor.emit({ type: "close", endpoint: text })
    this.#hold()
  }

  get endpoints(): string[] {
    return [...this.#bindings.map(({ binding }) => binding.endpoint), ...this.connected]
  }

  /** Those that were connected to, as often as they were. */
  get connected(): string[] {
    return this.#connections.map(({ endpoint }) => endpoint)
  }

  // ── peers ──────────────────────────────────────────────────────────────────────────────────────────────────────

  get peers(): Peer[] {
    return Array.from(this.ready, (pipe) => pipe.peer as Peer)
  }

  waitForPeers(count: number, options: WaitOptions): Promise<void> {
    try {
      checkCount(count)
      checkWait(options)
      this.checkOpen()
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.ready.size >= count) return Promise.resolve()
    if (this.#forlorn !== undefined) return Promise.reject(this.#forlorn)
    return this.#forPeers.wait(count, options.timeout ?? -1, options.signal, `Fewer than ${count} peers were connected`)
  }

  // ── SocketHost: what transports ask and tell ───────────────────────────────────────────────────────────────────

  get sharesMessages(): boolean {
    return this.#pattern.sharesMessages ?? false
  }

  get tellsOfPeers(): boolean {
    return this.#pattern.tellsOfPeers ?? false
  }

  get multicastHops(): number | undefined {
    return this.#pattern.multicastHops?.()
  }

  get acceptedPeers(): number {
    return this.#accepted
  }

  createPipe(endpoint: string, connecting: boolean, routingId?: Bytes): Pipe {
    const pipe = new Pipe(this.#pipeSetup, endpoint, connecting)
    pipe.presetRoutingId = routingId
    if (connecting) {
      this.#pattern.added?.(pipe)
      this.outbox?.serve()
    }
    return pipe
  }

  admit(pipe: Pipe, facts: PeerFacts): MessagingError | undefined {
    const peer: Peer = new Peer(facts, new PeerStats(() => queuedIn(pipe)), () => pipe.link?.end())
    pipe.peer = peer
    const { endpoint } = pipe
    const refusal = this.#refusal(pipe)
    if (refusal !== undefined) {
      this.monitor.emit({ type: "handshake:error", endpoint, address: peer.address, error: refusal, fatal: false })
      return refusal
    }
    pipe.state = "ready"
    pipe.seat = this.ready.add(pipe)
    const open = this.#open.add(pipe)
    this.stats.peers++
    if (!pipe.connecting) this.#accepted++
    void pipe.link?.done.then(() => {
      this.#open.remove(open)
      this.#hold()
      this.#progress()
    })
    this.#spread()
    this.#pattern.joined(pipe)
    this.monitor.emit({ type: "handshake", endpoint, peer })
    this.monitor.emit({ type: "peer:join", endpoint, peer })
    for (const waiter of [...this.#forPeers]) {
      if (this.ready.size >= waiter.item) this.#forPeers.settle(waiter, undefined)
    }
    this.outbox?.serve()
    if (this.closing !== undefined || this.#isLingering(pipe)) this.#dismiss(pipe)
    return undefined
  }

  release(pipe: Pipe, error: Error | undefined): void {
    if (pipe.state === "gone") return
    const joined = pipe.seat !== undefined && this.ready.remove(pipe.seat)
    pipe.state = "gone"
    if (joined) {
      this.stats.peers--
      if (!pipe.connecting) this.#accepted--
      this.#spread()
    }
    if (joined || pipe.connecting) this.#pattern.left(pipe)
    pipe.inbound.leaveBehind()
    const lost = pipe.outbound.drain().length
    if (lost > 0) this.dropped("peer-left", lost, pipe)
    this.outbox?.forget(pipe)
    if (joined) this.monitor.emit({ type: "peer:leave", endpoint: pipe.endpoint, peer: pipe.peer as Peer, error })
    this.outbox?.serve()
    this.#progress()
  }

  dropped(reason: DropReason, count: number, pipe: Pipe | undefined): void {
    this.stats.dropped[reason] += count
    const peer = pipe?.peer
    if (peer !== undefined) peer.stats.dropped[reason] += count
    this.monitor.count("message:dropped", pipe?.endpoint ?? "", peer, reason, count)
  }

  gaveUp(connection: Connection, error: Error | undefined): void {
    this.#connections = this.#connections.filter((other) => other !== connection)
    this.#lingerNoMore(connection)
    this.release(connection.pipe, error)
    this.monitor.emit({ type: "close", endpoint: connection.endpoint, error })
    if (this.endpoints.length === 0 && this.#binds === 0) {
      const forlorn = new UnreachableError("Every endpoint of the socket has been given up", { cause: error })
      this.#forlorn = forlorn
      this.#forPeers.failAll(() => forlorn)
    }
    this.#hold()
    this.#progress()
  }

  // ── PipeOwner: what pipes tell ─────────────────────────────────────────────────────────────────────────────────

  pipeReadable(pipe: Pipe): void {
    this.inbox?.readable(pipe)
  }

  pipeWritable(pipe: Pipe): void {
    this.#pattern.relieved?.(pipe)
    this.outbox?.serve(pipe)
  }

  pipeFull(pipe: Pipe): void {
    this.monitor.emit({ type: "peer:slow", endpoint: pipe.endpoint, peer: pipe.peer as Peer })
  }

  pipeLimited(pipe: Pipe, limit: QueueLimit): void {
    this.monitor.count("limit", pipe.endpoint, pipe.peer, limit, 1)
  }

  pipeSubscribed(pipe: Pipe, kind: SubscriptionKind, topic: Bytes): void {
    // One that has left wants nothing, also where a connection that is over is still being read.
    if (pipe.state !== "ready") return
    this.#pattern.subscribed?.(pipe, kind, topic)
    pipe.subscribed()
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────────────────────────────

  checkOpen(): void {
    if (this.closing !== undefined) throw new ClosedError("The socket is closed")
  }

  /** Calls `listener` when the socket begins to close. Returns the function that takes that back. */
  onClosing(listener: () => void): () => void {
    this.#closingListeners.add(listener)
    return () => this.#closingListeners.delete(listener)
  }

  ref(): void {
    this.#refd = true
    this.#hold()
  }

  unref(): void {
    this.#refd = false
    this.#hold()
  }

  /** Hands to the system what it takes at once of what is queued. */
  flush(): void {
    for (const pipe of this.ready) pipe.link?.flush(true)
  }

  close(linger: number): Promise<void> {
    this.closing ??= this.#close(linger)
    return this.closing
  }

  async drain(): Promise<void> {
    this.checkOpen()
    this.#draining = true
    const unbound = this.#bindings.map(({ binding }) => binding.close())
    const undelivered = (this.#pattern.backlog?.length ?? 0) > 0
    for (const connection of this.#connections) {
      // Whoever has something coming to him is still awaited, for as long as closing lingers.
      const { pipe } = connection
      if (pipe.state === "waiting" && pipe.outbound.length === 0 && !undelivered) connection.close()
    }
    for (const pipe of this.ready) pipe.link?.halt()
    await Promise.all(unbound)
    await this.inbox?.whenEmpty()
    this.inbox?.close()
    await this.#pattern.finished?.()
    await this.close(this.options.linger)
  }

  async #close(linger: number): Promise<void> {
    // `closing` is set by the caller once this returns at its first await: until then nobody can call back.
    for (const listener of this.#closingListeners) listener()
    this.outbox?.close()
    this.inbox?.close()
    this.#pattern.closed?.()
    this.#forPeers.failAll(() => new ClosedError("The socket was closed"))
    keepAlive(this, this.#holds)
    const unbound = this.#bindings.splice(0).map(async ({ binding }) => {
      await binding.close()
      this.monitor.emit({ type: "close", endpoint: binding.endpoint })
    })
    for (const opening of this.#opening) {
      unbound.push(
        opening.then(
          (binding) => binding.close(),
          () => {},
        ),
      )
    }
    await null
    // Parting with one peer can send what is queued for it through another pipe: none takes anything any more.
    for (const pipe of this.ready) pipe.link?.halt()
    for (const pipe of this.ready) this.#dismiss(pipe)
    this.inbox?.discard((count, pipe) => this.dropped("unread", count, pipe))
    const ended = new Promise<void>((resolve) => {
      this.#settled = resolve
    })
    const deadline = linger < 0 ? undefined : after(linger, () => this.#discard())
    if (linger === 0) this.#discard()
    this.#progress()
    await ended
    cancel(deadline)
    await Promise.all(unbound)
    this.closed = true
    this.monitor.close()
    keepAlive(this, false)
  }

  /** What could not be sent in time is given up. */
  #discard(): void {
    for (const connection of [...this.#connections, ...this.#lingering.keys()]) this.#forsake(connection)
    for (const pipe of [...this.#open]) {
      const left = pipe.outbound.drain().length
      if (left > 0) this.dropped("linger", left, pipe)
      pipe.link?.end()
    }
    const { backlog } = this.#pattern
    const left = backlog?.drain().length ?? 0
    if (left > 0) this.dropped("linger", left, undefined)
    this.#progress()
  }

  /** While closing: whether anything is left to wait for. */
  #progress(): void {
    if (this.#settled === undefined) return
    const undelivered = (this.#pattern.backlog?.length ?? 0) > 0
    for (const connection of this.#connections) {
      const { pipe } = connection
      if (pipe.state === "waiting" && pipe.outbound.length === 0 && !undelivered) this.#forsake(connection)
    }
    if (this.#settled === undefined) return
    const waiting = this.#connections.some(({ pipe }) => pipe.state === "waiting") || this.#lingering.size > 0
    if (this.#open.size > 0 || waiting) return
    const nobody = undelivered ? (this.#pattern.backlog?.drain().length ?? 0) : 0
    if (nobody > 0) this.dropped("linger", nobody, undefined)
    const settled = this.#settled
    this.#settled = undefined
    for (const connection of this.#connections) connection.close()
    settled()
  }

  /** An endpoint whose peer is not there is not tried any more; what is queued for it goes to others or is lost. */
  #forsake(connection: Connection): void {
    this.#connections = this.#connections.filter((other) => other !== connection)
    this.#lingerNoMore(connection)
    connection.close()
    const { pipe } = connection
    if (pipe.state !== "waiting") return
    if (this.closing !== undefined) {
      const left = pipe.outbound.drain().length
      if (left > 0) this.dropped("linger", left, pipe)
    }
    this.release(pipe, undefined)
  }

  /** Sends what is queued for this peer, then parts with it. */
  #dismiss(pipe: Pipe): void {
    if (pipe.state !== "ready") return
    pipe.state = "leaving"
    pipe.link?.finish()
    const { linger } = this.options
    if (this.closing !== undefined || linger < 0) return
    const deadline = after(linger, () => pipe.link?.end())
    void pipe.link?.done.then(() => cancel(deadline))
  }

  #refusal(pipe: Pipe): MessagingError | undefined {
    if (!pipe.connecting && (this.closing !== undefined || this.#draining)) {
      return new ClosedError("The socket is being closed")
    }
    return this.#pattern.refuses?.(pipe)
  }

  #isLingering(pipe: Pipe): boolean {
    for (const connection of this.#lingering.keys()) {
      if (connection.pipe !== pipe) continue
      this.#lingerNoMore(connection)
      connection.close()
      return true
    }
    return false
  }

  #lingerNoMore(connection: Connection): void {
    cancel(this.#lingering.get(connection))
    this.#lingering.delete(connection)
  }

  #spread(): void {
    this.outbox?.pace.spread(this.ready.size)
    this.inbox?.pace.spread(this.ready.size)
  }

  /** Whether this socket holds the process: by an endpoint, or by what a peer is still to get through one it had. */
  get #holds(): boolean {
    const endpoints = this.#binds + this.#bindings.length + this.#connections.length
    return this.#refd && endpoints + this.#lingering.size + this.#open.size > 0
  }

  #hold(): void {
    if (this.closing === undefined) keepAlive(this, this.#holds)
  }

  #queued(): Queued {
    const { backlog } = this.#pattern
    let messages = (backlog?.length ?? 0) + (this.inbox?.unread ?? 0)
    for (const pipe of this.ready) messages += pipe.outbound.length
    for (const { pipe } of this.#connections) if (pipe.state === "waiting") messages += pipe.outbound.length
    for (const { pipe } of this.#lingering.keys()) if (pipe.state === "waiting") messages += pipe.outbound.length
    return { messages, bytes: this.budget.bytes }
  }
}

function marksOf(options: Readonly<ResolvedOptions>): { outbound: Marks; inbound: Marks } {
  const { conflate } = options
  return {
    outbound: {
      messages: conflate ? UNLIMITED : options.sendHighWaterMark || UNLIMITED,
      bytes: options.sendHighWaterMarkBytes || UNLIMITED,
    },
    inbound: {
      messages: conflate ? UNLIMITED : options.receiveHighWaterMark || UNLIMITED,
      bytes: options.receiveHighWaterMarkBytes || UNLIMITED,
    },
  }
}

function queuedIn(pipe: Pipe): Queued {
  return {
    messages: pipe.outbound.length + pipe.inbound.length,
    bytes: pipe.outbound.bytes + pipe.inbound.bytes,
  }
}

function unknownEndpoint(text: string, how: string, known: readonly string[]): EndpointError {
  const list = known.length === 0 ? "it has none" : `it has ${known.join(", ")}`
  return new EndpointError("ENOENT", text, `The socket is not ${how} to ${JSON.stringify(text)}; ${list}`)
}
