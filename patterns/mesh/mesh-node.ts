// The face of a mesh: a node that offers services and calls those of others. It puts the halves together, says of
// itself what others are told, and ends in good order.

import { randomBytes } from "node:crypto"
import { ClosedError, OptionError } from "brokerless"
import { within } from "../closing.ts"
import { Emitter } from "../emitter.ts"
import { settle } from "../settings.ts"
import { Calls, checkCallOptions } from "./calls.ts"
import type { CircuitState } from "./circuit.ts"
import { makeClient } from "./client.ts"
import type { CallOptions, MeshClient, MeshHandlers, Offering, OfferOptions } from "./contract.ts"
import { DnsWatch, systemResolver } from "./dns.ts"
import { MAX_ENDPOINTS, type NodeFacts } from "./documents.ts"
import { EVENT_TYPES, type MeshEvents } from "./events.ts"
import { nameRule, Offerings } from "./offerings.ts"
import { anyName, type MeshNodeOptions, SETTINGS } from "./options.ts"
import { Roster } from "./roster.ts"
import { Serving } from "./serving.ts"
import { MeshStats } from "./stats.ts"
import { isName, targetOf } from "./wire.ts"

/** Another node, as this one sees it at this moment. */
export interface KnownNode {
  readonly id: string
  readonly name: string
  /** Where it was found. */
  readonly endpoint: string
  readonly state: "up" | "silent" | "draining"
  /** Calls and streams of ours under way there. */
  readonly outstanding: number
  /** Milliseconds that its answers take of late. */
  readonly latency: number
  readonly services: readonly {
    readonly name: string
    readonly healthy: boolean
    /** The worst of its methods. */
    readonly circuit: CircuitState
  }[]
}

/** How a node does, as a probe would ask. */
export interface NodeHealth {
  readonly state: "up" | "draining" | "closed"
  readonly services: readonly { readonly name: string; readonly healthy: boolean; readonly running: number }[]
  /** Other nodes that can be called. */
  readonly nodes: number
}

/** For how long what is on its way when a node ends may still leave, in ms. */
const FLUSH = 1000

/** A node of a mesh: offers services under a name, and calls those of others by name. */
export class MeshNode implements AsyncDisposable {
  readonly name: string
  /** 32 hexadecimal digits, drawn anew for each node that is made: its incarnation. */
  readonly id: string = randomBytes(16).toString("hex")
  readonly stats: MeshStats = new MeshStats()
  readonly #events = new Emitter<MeshEvents>(EVENT_TYPES)
  readonly #options
  readonly #since: number = Date.now()
  readonly #offerings: Offerings
  readonly #roster: Roster
  readonly #serving: Serving
  readonly #calls: Calls
  readonly #watches: DnsWatch[]
  #version = 1
  #endpoints: string[] = []
  #settled = false
  #draining = false
  #closed = false
  #ending: Promise<void> | undefined
  #self: NodeFacts | undefined

  /**
   * The search for other nodes begins at once.
   *
   * @throws OptionError if an option is not what it must be; EndpointError if a seed is malformed
   */
  constructor(options?: MeshNodeOptions) {
    const settled = settle<MeshNodeOptions>("MeshNode", SETTINGS, options)
    if (settled.advertise !== undefined && settled.advertise.length > MAX_ENDPOINTS) {
      throw new OptionError("advertise", `A node can be found at ${MAX_ENDPOINTS} endpoints at most`)
    }
    this.#options = settled
    this.name = settled.name ?? anyName()
    const { stats } = this
    const events = this.#events
    const self = (): NodeFacts => this.#describe()
    this.#offerings = new Offerings(() => this.#changed())
    this.#roster = new Roster({
      stats,
      events,
      options: settled,
      self,
      heard: (contact, type, message, now) => this.#calls.heard(contact, type, message, now),
      lost: (contact) => this.#calls.lost(contact),
      silent: (contact) => this.#calls.silent(contact),
      changed: () => this.#othersChanged(),
      viewChanged: () => this.#serving.viewChanged(),
    })
    this.#calls = new Calls({
      stats,
      events,
      roster: this.#roster,
      options: settled,
      settled: () => this.settled,
      owns: (target) => !this.#draining && this.#offerings.find(target) !== undefined,
    })
    this.#serving = new Serving({
      stats,
      events,
      offerings: this.#offerings,
      options: settled,
      self,
      introductions: () => this.#roster.introductions,
      introduced: (introduction) => this.#roster.introduce(introduction),
      client: (service, callOptions) => this.service(service, callOptions),
    })
    try {
      for (const seed of settled.seeds) this.#roster.add(seed, "seed")
    } catch (error) {
      void this.close({ linger: 0 })
      throw error
    }
    const resolver = settled.resolver ?? systemResolver()
    this.#watches = settled.dns.map((source) => {
      let before: readonly string[] = []
      return new DnsWatch({
        source,
        resolver,
        most: settled.maxNodes,
        found: (endpoints) => {
          for (const endpoint of before) if (!endpoints.includes(endpoint)) this.#roster.release(endpoint)
          for (const endpoint of endpoints) this.#tryAdd(endpoint)
          before = endpoints
          this.#othersChanged()
        },
        failed: (error) => {
          events.emit("dns:error", { name: source.name, error })
          this.#othersChanged()
        },
      })
    })
    this.#othersChanged()
  }

  /** What happens, as it happens. */
  get events(): Emitter<MeshEvents> {
    return this.#events
  }

  /** Endpoints that this node is bound to. */
  get endpoints(): readonly string[] {
    return this.#endpoints
  }

  /** Whether every place where a node may be has been tried. */
  get settled(): boolean {
    return this.#roster.settled && this.#watches.every(({ settled }) => settled)
  }

  /** The nodes that this one is connected to, itself included if it offers something. */
  get nodes(): readonly KnownNode[] {
    const now = performance.now()
    const nodes: KnownNode[] = []
    for (const contact of this.#roster.contacts) {
      const { node, state, endpoint, silent, outstanding } = contact
      if (state !== "linked" || node === undefined) continue
      nodes.push({
        id: node.id,
        name: node.name,
        endpoint,
        state: node.draining ? "draining" : silent ? "silent" : "up",
        outstanding,
        latency: contact.latency(now),
        services: [...node.services].map(([name, { healthy }]) => ({
          name,
          healthy,
          circuit: contact.circuitState(name),
        })),
      })
    }
    return nodes
  }

  /** How this node does. */
  get health(): NodeHealth {
    return {
      state: this.#closed ? "closed" : this.#draining ? "draining" : "up",
      services: [...this.#offerings.all].map(({ service, healthy, running }) => ({ name: service, healthy, running })),
      nodes: this.nodes.filter(({ id, state }) => state === "up" && id !== this.id).length,
    }
  }

  /**
   * Lets others connect; they are told of this endpoint.
   *
   * @returns the endpoint really bound
   * @throws EndpointError if it is malformed or the system refuses it, ClosedError (as rejections)
   */
  async bind(endpoint: string): Promise<string> {
    this.#checkOpen()
    if (this.#endpoints.length >= MAX_ENDPOINTS) {
      throw new OptionError("endpoint", `A node is bound to ${MAX_ENDPOINTS} endpoints at most`)
    }
    const bound = await this.#serving.bind(endpoint)
    this.#endpoints.push(bound)
    this.#changed()
    return bound
  }

  /** Looks for a node at one more place, as if it were among the seeds. Throws EndpointError and ClosedError. */
  connect(endpoint: string): void {
    this.#checkOpen()
    if (!this.#roster.add(endpoint, "seed")) {
      throw new OptionError("endpoint", `${this.#options.maxNodes} places are known already (maxNodes)`)
    }
  }

  /**
   * Offers a service: `handlers` is an object, or an instance of a class, whose functions are the methods.
   *
   * @throws OptionError if a name or an option is not what it must be, StateError if this node offers it already,
   * ClosedError
   */
  offer<Api extends object>(service: string, handlers: MeshHandlers<Api>, options: OfferOptions<Api> = {}): Offering {
    this.#checkOpen()
    const offering = this.#offerings.add(service, handlers, options as OfferOptions<unknown>)
    if (this.#offerings.size === 1) void this.#callSelf()
    return offering
  }

  /**
   * A client of a service, wherever it is offered. Whether anybody offers it shows when a method is called:
   * its promise, or its stream, ends in the answer or in an error, by the deadline.
   *
   * Calls reject with NotOfferedError, UnavailableError, LostError, DeadlineError, RemoteError, or with the AbortError,
   * ClosedError and CodecError of the library.
   *
   * @throws OptionError if the name or an option is not what it must be
   */
  service<Api extends object>(service: string, options: CallOptions = {}): MeshClient<Api> {
    if (!isName(service)) throw new OptionError("service", nameRule("A service", service))
    checkCallOptions(options)
    const targets = new Map<string, Buffer>()
    const client = makeClient((method, args) => {
      let target = targets.get(method)
      if (target === undefined) {
        if (!isName(method)) return Promise.reject(new OptionError("method", nameRule("A method", method)))
        target = targetOf(service, method)
        targets.set(method, target)
      }
      return this.#calls.make({ service, method, target }, args, options)
    })
    return client as unknown as MeshClient<Api>
  }

  /**
   * Ends in good order, in as much time as it takes but no more than `timeout` ms (default: without limit): says
   * goodbye, refuses new calls so that they go elsewhere, finishes those that run here and those made from here, then
   * closes.
   */
  drain({ timeout }: { readonly timeout?: number | undefined } = {}): Promise<void> {
    return this.#end(timeout, true)
  }

  /**
   * Says goodbye, refuses new calls so that they go elsewhere, lets those that run here go on for up to `linger` ms,
   * then ends them and closes. Calls made from here reject with ClosedError.
   */
  close({ linger = this.#options.linger }: { readonly linger?: number | undefined } = {}): Promise<void> {
    return this.#end(linger, false)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  // ── within ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #end(patience: number | undefined, finishOwn: boolean): Promise<void> {
    if (patience !== undefined && !(typeof patience === "number" && patience >= 0)) {
      throw new OptionError("timeout", `The time to end in must be a number of ms of at least 0, got ${patience}`)
    }
    this.#ending ??= this.#finish(patience, finishOwn)
    return this.#ending
  }

  async #finish(patience: number | undefined, finishOwn: boolean): Promise<void> {
    for (const watch of this.#watches ?? []) watch.stop()
    this.#draining = true
    this.#changed()
    this.#serving.drain()
    const finished = async (): Promise<void> => {
      await Promise.all([this.#serving.whenIdle(), finishOwn ? this.#calls.whenIdle() : undefined])
      await within(FLUSH, this.#serving.whenSeen(this.#version))
    }
    await within(patience ?? -1, finished())
    this.#calls.close()
    this.#serving.abort()
    await Promise.all([this.#roster.close(FLUSH), this.#serving.close(FLUSH)])
    this.#closed = true
    this.#events.close()
  }

  #describe(): NodeFacts {
    this.#self ??= {
      id: this.id,
      since: this.#since,
      version: this.#version,
      name: this.name,
      endpoints: this.#options.advertise ?? this.#endpoints.filter((endpoint) => !endpoint.startsWith("inproc:")),
      draining: this.#draining,
      services: this.#offerings.facts,
    }
    return this.#self
  }

  /** What we say of ourselves changed. */
  #changed(): void {
    this.#version++
    this.#self = undefined
    this.#serving.changed()
    this.#roster.announce()
  }

  /** Whom we know, or what they say, changed. */
  #othersChanged(): void {
    if (this.#watches === undefined) return
    if (!this.#settled && this.settled) {
      this.#settled = true
      this.#events.emit("settled", {})
    }
    this.#calls.changed()
  }

  /** A node is one of those that offer what it offers. */
  async #callSelf(): Promise<void> {
    try {
      this.#roster.add(await this.#serving.bind(`inproc://brokerless-mesh/${this.id}`), "self")
    } catch {
      // Closed in the meantime.
    }
  }

  #tryAdd(endpoint: string): void {
    try {
      this.#roster.add(endpoint, "dns")
    } catch {
      // A record that makes no endpoint: nobody is to be found there.
      this.stats.invalid++
    }
  }

  #checkOpen(): void {
    if (this.#ending !== undefined) throw new ClosedError("The node is closed")
  }
}
