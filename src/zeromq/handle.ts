// What is behind a socket of this door: its options, its endpoints, and the socket of the library that does the work
// from the first use on. It does not know the object that an application holds, so that one that was forgotten can be
// collected, and its handle closes then.

import { type Bytes, EMPTY, fromString } from "../bytes.ts"
import { OptionError, StateError } from "../errors.ts"
import type { Security } from "../security/security.ts"
import { DONE } from "../socket/pace.ts"
import type { Dish } from "../socket/radiodish/dish.ts"
import type { Router } from "../socket/reqrep/router.ts"
import { type Socket as CoreSocket, hubOf, reconfigure } from "../socket/socket.ts"
import * as atExit from "./at-exit.ts"
import type { ContextState } from "./context.ts"
import { coreOptions } from "./core-options.ts"
import { errnoError, translated } from "./errno.ts"
import type { EventQueue } from "./event-queue.ts"
import { Exchange } from "./exchange.ts"
import { observe } from "./observed-events.ts"
import * as option from "./option-values.ts"
import { type Layout, type OptionValue, OptionValues } from "./option-values.ts"
import { Pin } from "./pin.ts"
import { checkProtocol, lastEndpointOf, type Purpose } from "./protocols.ts"
import { securityOf } from "./security-of.ts"
import { groupOf } from "./send-options.ts"
import type { SocketKind } from "./socket-kind.ts"

const BLOCKED = "Socket is blocked by a bind or unbind operation"

/** Options that the library is not told of: they are looked up when they are needed. */
const LOOKED_UP: ReadonlySet<number> = new Set([
  option.SEND_TIMEOUT,
  option.RECEIVE_TIMEOUT,
  option.CONNECT_ROUTING_ID,
  option.NOTIFY,
])

export class Handle implements atExit.Leaving {
  readonly kind: SocketKind
  readonly context: ContextState
  readonly values: OptionValues
  readonly exchange: Exchange
  /** Endpoints that are bound or connected. */
  endpoints = 0
  /** A bind, an unbind or a proxy is running. */
  blocked = false
  closed = false
  readonly #pin = new Pin()
  #closeRequested = false
  #core: CoreSocket | undefined
  /** Subscriptions that came before the socket of the library. */
  #early: [which: number, prefix: Bytes | null][] = []
  readonly #observers: EventQueue[] = []
  /** Options were set that the library will be told of at the next bind or connect. */
  #stale = false

  /** Throws `EMFILE`. */
  constructor(kind: SocketKind, type: number, context: ContextState) {
    context.enter()
    this.kind = kind
    this.context = context
    this.values = new OptionValues(type, context, kind.linger)
    this.exchange = new Exchange({ kind, values: this.values, pin: this.#pin, start: () => this.core })
  }

  /** The socket of the library. */
  get core(): CoreSocket {
    if (this.#core !== undefined) return this.#core
    const core = this.kind.create(this.#optionsSoFar(undefined), this.values).unref()
    this.#core = core
    this.exchange.attach(core)
    atExit.watch(this)
    for (const queue of this.#observers) observe(hubOf(core).monitor, this.context, queue)
    for (const [which, prefix] of this.#early.splice(0)) this.#subscribe(which, prefix)
    return core
  }

  /** Throws unless calls are accepted now. */
  checkOpen(): void {
    if (this.closed) throw errnoError("EBADF")
    if (this.blocked) throw errnoError("EBUSY", BLOCKED)
  }

  // ── options ────────────────────────────────────────────────────────────────────────────────────────────────────

  get(which: number, layout: Layout): OptionValue {
    if (this.closed) throw errnoError("ENOTSOCK")
    if (which === option.EVENTS && layout === 4) return this.exchange.events
    return this.values.get(which, layout)
  }

  set(which: number, value: OptionValue, layout: Layout): void {
    if ((this.endpoints > 0 || this.closed) && !option.AT_ANY_TIME.has(which)) {
      process.emitWarning("Socket option will not take effect until next connect/bind.")
    }
    if (this.closed) throw errnoError("ENOTSOCK")
    this.values.set(which, value, layout)
    if (which === option.SUBSCRIBE || which === option.UNSUBSCRIBE) this.#subscribe(which, value as Bytes | null)
    else if (this.#core === undefined || LOOKED_UP.has(which)) return
    else if (option.AT_ONCE.has(which)) this.#adjust(this.#core)
    else this.#stale = true
  }

  #adjust(core: CoreSocket): void {
    try {
      reconfigure(core, this.#optionsSoFar(hubOf(core).options.security))
    } catch (error) {
      throw translated(error)
    }
  }

  /** All of them, but for security while a key of CURVE is missing: of that the next bind or connect complains. */
  #optionsSoFar(security: Security | undefined): object {
    try {
      const options = this.#options(securityOf(this.values, this.context))
      this.#stale = false
      return options
    } catch (error) {
      if (!(error instanceof OptionError && error.option === "security")) throw error
      this.#stale = true
      return this.#options(security)
    }
  }

  #options(security: Security | undefined): object {
    return { ...coreOptions(this.kind, this.values), security }
  }

  /** The library's socket, for another endpoint. */
  #ready(): CoreSocket {
    const { core } = this
    if (this.#stale) {
      reconfigure(core, this.#options(securityOf(this.values, this.context)))
      this.#stale = false
    }
    return core
  }

  #subscribe(which: number, prefix: Bytes | null): void {
    const core = this.#core as (CoreSocket & Subscribing) | undefined
    if (core === undefined) {
      this.#early.push([which, prefix])
      return
    }
    try {
      if (which === option.SUBSCRIBE) core.subscribe(prefix ?? EMPTY)
      else core.unsubscribe(prefix ?? EMPTY)
    } catch (error) {
      // An XPublisher that does not work by hand.
      throw error instanceof StateError ? errnoError("EINVAL") : translated(error)
    }
  }

  // ── groups ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Joins or leaves a group. */
  group(action: "join" | "leave", value: unknown): void {
    this.checkOpen()
    const group = groupOf(value)
    if (!this.kind.joins) throw errnoError("ENOTSUP")
    try {
      const dish = this.core as Dish
      dish[action](group)
    } catch (error) {
      throw translated(error)
    }
  }

  // ── endpoints ──────────────────────────────────────────────────────────────────────────────────────────────────

  bind(owner: object, address: string): Promise<void> {
    this.checkOpen()
    return this.#blocking(owner, address, async () => {
      this.#check(address, "bind")
      const endpoint = await this.#ready().bind(this.context.endpointOf(address))
      this.#bound(this.context.addressOf(endpoint))
    })
  }

  unbind(owner: object, address: string): Promise<void> {
    this.checkOpen()
    return this.#blocking(owner, address, async () => {
      await this.#partWith(address)
    })
  }

  bindSync(address: string): void {
    this.checkOpen()
    try {
      this.#check(address, "bind")
      const endpoint = hubOf(this.#ready()).bindNow(this.context.endpointOf(address))
      if (endpoint === undefined) throw errnoError("ENOTSUP")
      this.#bound(this.context.addressOf(endpoint))
    } catch (error) {
      throw translated(error, address)
    }
  }

  unbindSync(address: string): void {
    this.checkOpen()
    try {
      void this.#partWith(address)
    } catch (error) {
      throw translated(error, address)
    }
  }

  connect(address: string): void {
    this.checkOpen()
    try {
      this.#check(address, "connect")
      const core = this.#ready()
      const endpoint = this.context.endpointOf(address)
      const routingId = this.values.octets(option.CONNECT_ROUTING_ID)
      this.values.keep(option.CONNECT_ROUTING_ID, null)
      if (routingId === null) core.connect(endpoint)
      else (core as CoreSocket & Pick<Router, "connect">).connect(endpoint, { routingId })
    } catch (error) {
      throw translated(error, address)
    }
    this.endpoints++
    this.values.keep(option.LAST_ENDPOINT, fromString(lastEndpointOf(address)))
    for (const queue of this.#observers) queue.connecting(address)
  }

  disconnect(address: string): void {
    this.checkOpen()
    try {
      void this.#partWith(address)
    } catch (error) {
      throw translated(error, address)
    }
  }

  #check(address: string, purpose: Purpose): void {
    checkProtocol(this.values.type, address, purpose)
    // Traffic that was to take another way takes none at all.
    const detour = this.values.octets(option.SOCKS_PROXY) ?? this.values.octets(option.INTERFACE)
    if (detour !== null && address.startsWith("tcp://")) throw errnoError("ENOTSUP", undefined, address)
  }

  /** Nothing else can be asked meanwhile, and the process goes on. */
  #blocking(owner: object, address: string, action: () => Promise<void>): Promise<void> {
    this.blocked = true
    this.#pin.hold(owner)
    const unblock = (): void => {
      this.blocked = false
      this.#pin.release()
      if (this.#closeRequested) this.close()
    }
    return action().then(unblock, (error: unknown) => {
      unblock()
      throw translated(error, address)
    })
  }

  /**
   * Whether it was bound, or connected to however often: libzmq makes no difference. All is done when this returns; the
   * promise is for the system.
   */
  #partWith(address: string): Promise<void> {
    checkProtocol(this.values.type, address, "part with")
    if (this.#core === undefined) throw errnoError("ENOENT")
    for (const queue of this.#observers) queue.parted(address)
    const hub = hubOf(this.#core)
    const endpoint = this.context.endpointOf(address)
    const connected = hub.connected.includes(endpoint)
    while (hub.connected.includes(endpoint)) hub.disconnect(endpoint)
    const parted = connected && !hub.endpoints.includes(endpoint) ? DONE : hub.unbind(endpoint)
    this.endpoints--
    return parted
  }

  #bound(address: string): void {
    this.endpoints++
    for (const queue of this.#observers) queue.bound(address)
    this.values.keep(option.LAST_ENDPOINT, fromString(lastEndpointOf(address)))
  }

  // ── life ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Events go there, too, from now on. */
  observe(queue: EventQueue): void {
    if (this.closed) throw errnoError("ENOTSOCK")
    this.#observers.push(queue)
    if (this.#core !== undefined) observe(hubOf(this.#core).monitor, this.context, queue)
  }

  close(): void {
    if (this.closed) return
    if (this.blocked) this.#closeRequested = true
    else void this.leave()
  }

  get lingers(): boolean {
    return !this.closed && !this.blocked && this.values.number(option.LINGER) !== 0
  }

  get blocky(): boolean {
    return this.context.blocky
  }

  leave(): Promise<void> {
    this.closed = true
    this.endpoints = 0
    for (const queue of this.#observers) queue.parting()
    const parting = this.#part()
    this.exchange.end()
    return parting
  }

  flush(): void {
    if (this.#core !== undefined) hubOf(this.#core).flush()
  }

  async #part(): Promise<void> {
    const closing = this.#core?.close({ linger: this.values.number(option.LINGER) })
    if (closing !== undefined) {
      atExit.left(this, closing)
      await closing
    }
    this.context.leave()
    for (const queue of this.#observers) queue.end()
    this.#observers.length = 0
  }
}

interface Subscribing {
  subscribe(prefix: Bytes): void
  unsubscribe(prefix: Bytes): void
}
