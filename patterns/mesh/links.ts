// The connections of a node to others, all of one socket: which of them leads to which place, and what is said over it.
// What is said, and who the other one is, is known elsewhere.

import { type Frame, type Message, type Peer, Router, type Security } from "brokerless"
import type { Contact } from "./contact.ts"

export interface LinksSetup {
  readonly options: {
    readonly security: { readonly client?: Security }
    readonly reconnectInterval: number
    readonly reconnectMaxInterval: number
    readonly maxMessageSize: number
  }
  /** Somebody is there. */
  readonly joined: (contact: Contact) => void
  /** The connection is gone, and all that came through it has been heard. */
  readonly left: (contact: Contact) => void
  /** An attempt to connect was in vain; there will be others. */
  readonly inVain: (endpoint: string) => void
  /** There will be no other attempt. */
  readonly givenUp: (endpoint: string) => void
  readonly heard: (contact: Contact, message: Message, now: number) => void
}

const READ_AT_ONCE = 256

export class Links {
  readonly #setup: LinksSetup
  readonly #socket: Router
  /** By the names under which the socket knows them, which are never used twice. */
  readonly #byName = new Map<string, Contact>()
  readonly #byRoute = new Map<Frame, Contact>()
  #named = 0

  constructor(setup: LinksSetup) {
    this.#setup = setup
    const { options } = setup
    this.#socket = new Router({
      mandatory: true,
      // Nothing waits for a node that is not there: whoever calls is to know at once, and to ask another.
      immediate: true,
      linger: 0,
      reconnectInterval: options.reconnectInterval,
      reconnectMaxInterval: options.reconnectMaxInterval,
      maxMessageSize: options.maxMessageSize,
      ...(options.security.client === undefined ? {} : { security: options.security.client }),
    })
    const { events } = this.#socket
    events.on("peer:join", ({ peer }) => this.#joined(peer))
    events.on("peer:leave", ({ peer }) => this.#left(peer))
    events.on("connect:delay", ({ endpoint }) => setup.inVain(endpoint))
    events.on("handshake:error", ({ endpoint }) => setup.inVain(endpoint))
    events.on("close", ({ endpoint, error }) => {
      if (error !== undefined) setup.givenUp(endpoint)
    })
    void this.#read()
  }

  /** Those to whom something can be said. */
  get open(): IterableIterator<Contact> {
    return this.#byRoute.values()
  }

  /** Connects to a place, now or when somebody is there, and again whenever the connection is lost. */
  connect(contact: Contact): void {
    const name = `n${++this.#named}`
    // Within the process the peer may be there before connect() returns.
    this.#byName.set(name, contact)
    try {
      this.#socket.connect(contact.endpoint, { routingId: name })
    } catch (error) {
      this.#byName.delete(name)
      throw error
    }
  }

  /** Ends the connection, and all attempts at one; `left` is not told. */
  disconnect(contact: Contact): void {
    this.forget(contact)
    for (const [name, other] of this.#byName) if (other === contact) this.#byName.delete(name)
    try {
      this.#socket.disconnect(contact.endpoint)
    } catch {
      // The socket has given it up, or is closed.
    }
  }

  /** Nothing more is heard of this connection. The socket goes on trying, unless it was told not to. */
  forget(contact: Contact): void {
    if (contact.route !== undefined) this.#byRoute.delete(contact.route)
    contact.peer = undefined
    contact.route = undefined
  }

  /** Sends now or not at all. Nothing that was sent is ever sent again. */
  send(contact: Contact, message: readonly Frame[]): boolean {
    if (contact.route === undefined) return false
    try {
      return this.#socket.trySend([contact.route, ...message])
    } catch {
      return false
    }
  }

  /**
   * Sends as soon as there is room, for as long as the connection lasts. For what must not be lost to a full queue and
   * of which there is no more than was sent before it: a queue that is full takes no calls that could be taken back.
   */
  say(contact: Contact, message: readonly Frame[]): void {
    if (this.send(contact, message) || contact.route === undefined) return
    this.#socket.send([contact.route, ...message], { timeout: -1 }).catch(() => {
      // The node is gone, and with it what it was to be told.
    })
  }

  close(linger: number): Promise<void> {
    return this.#socket.close({ linger })
  }

  #joined(peer: Peer): void {
    const contact = this.#byName.get(String(peer.routingId))
    if (contact === undefined || this.#socket.closed) return
    contact.peer = peer
    contact.route = peer.routingId
    this.#byRoute.set(peer.routingId, contact)
    this.#setup.joined(contact)
  }

  #left(peer: Peer): void {
    const contact = this.#byRoute.get(peer.routingId)
    if (contact?.peer !== peer) return
    // What it said before it left still counts.
    try {
      for (let message = this.#socket.tryReceive(); message !== undefined; message = this.#socket.tryReceive()) {
        this.#hear(message, performance.now())
      }
    } catch {
      // Closed: nothing counts any more.
    }
    if (contact.peer === peer) this.#setup.left(contact)
  }

  async #read(): Promise<void> {
    for (;;) {
      let messages: Message[]
      try {
        messages = await this.#socket.receiveMany(READ_AT_ONCE)
      } catch {
        return
      }
      const now = performance.now()
      for (const message of messages) this.#hear(message, now)
    }
  }

  #hear(message: Message, now: number): void {
    const contact = this.#byRoute.get(message[0] as Frame)
    if (contact !== undefined) this.#setup.heard(contact, message, now)
  }
}
