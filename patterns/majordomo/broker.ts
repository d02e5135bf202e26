// The broker of MDP 0.2 (RFC 18): who offers what, who waits for it, who works on it. One Router for clients and
// workers alike; every command is dealt with at once and in the order in which it came.

import { ClosedError, type Frame, type FrameLike, type Peer, Router, type Security, UnreachableError } from "brokerless"
import { type LingerOptions, lingerOf, within } from "../closing.ts"
import { Crowd } from "../crowd.ts"
import { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import { type Settings, securitySetting, settle, whole } from "../settings.ts"
import type {
  MajordomoAnswerDropReason,
  MajordomoBrokerEvents,
  MajordomoBrokerStats,
  MajordomoRequestDropReason,
  MajordomoServiceState,
  MajordomoWorkerLeaveReason,
} from "./broker-report.ts"
import {
  answerTo,
  type Command,
  DISCONNECT,
  HEARTBEAT,
  isServiceName,
  orderOf,
  RESERVED,
  readCommand,
} from "./commands.ts"
import { heartbeatInterval, liveness } from "./options.ts"
import { type HeldRequest, type KnownWorker, Service } from "./service.ts"

/** Options of a {@link MajordomoBroker}. */
export interface MajordomoBrokerOptions {
  /** How often a worker that is told nothing else is sent a HEARTBEAT, in ms. Default: 2500. */
  readonly heartbeatInterval?: number | undefined
  /** After how many intervals of silence a worker is lost. Default: 4. */
  readonly liveness?: number | undefined
  /** For how long a request may wait for a worker, in ms. Default: 60 000. */
  readonly requestTimeout?: number | undefined
  /** To how many workers a request is given at most, one after the other is lost. Default: 3. */
  readonly maxDeliveries?: number | undefined
  /** Requests that may wait for one service. Default: 1000. */
  readonly maxWaiting?: number | undefined
  /** Octets that requests of all services may hold, those at work included, 64 for each frame. Default: 256 MiB. */
  readonly maxBytes?: number | undefined
  /** Services that may be known: offered, or waited for. Default: 1000. */
  readonly maxServices?: number | undefined
  /** Who may come in. Default: everybody. */
  readonly security?: Security | undefined
}

const SETTINGS: Settings<MajordomoBrokerOptions> = {
  heartbeatInterval,
  liveness,
  requestTimeout: whole("ms", 60_000, 1),
  maxDeliveries: whole("deliveries", 3, 1),
  maxWaiting: whole("requests", 1000, 1),
  maxBytes: whole("bytes", 256 * 1024 * 1024, 1),
  maxServices: whole("services", 1000, 1),
  security: securitySetting,
}

/** Who may come to an endpoint. */
export type MajordomoRole = "clients" | "workers"

/** Turns of the event loop that a peer's last words are waited for after it has left. */
const LAST_WORDS_TURNS = 1000

/** The broker between clients that ask for services by name and the workers that offer them (RFC 18). */
export class MajordomoBroker implements AsyncDisposable {
  /** What happens to it, as it happens. */
  readonly events: Emitter<MajordomoBrokerEvents> = new Emitter<MajordomoBrokerEvents>([
    "worker:join",
    "worker:leave",
    "request:again",
    "request:dropped",
    "answer:dropped",
    "invalid",
  ])
  readonly #settings: ReturnType<typeof settle<MajordomoBrokerOptions>>
  readonly #router: Router
  readonly #services = new Map<string, Service>()
  readonly #workers = new Map<string, KnownWorker>()
  /** Requests that wait, by their client, for the moment at which it leaves. */
  readonly #waiting = new Register<Peer, Crowd<HeldRequest>>()
  readonly #roles = new Map<string, MajordomoRole>()
  readonly #ticker: NodeJS.Timeout
  readonly #running: Promise<void>
  #ticked = performance.now()
  #bytes = 0
  #closing: Promise<void> | undefined
  #idle: (() => void) | undefined
  readonly #counts = { requests: 0, finals: 0, partials: 0, again: 0, invalid: 0, unexpected: 0 }
  readonly #droppedRequests: Record<MajordomoRequestDropReason, number> = {
    "queue-full": 0,
    "service-limit": 0,
    expired: 0,
    "client-left": 0,
    "workers-lost": 0,
    interrupted: 0,
    closed: 0,
  }
  readonly #droppedAnswers: Record<MajordomoAnswerDropReason, number> = { "client-left": 0, "client-slow": 0 }

  /** @throws OptionError */
  constructor(options?: MajordomoBrokerOptions) {
    this.#settings = settle("MajordomoBroker", SETTINGS, options)
    this.#router = new Router({ mandatory: true, security: this.#settings.security })
    this.#router.events.on("peer:leave", ({ peer }) => this.#whenHeard(() => this.#left(peer)))
    this.#ticker = setInterval(() => this.#tick(), this.#settings.heartbeatInterval).unref()
    this.#running = this.#run()
  }

  /**
   * Takes clients and workers at `endpoint`, or only those of one role; several endpoints may be bound.
   *
   * @returns the endpoint really bound
   * @throws EndpointError, ClosedError (as rejections)
   */
  async bind(endpoint: string, role?: MajordomoRole): Promise<string> {
    // Set before anybody can come in; where the system chooses the name, it is known before the first handshake ends.
    if (role !== undefined) this.#roles.set(endpoint, role)
    const bound = await this.#router.bind(endpoint)
    if (bound !== endpoint) this.#roles.delete(endpoint)
    if (role !== undefined) this.#roles.set(bound, role)
    return bound
  }

  /** Takes nobody at `endpoint` any more. Errors are those of a socket's `unbind`. */
  async unbind(endpoint: string): Promise<void> {
    await this.#router.unbind(endpoint)
    this.#roles.delete(endpoint)
  }

  /**
   * Takes no new requests, lets those it has be done for up to `linger` ms, drops and counts the rest, sends every
   * worker DISCONNECT, and closes.
   *
   * @throws OptionError
   */
  close(options?: LingerOptions): Promise<void> {
    const linger = lingerOf(options)
    this.#closing ??= this.#close(linger)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Whether it is closed, or being closed. */
  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Where it is bound. */
  get endpoints(): readonly string[] {
    return this.#router.endpoints
  }

  /** The services that are offered or waited for, at this moment. */
  get services(): readonly MajordomoServiceState[] {
    return [...this.#services.values()].map(({ name, workers, idle, waiting }) => ({
      name,
      workers: workers.size,
      idle: idle.size,
      waiting,
    }))
  }

  get stats(): MajordomoBrokerStats {
    let waiting = 0
    for (const service of this.#services.values()) waiting += service.waiting
    let working = 0
    for (const { request } of this.#workers.values()) if (request !== undefined) working++
    return {
      ...this.#counts,
      services: this.#services.size,
      workers: this.#workers.size,
      waiting,
      working,
      bytes: this.#bytes,
      droppedRequests: { ...this.#droppedRequests },
      droppedAnswers: { ...this.#droppedAnswers },
    }
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const { message, peer } = await this.#router.receiveFrom()
        this.#take(peer, message[0] as Frame, message.slice(1))
      }
    } catch (error) {
      if (!(error instanceof ClosedError)) throw error
    }
  }

  #take(peer: Peer, id: Frame, frames: Frame[]): void {
    const key = keyOf(id)
    const worker = this.#workers.get(key)
    const command = readCommand(frames)
    const role = this.#roles.get(peer.endpoint)
    if (command === undefined || (role !== undefined && role !== `${command.from}s`)) {
      this.#counts.invalid++
      this.events.emit("invalid", { peer })
      if (worker !== undefined) this.#lose(key, worker, "invalid")
      peer.disconnect()
    } else if (command.from === "client") {
      this.#ask(peer, id, command.service, command.body)
    } else if (worker !== undefined) {
      worker.seen = performance.now()
      this.#hear(key, worker, command)
    } else if (command.kind === "ready") {
      this.#join(key, id, command.service)
    } else if (command.kind !== "disconnect") {
      // One that was taken for lost and is not, or that does not know that this broker is another one.
      this.#counts.unexpected++
      this.#tell(id, DISCONNECT)
    }
  }

  #ask(client: Peer, id: Frame, name: string, body: Frame[]): void {
    if (name.startsWith(RESERVED)) {
      this.#answer(id, client, "final", name, [this.#manage(name, body)])
      return
    }
    this.#counts.requests++
    let bytes = 0
    for (const frame of body) bytes += frame.length + 64
    const { maxBytes, maxServices, maxWaiting } = this.#settings
    const known = this.#services.get(name)
    if (this.closed) this.#drop(name, "closed")
    else if (this.#bytes + bytes > maxBytes || (known?.waiting ?? 0) >= maxWaiting) this.#drop(name, "queue-full")
    else if (known === undefined && this.#services.size >= maxServices) this.#drop(name, "service-limit")
    else {
      const service = known ?? this.#open(name)
      this.#bytes += bytes
      this.#hold({ client, service, body, bytes, since: performance.now(), deliveries: 0 })
      this.#dispatch(service)
    }
  }

  /** MMI (RFC 8): what the broker itself answers. */
  #manage(name: string, body: Frame[]): Frame {
    if (name !== "mmi.service") return Buffer.from("501")
    const asked = String(body[0])
    const offered = body.length === 1 && isServiceName(asked) && this.#services.get(asked)?.workers.size
    return Buffer.from(offered ? "200" : "404")
  }

  #join(key: string, id: Frame, name: string): void {
    if (name.startsWith(RESERVED) || this.closed) {
      if (!this.closed) this.#counts.unexpected++
      this.#tell(id, DISCONNECT)
      return
    }
    const known = this.#services.get(name)
    if (known === undefined && this.#services.size >= this.#settings.maxServices) {
      this.#counts.unexpected++
      this.#tell(id, DISCONNECT)
      return
    }
    const service = known ?? this.#open(name)
    const now = performance.now()
    const worker: KnownWorker = { id, service, request: undefined, streamed: false, seen: now, told: now }
    this.#workers.set(key, worker)
    service.workers.add(worker)
    service.idle.add(worker)
    this.events.emit("worker:join", { service: name, worker: id })
    this.#dispatch(service)
  }

  #hear(key: string, worker: KnownWorker, command: Command & { readonly from: "worker" }): void {
    switch (command.kind) {
      case "heartbeat":
        return
      case "disconnect":
        this.#lose(key, worker, "disconnect")
        return
      case "partial":
      case "final":
        if (worker.request?.client.routingId.equals(command.client)) {
          this.#pass(key, worker, worker.request, command.kind, command.body)
          return
        }
    }
    this.#counts.unexpected++
    this.#lose(key, worker, "unexpected")
    this.#tell(worker.id, DISCONNECT)
  }

  /** Passes on what a worker says of its request. */
  #pass(key: string, worker: KnownWorker, request: HeldRequest, kind: "partial" | "final", body: Frame[]): void {
    const { client, service } = request
    const passed = this.#answer(client.routingId, client, kind, service.name, body)
    if (kind === "final") {
      worker.request = undefined
      this.#release(request)
      if (passed) this.#counts.finals++
      service.idle.add(worker)
      this.#dispatch(service)
    } else if (passed) {
      worker.streamed = true
      this.#counts.partials++
    } else {
      // Nobody listens to the rest; this ends a stream that would otherwise hold its worker for as long as it likes.
      worker.request = undefined
      this.#release(request)
      this.#lose(key, worker, "cancelled")
      this.#tell(worker.id, DISCONNECT)
    }
  }

  /** Whether the answer was handed over. */
  #answer(id: Frame, client: Peer, kind: "partial" | "final", service: string, body: Frame[]): boolean {
    const sent = this.#send(answerTo(id, kind, service, body))
    if (sent === "sent") return true
    if (sent === "full") client.disconnect()
    const reason = sent === "full" ? "client-slow" : "client-left"
    this.#droppedAnswers[reason]++
    this.events.emit("answer:dropped", { service, reason })
    return false
  }

  #dispatch(service: Service): void {
    for (const worker of service.idle) {
      const request = this.#next(service)
      if (request === undefined) break
      service.idle.delete(worker)
      this.#unhold(request)
      request.deliveries++
      worker.request = request
      worker.streamed = false
      worker.told = performance.now()
      if (!this.#tell(worker.id, orderOf(request.client.routingId, request.body))) {
        this.#lose(keyOf(worker.id), worker, "connection")
      }
    }
    if (service.unused) this.#services.delete(service.name)
    if (this.closed) this.#checkIdle()
  }

  #next(service: Service): HeldRequest | undefined {
    this.#expire(service, performance.now())
    return service.first()
  }

  #expire(service: Service, now: number): void {
    for (const request of service.before(now - this.#settings.requestTimeout)) this.#discard(request, "expired")
  }

  /** The worker is not with us any more; what it worked on goes to another one, unless that cannot be done well. */
  #lose(key: string, worker: KnownWorker, reason: MajordomoWorkerLeaveReason): void {
    const { service, request } = worker
    this.#workers.delete(key)
    service.workers.delete(worker)
    service.idle.delete(worker)
    worker.request = undefined
    this.events.emit("worker:leave", { service: service.name, worker: worker.id, reason })
    if (request !== undefined) this.#again(request, worker.streamed)
    this.#dispatch(service)
  }

  #again(request: HeldRequest, streamed: boolean): void {
    const { client, service, deliveries } = request
    const gone = !isNamed(client) && !this.#router.peers.includes(client)
    const reason = streamed
      ? "interrupted"
      : deliveries >= this.#settings.maxDeliveries
        ? "workers-lost"
        : gone
          ? "client-left"
          : undefined
    if (reason !== undefined) {
      this.#release(request)
      this.#drop(service.name, reason)
      return
    }
    this.#counts.again++
    this.#hold(request)
    this.events.emit("request:again", { service: service.name, deliveries })
  }

  #open(name: string): Service {
    const service = new Service(name)
    this.#services.set(name, service)
    return service
  }

  #hold(request: HeldRequest): void {
    request.service.add(request)
    const all = this.#waiting.get(request.client) ?? new Crowd<HeldRequest>()
    all.add(request)
    this.#waiting.set(request.client, all)
  }

  #unhold(request: HeldRequest): void {
    request.service.remove(request)
    const all = this.#waiting.get(request.client)
    all?.delete(request)
    if (all?.size === 0) this.#waiting.delete(request.client)
  }

  #release({ bytes }: HeldRequest): void {
    this.#bytes -= bytes
  }

  /** Drops one that waits. */
  #discard(request: HeldRequest, reason: MajordomoRequestDropReason): void {
    this.#unhold(request)
    this.#release(request)
    this.#drop(request.service.name, reason)
  }

  #drop(service: string, reason: MajordomoRequestDropReason): void {
    this.#droppedRequests[reason]++
    this.events.emit("request:dropped", { service, reason })
  }

  #left(peer: Peer): void {
    const key = keyOf(peer.routingId)
    const worker = this.#workers.get(key)
    // One of the same name may have come in the meantime.
    if (worker !== undefined && !this.#router.peers.some(({ routingId }) => routingId.equals(peer.routingId))) {
      this.#lose(key, worker, "connection")
    }
    // A client that has a name of its own gets its answers when it comes back; another is somebody else then.
    if (isNamed(peer)) return
    const services = new Set<Service>()
    for (const request of this.#waiting.get(peer) ?? []) {
      services.add(request.service)
      this.#discard(request, "client-left")
    }
    for (const service of services) this.#dispatch(service)
  }

  /** Calls back when what had come before this moment has been dealt with. */
  #whenHeard(then: () => void, turns: number = LAST_WORDS_TURNS): void {
    if (this.#router.closed) return
    if (this.#router.readable && turns > 0) setImmediate(() => this.#whenHeard(then, turns - 1))
    else setImmediate(then)
  }

  #tick(): void {
    const now = performance.now()
    const interval = this.#settings.heartbeatInterval
    const before = this.#ticked
    const patience = interval * this.#settings.liveness
    // A late timer has not let the event loop read what is there, so it judges nobody, nor does the next one.
    const late = now - before > interval * 1.5
    this.#ticked = now
    for (const [key, worker] of this.#workers) {
      if (late) worker.seen = Math.max(worker.seen, now - patience / 2)
      if (now - worker.seen > patience) this.#lose(key, worker, "silent")
      else if (worker.told <= before) {
        worker.told = now
        this.#tell(worker.id, HEARTBEAT)
      }
    }
    for (const service of [...this.#services.values()]) {
      this.#expire(service, now)
      if (service.unused) this.#services.delete(service.name)
    }
    if (this.closed) this.#checkIdle()
  }

  #tell(id: Frame, command: readonly FrameLike[]): boolean {
    return this.#send([id, ...command]) === "sent"
  }

  #send(frames: readonly FrameLike[]): "sent" | "full" | "gone" {
    try {
      return this.#router.trySend(frames) ? "sent" : "full"
    } catch (error) {
      if (error instanceof UnreachableError || error instanceof ClosedError) return "gone"
      throw error
    }
  }

  async #close(linger: number): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve
    })
    // In a later turn, when `closed` says so.
    queueMicrotask(() => this.#checkIdle())
    await within(linger, idle)
    clearInterval(this.#ticker)
    for (const service of this.#services.values()) {
      for (const request of service.requests()) this.#discard(request, "closed")
    }
    for (const [, worker] of this.#workers) {
      this.#tell(worker.id, DISCONNECT)
      if (worker.request !== undefined) {
        this.#release(worker.request)
        this.#drop(worker.service.name, "closed")
      }
      this.events.emit("worker:leave", { service: worker.service.name, worker: worker.id, reason: "closed" })
    }
    this.#workers.clear()
    this.#services.clear()
    await this.#router.close()
    await this.#running
    this.events.close()
  }

  /** While closing: nothing is at work, and what waits has nobody to wait for. */
  #checkIdle(): void {
    for (const { request } of this.#workers.values()) if (request !== undefined) return
    for (const { workers, waiting } of this.#services.values()) if (workers.size > 0 && waiting > 0) return
    this.#idle?.()
  }
}

function keyOf(id: Frame): string {
  return id.toString("latin1")
}

/** Whether the peer chose its routing id itself; those that a Router makes up begin with a zero. */
function isNamed({ routingId }: Peer): boolean {
  return routingId[0] !== 0
}
