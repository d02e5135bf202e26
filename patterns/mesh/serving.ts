// The serving half of a node: the socket that others connect to, who they are, and the calls of theirs that are being
// handled. A call is begun once or refused; it is never begun twice, because nobody ever sends it twice.

import {
  ClosedError,
  type Codec,
  type Frame,
  type FrameLike,
  type Message,
  type Peer,
  Router,
  type Security,
  UnreachableError,
} from "brokerless"
import type { Emitter } from "../emitter.ts"
import { Register } from "../register.ts"
import type { Caller } from "./caller.ts"
import type { CallOptions, MeshClient } from "./contract.ts"
import { type Introduction, type NodeFacts, readNode, writeKnown, writeNode } from "./documents.ts"
import type { MeshEvents } from "./events.ts"
import type { Offerings } from "./offerings.ts"
import { reachable } from "./roster.ts"
import { Running, type RunningKeeper } from "./running.ts"
import type { MeshStats } from "./stats.ts"
import { header, idOf, numberOf, REFUSAL, readCall, TYPE, typeOf } from "./wire.ts"

export interface ServingSetup {
  readonly stats: MeshStats
  readonly events: Emitter<MeshEvents>
  readonly offerings: Offerings
  readonly options: {
    readonly codec: Codec<unknown>
    readonly security: { readonly server?: Security }
    readonly maxPeers: number
    readonly maxConcurrency: number
    readonly maxMessageSize: number
  }
  /** What we say of ourselves, and of others. */
  readonly self: () => NodeFacts
  readonly introductions: () => readonly Introduction[]
  /** A node told us who it is and where. */
  readonly introduced: (introduction: Introduction) => void
  /** How a handler calls others. */
  readonly client: (service: string, options: CallOptions) => MeshClient<object>
}

const READ_AT_ONCE = 256
/** How long changes are gathered before all are told, in ms. */
const GATHER = 10

export class Serving implements RunningKeeper {
  readonly setup: ServingSetup
  readonly #socket: Router
  readonly #callers = new Map<Frame, Caller>()
  #view = 0
  #running = 0
  /** Handlers at work, those included whose answers nobody waits for any more. */
  #busy = 0
  #gathering: NodeJS.Timeout | undefined
  #idle: (() => void)[] = []
  #draining = false

  constructor(setup: ServingSetup) {
    this.setup = setup
    const { options } = setup
    this.#socket = new Router({
      mandatory: true,
      maxConnections: options.maxPeers,
      maxMessageSize: options.maxMessageSize,
      ...(options.security.server === undefined ? {} : { security: options.security.server }),
    })
    this.#socket.events.on("peer:join", ({ peer }) => this.#joined(peer))
    this.#socket.events.on("peer:leave", ({ peer }) => this.#left(peer))
    this.#socket.events.on("limit", ({ limit }) => {
      if (limit === "maxConnections") setup.events.emit("limit", { limit: "maxPeers" })
    })
    void this.#read()
  }

  /** Calls being handled. */
  get running(): number {
    return this.#running
  }

  get callers(): number {
    return this.#callers.size
  }

  /** From now on calls are refused, and everybody is told so. */
  drain(): void {
    this.#draining = true
    this.changed()
  }

  /** Resolves when nothing is being handled any more. */
  async whenIdle(): Promise<void> {
    while (this.#running > 0) await this.#change()
  }

  /** Resolves when everybody who listens knows that we are going, hence calls no more. */
  async whenSeen(version: number): Promise<void> {
    while ([...this.#callers.values()].some(({ listens, seen }) => listens && seen < version)) await this.#change()
  }

  /** What still runs is told to stop, and answers nobody. */
  abort(): void {
    for (const { running } of this.#callers.values()) for (const each of running.values()) each.cancel()
  }

  bind(endpoint: string): Promise<string> {
    return this.#socket.bind(endpoint)
  }

  async close(linger: number): Promise<void> {
    clearTimeout(this.#gathering)
    await this.#socket.close({ linger })
  }

  /** What we say of ourselves changed. */
  changed(): void {
    this.#gathering ??= setTimeout(() => {
      this.#gathering = undefined
      for (const caller of this.#callers.values()) this.#tell(caller)
    }, GATHER)
  }

  /** Whom we can introduce changed. */
  viewChanged(): void {
    this.#view++
    this.changed()
  }

  /** Sends now, or when there is room; false when the caller is gone or takes nothing for `patience` ms. */
  send(caller: Caller, message: readonly FrameLike[], patience: number): boolean | Promise<boolean> {
    try {
      const addressed = [caller.route, ...message]
      if (this.#socket.trySend(addressed)) return true
      return this.#socket.send(addressed, { timeout: patience }).then(
        () => true,
        () => false,
      )
    } catch (error) {
      if (error instanceof UnreachableError || error instanceof ClosedError) return false
      throw error
    }
  }

  /** A handler has come to its end. */
  released(): void {
    this.#busy--
  }

  /** A call is over: nobody waits for it any more. */
  finished(running: Running): void {
    if (!running.caller.running.delete(running.request.id)) return
    running.method.offering.running--
    this.#running--
    this.#wake()
  }

  #joined(peer: Peer): void {
    this.#callers.set(peer.routingId, {
      peer,
      route: peer.routingId,
      name: "",
      running: new Register(),
      listens: false,
      told: -1,
      toldView: -1,
      seen: 0,
      complained: false,
    })
  }

  #left(peer: Peer): void {
    const caller = this.#callers.get(peer.routingId)
    if (caller?.peer !== peer) return
    this.#callers.delete(peer.routingId)
    for (const running of [...caller.running.values()]) running.cancel()
    this.#wake()
  }

  #tell(caller: Caller): void {
    if (!caller.listens) return
    const self = this.setup.self()
    // What does not fit into his queue is told with the next sign of life.
    if (caller.told < self.version && this.#trySend(caller, [header(TYPE.state), writeNode(self)])) {
      caller.told = self.version
    }
    if (caller.toldView < this.#view) {
      const known = writeKnown(this.setup.introductions())
      if (this.#trySend(caller, [header(TYPE.known), known])) caller.toldView = this.#view
    }
  }

  #trySend(caller: Caller, message: readonly Frame[]): boolean {
    try {
      return this.#socket.trySend([caller.route, ...message])
    } catch {
      return false
    }
  }

  async #read(): Promise<void> {
    for (;;) {
      let messages: Message[]
      try {
        messages = await this.#socket.receiveMany(READ_AT_ONCE)
      } catch {
        return
      }
      const cancelled = cancelledIn(messages)
      for (const message of messages) this.#hear(message, cancelled)
    }
  }

  #hear(message: Message, cancelled: ReadonlyMap<Frame, ReadonlySet<number>> | undefined): void {
    const caller = this.#callers.get(message[0] as Frame)
    // He has left: nobody is there to be answered.
    if (caller === undefined) return
    const head = message[1] as Frame
    switch (typeOf(head)) {
      case TYPE.call:
        if (cancelled?.get(caller.route)?.has(idOf(head))) this.setup.stats.cancelled++
        else this.#call(caller, head, message)
        return
      case TYPE.cancel:
        caller.running.get(idOf(head))?.cancel()
        return
      case TYPE.credit:
        caller.running.get(idOf(head))?.credit(numberOf(head))
        return
      case TYPE.ping:
        this.#trySend(caller, [header(TYPE.pong, 0, numberOf(head))])
        this.#tell(caller)
        return
      case TYPE.hello:
        this.#hello(caller, message[2])
        return
      case TYPE.seen:
        caller.seen = Math.max(caller.seen, numberOf(head))
        this.#wake()
        return
      default:
        this.#complain(caller, "a message of no known type")
    }
  }

  #hello(caller: Caller, frame: Frame | undefined): void {
    const node = readNode(frame)
    if (node === undefined) {
      this.#complain(caller, "a description of a node that is none")
      return
    }
    caller.name = node.name
    caller.listens = true
    this.#tell(caller)
    if (node.endpoints.length === 0) return
    const endpoints = node.endpoints.map((each) => reachable(each, caller.peer.address))
    this.setup.introduced({ ...node, endpoints })
  }

  #call(caller: Caller, head: Frame, message: Message): void {
    const id = idOf(head)
    const call = readCall(head)
    if (call === undefined || message.length !== 3 || caller.running.has(id)) {
      this.#complain(caller, "a call that is none")
      return
    }
    const method = this.setup.offerings.find(call.target)
    if (this.#draining) {
      this.#refuse(caller, id, REFUSAL.draining)
      return
    }
    if (method === undefined) {
      this.#refuse(caller, id, REFUSAL.notOffered)
      return
    }
    if (Math.max(this.#running, this.#busy) >= this.setup.options.maxConcurrency) {
      this.#refuse(caller, id, REFUSAL.overloaded)
      return
    }
    const running = new Running(this, caller, method, {
      id,
      remaining: numberOf(head),
      target: call.target,
      window: call.window,
      untilStream: call.untilStream,
    })
    caller.running.set(id, running)
    method.offering.running++
    this.#running++
    this.#busy++
    this.setup.stats.served++
    running.begin(message[2] as Frame)
  }

  #refuse(caller: Caller, id: number, reason: number): void {
    const { stats } = this.setup
    stats.refused++
    // Whoever calls and calls and does not read is not waited for.
    if (!this.#trySend(caller, [header(TYPE.refused, id, reason)])) stats.limited++
  }

  #complain(caller: Caller, what: string): void {
    this.setup.stats.invalid++
    if (caller.complained) return
    caller.complained = true
    this.setup.events.emit("invalid", { from: caller.peer.address, what })
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  #wake(): void {
    for (const wake of this.#idle.splice(0)) wake()
  }
}

/** The calls that are taken back by what has arrived together with them: a process that slept need not begin them. */
function cancelledIn(messages: readonly Message[]): Map<Frame, Set<number>> | undefined {
  let cancelled: Map<Frame, Set<number>> | undefined
  for (const [route, head] of messages) {
    if (typeOf(head) !== TYPE.cancel) continue
    cancelled ??= new Map()
    const ids = cancelled.get(route as Frame)
    if (ids === undefined) cancelled.set(route as Frame, new Set([idOf(head as Frame)]))
    else ids.add(idOf(head as Frame))
  }
  return cancelled
}
