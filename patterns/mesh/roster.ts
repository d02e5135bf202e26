// Whom this node knows: it says who we are, hears who they are and whom they know, watches over their signs of life,
// and forgets those who are not there. Calls are none of its affair: what is about them it hands on.

import type { Frame, Message, Peer } from "brokerless"
import type { Emitter } from "../emitter.ts"
import { Contact, type Source } from "./contact.ts"
import { type Introduction, type NodeFacts, readKnown, readNode, writeNode } from "./documents.ts"
import type { MeshEvents } from "./events.ts"
import { Links, type LinksSetup } from "./links.ts"
import type { MeshStats } from "./stats.ts"
import { whenAwake } from "./waking-time.ts"
import { header, numberOf, TYPE, typeOf } from "./wire.ts"

export interface RosterSetup {
  readonly stats: MeshStats
  readonly events: Emitter<MeshEvents>
  readonly options: LinksSetup["options"] & {
    readonly accepts: (endpoint: string) => boolean
    readonly heartbeatInterval: number
    readonly staleAfter: number
    readonly lostAfter: number
    readonly settleTimeout: number
    readonly forgetAfter: number
    readonly maxNodes: number
  }
  /** What we say of ourselves. */
  readonly self: () => NodeFacts
  /** A message of a node that is about calls. */
  readonly heard: (contact: Contact, type: number, message: Message, now: number) => void
  /** A connection is gone, and with it all answers that were to come through it. */
  readonly lost: (contact: Contact) => void
  /** Nothing has been heard of a node for a while. */
  readonly silent: (contact: Contact) => void
  /** Who can be called, or what is offered, changed. */
  readonly changed: () => void
  /** The nodes that are linked changed. */
  readonly viewChanged: () => void
}

/** How long a place is left alone, in ms, that turned out to be no other node, or that refused us. */
const PARKED = 30_000

export class Roster {
  readonly #setup: RosterSetup
  readonly #links: Links
  readonly #contacts = new Map<string, Contact>()
  readonly #linked = new Map<string, Contact>()
  readonly #offering = new Map<string, Set<Contact>>()
  readonly #complained = new WeakSet<Peer>()
  readonly #timer: NodeJS.Timeout
  #tickDue: number
  #unsettled = 0
  #closed = false

  constructor(setup: RosterSetup) {
    this.#setup = setup
    const { options } = setup
    this.#links = new Links({
      options,
      joined: (contact) => this.#joined(contact),
      left: (contact) => this.#lose(contact),
      inVain: (endpoint) => this.#triedInVain(endpoint),
      givenUp: (endpoint) => this.#givenUp(endpoint),
      heard: (contact, message, now) => this.#hear(contact, message, now),
    })
    this.#tickDue = performance.now() + options.heartbeatInterval
    this.#timer = setInterval(() => this.#tick(), options.heartbeatInterval)
    this.#timer.unref()
  }

  // ── whom we know ───────────────────────────────────────────────────────────────────────────────────────────────

  get contacts(): IterableIterator<Contact> {
    return this.#contacts.values()
  }

  /** Whether it is known of every place if somebody is there. */
  get settled(): boolean {
    return this.#unsettled === 0
  }

  /** Who offers a service, healthy or not. */
  offering(service: string): ReadonlySet<Contact> | undefined {
    return this.#offering.get(service)
  }

  /** Whom we can introduce: only those whom we are linked to, so that nobody is talked about who is long dead. */
  get introductions(): Introduction[] {
    const known: Introduction[] = []
    for (const { node, silent, source } of this.#linked.values()) {
      if (node !== undefined && source !== "self" && !silent && node.endpoints.length > 0) known.push(node)
    }
    return known
  }

  /** A place to try; throws EndpointError if it cannot be one. False when there is no room for it. */
  add(endpoint: string, source: Source): boolean {
    const present = this.#contacts.get(endpoint)
    if (present !== undefined) {
      if (present.source === "introduced") present.source = source
      return true
    }
    if (this.#closed || !this.#makeRoom(source)) return false
    const contact = new Contact(endpoint, source, performance.now())
    this.#contacts.set(endpoint, contact)
    this.#unsettled++
    try {
      this.#connect(contact)
    } catch (error) {
      this.#contacts.delete(endpoint)
      this.#unsettled--
      throw error
    }
    whenAwake(this.#setup.options.settleTimeout, () => this.#triedNow(contact))
    return true
  }

  /** A place that need not be tried any more once nobody is there. */
  release(endpoint: string): void {
    const contact = this.#contacts.get(endpoint)
    if (contact?.source === "dns") contact.source = "introduced"
  }

  /** Somebody told us where nodes are. */
  introduce({ id, version, endpoints }: Introduction): void {
    if (id === this.#setup.self().id) return
    const known = this.#linked.get(id)
    if (known?.node !== undefined && known.node.version >= version) return
    for (const endpoint of endpoints) {
      if (this.#contacts.has(endpoint)) continue
      try {
        if (this.#setup.options.accepts(endpoint)) this.add(endpoint, "introduced")
      } catch {
        // An endpoint that is none, or a filter that fails: either way nobody is to be found there.
        this.#setup.stats.invalid++
      }
    }
  }

  /** Tells all who we are now. */
  announce(): void {
    for (const contact of this.#links.open) this.#greet(contact)
  }

  // ── talking ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends now or not at all. Nothing that was sent is ever sent again. */
  send(contact: Contact, message: readonly Frame[]): boolean {
    return this.#links.send(contact, message)
  }

  /** Sends as soon as there is room, for as long as the connection lasts. */
  say(contact: Contact, message: readonly Frame[]): void {
    this.#links.say(contact, message)
  }

  async close(linger: number): Promise<void> {
    this.#closed = true
    clearInterval(this.#timer)
    await this.#links.close(linger)
  }

  #hear(contact: Contact, message: Message, now: number): void {
    if (contact.silent) this.#heardAgain(contact)
    contact.heard = now
    const head = message[1]
    const type = typeOf(head)
    if (type >= TYPE.answer && type <= TYPE.refused) {
      this.#setup.heard(contact, type, message, now)
      return
    }
    if (type === TYPE.state) {
      const node = readNode(message[2])
      if (node === undefined) this.complain(contact.peer, "a description of a node that is none")
      else this.#described(contact, node)
    } else if (type === TYPE.known) {
      const known = readKnown(message[2], this.#setup.options.maxNodes)
      if (known === undefined) this.complain(contact.peer, "a list of nodes that is none")
      else for (const introduction of known) this.introduce(introduction)
    } else if (type === TYPE.pong) {
      // The number is the low half of when we asked, in µs.
      const ms = ((Math.floor(now * 1000) - numberOf(head as Frame)) >>> 0) / 1000
      if (ms < this.#setup.options.lostAfter && contact.latency(now) === 0) contact.measured(ms, now)
    } else {
      this.complain(contact.peer, "a message of no known type")
    }
  }

  /** What a peer sent is not of this protocol: counted, and told once for each connection. */
  complain(peer: Peer | undefined, what: string): void {
    this.#setup.stats.invalid++
    if (peer === undefined || this.#complained.has(peer)) return
    this.#complained.add(peer)
    this.#setup.events.emit("invalid", { from: peer.address, what })
  }

  // ── connections ────────────────────────────────────────────────────────────────────────────────────────────────

  #connect(contact: Contact): void {
    contact.state = "connecting"
    this.#links.connect(contact)
  }

  /** Ends the connection, and all attempts at one. */
  #disconnect(contact: Contact): void {
    this.#lose(contact)
    contact.missing = false
    this.#links.disconnect(contact)
  }

  #joined(contact: Contact): void {
    contact.state = "joined"
    contact.heard = performance.now()
    contact.told = 0
    this.#greet(contact)
  }

  /** Says who we are, unless that is known. What does not fit into the queue is said with the next sign of life. */
  #greet(contact: Contact): void {
    const self = this.#setup.self()
    if (contact.told >= self.version) return
    if (this.send(contact, [header(TYPE.hello), writeNode(self)])) contact.told = self.version
  }

  /** The connection is gone. The socket goes on trying, unless it was told not to. */
  #lose(contact: Contact): void {
    this.#links.forget(contact)
    const { node, state } = contact
    contact.silent = false
    contact.missing = state === "linked"
    contact.goneAt = performance.now()
    contact.state = "connecting"
    if (state === "linked" && node !== undefined) this.#unlink(contact, node)
    this.#triedNow(contact)
    this.#setup.lost(contact)
    this.#setup.changed()
  }

  #unlink(contact: Contact, node: NodeFacts): void {
    this.#linked.delete(node.id)
    this.#index(contact, node, undefined)
    this.#setup.events.emit("node:leave", contact.about)
    this.#setup.viewChanged()
    for (const other of this.#contacts.values()) if (other.parkedBehind === node.id) other.parkedUntil = 0
  }

  #triedInVain(endpoint: string): void {
    const contact = this.#contacts.get(endpoint)
    if (contact === undefined) return
    this.#triedNow(contact)
    if (!contact.missing) return
    contact.missing = false
    this.#setup.changed()
  }

  #givenUp(endpoint: string): void {
    const contact = this.#contacts.get(endpoint)
    if (contact !== undefined) this.#park(contact, undefined)
  }

  #triedNow(contact: Contact): void {
    if (contact.tried) return
    contact.tried = true
    this.#unsettled--
    this.#setup.changed()
  }

  #park(contact: Contact, behind: string | undefined): void {
    this.#triedNow(contact)
    this.#disconnect(contact)
    contact.state = "parked"
    contact.parkedBehind = behind
    contact.parkedUntil = behind === undefined ? performance.now() + PARKED : Number.POSITIVE_INFINITY
  }

  #forget(contact: Contact): void {
    this.#triedNow(contact)
    this.#disconnect(contact)
    this.#contacts.delete(contact.endpoint)
  }

  /** Whether another place may be added: one that was only told of, and where nobody is, gives way. */
  #makeRoom(source: Source): boolean {
    if (this.#contacts.size < this.#setup.options.maxNodes || source === "self") return true
    this.#setup.stats.limited++
    this.#setup.events.emit("limit", { limit: "maxNodes" })
    for (const contact of this.#contacts.values()) {
      if (contact.source !== "introduced" || contact.state === "linked" || !contact.tried) continue
      this.#forget(contact)
      return true
    }
    return false
  }

  // ── who they are ───────────────────────────────────────────────────────────────────────────────────────────────

  #described(contact: Contact, told: NodeFacts): void {
    const self = contact.source === "self"
    if ((told.id === this.#setup.self().id) !== self) {
      this.#park(contact, undefined)
      return
    }
    const holder = this.#linked.get(told.id)
    if (holder !== undefined && holder !== contact) {
      this.#park(contact, told.id)
      return
    }
    const before = contact.node
    if (contact.state === "linked" && before?.id === told.id && told.version < before.version) return
    if (contact.state === "linked" && before !== undefined && before.id !== told.id) this.#unlink(contact, before)
    if (before !== undefined && before.id !== told.id) contact.renew()
    const isNew = this.#linked.get(told.id) === undefined
    const node = { ...told, endpoints: told.endpoints.map((each) => reachable(each, contact.endpoint)) }
    contact.node = node
    contact.state = "linked"
    contact.missing = false
    contact.keepCircuitsOf(node.services)
    this.#linked.set(node.id, contact)
    this.#index(contact, isNew ? undefined : before, node)
    if (node.draining) this.say(contact, [header(TYPE.seen, 0, node.version)])
    this.#tell(contact, isNew ? undefined : before, node)
    this.#triedNow(contact)
    this.#setup.changed()
    if (isNew || before?.version !== node.version) this.#setup.viewChanged()
  }

  #tell(contact: Contact, before: NodeFacts | undefined, node: NodeFacts): void {
    const { events } = this.#setup
    if (before === undefined) events.emit("node:join", contact.about)
    else if (offersOf(before) !== offersOf(node)) {
      events.emit("node:services", { ...contact.about, services: [...node.services.keys()] })
    }
    if (node.draining && before?.draining !== true) events.emit("node:draining", contact.about)
  }

  #index(contact: Contact, before: NodeFacts | undefined, node: NodeFacts | undefined): void {
    for (const service of before?.services.keys() ?? []) {
      if (node?.services.has(service)) continue
      const offering = this.#offering.get(service)
      offering?.delete(contact)
      if (offering?.size === 0) this.#offering.delete(service)
    }
    for (const service of node?.services.keys() ?? []) {
      const offering = this.#offering.get(service)
      if (offering === undefined) this.#offering.set(service, new Set([contact]))
      else offering.add(contact)
    }
  }

  // ── signs of life ──────────────────────────────────────────────────────────────────────────────────────────────

  #tick(): void {
    const now = performance.now()
    const { heartbeatInterval, staleAfter, lostAfter, forgetAfter } = this.#setup.options
    // It was we who did not listen.
    const weSlept = now - this.#tickDue > heartbeatInterval
    this.#tickDue = now + heartbeatInterval
    const ping = [header(TYPE.ping, 0, Math.floor(now * 1000) >>> 0)]
    for (const contact of [...this.#contacts.values()]) {
      if (contact.state === "parked") {
        if (now >= contact.parkedUntil) this.#unpark(contact)
      } else if (contact.state === "connecting") {
        if (contact.source === "introduced" && now - contact.goneAt > forgetAfter) this.#forget(contact)
      } else {
        if (weSlept) contact.heard = now
        if (now - contact.heard > lostAfter) contact.peer?.disconnect()
        else if (now - contact.heard > staleAfter && !contact.silent) this.#fellSilent(contact)
        this.send(contact, ping)
        this.#greet(contact)
      }
    }
  }

  #unpark(contact: Contact): void {
    contact.parkedBehind = undefined
    contact.goneAt = performance.now()
    try {
      this.#connect(contact)
    } catch {
      this.#forget(contact)
    }
  }

  #fellSilent(contact: Contact): void {
    contact.silent = true
    if (contact.state !== "linked") return
    this.#setup.events.emit("node:silent", contact.about)
    this.#setup.viewChanged()
    this.#setup.silent(contact)
  }

  #heardAgain(contact: Contact): void {
    contact.silent = false
    if (contact.state !== "linked") return
    this.#setup.events.emit("node:heard", contact.about)
    this.#setup.viewChanged()
    this.#setup.changed()
  }
}

function offersOf({ services }: NodeFacts): string {
  return [...services].map(([name, { healthy, methods }]) => [name, healthy, ...methods.keys()].join("/")).join(" ")
}

/** A node that is bound to all addresses does not know by which of them it is reached; who reached it does. */
export function reachable(endpoint: string, through: string): string {
  const wildcard = /^tcp:\/\/(0\.0\.0\.0|\[::\]|\*):(\d+)$/.exec(endpoint)
  const host = /^(?:tcp:\/\/)?(.+):\d+$/.exec(through)?.[1]
  if (wildcard === null || host === undefined) return endpoint
  const bare = host.replace(/^\[?(?:::ffff:)?(.*?)\]?$/, "$1")
  return `tcp://${bare.includes(":") ? `[${bare}]` : bare}:${wildcard[2]}`
}
