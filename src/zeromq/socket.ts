// What all sockets of this door have in common. The object that an application holds is sealed and holds nothing but
// its handle: when nobody holds it any more, the handle is closed.

import { type Bytes, fromString, isBytes } from "../bytes.ts"
import type { Message } from "../message.ts"
import { SKIP } from "../socket/inbox.ts"
import { type Context, context as defaultContext, defineOption, identifier, stateOf } from "./context.ts"
import { DRAFT_KINDS } from "./draft-kinds.ts"
import { errnoError } from "./errno.ts"
import { Handle } from "./handle.ts"
import { handleOf, knowHandles } from "./handle-of.ts"
import { makeIterable } from "./iteration.ts"
import { Observer } from "./observer.ts"
import type { OptionValue } from "./option-values.ts"
import { SOCKET_KINDS } from "./socket-kinds.ts"
import { checkAddress, checkCount, illegalInvocation, invalidArgument, isObject } from "./strict-arguments.ts"

/** The types of sockets, by their numbers. */
export type SocketType = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18

/** The handle of what a method was called on. */
let handleIn: (socket: Socket) => Handle

const forgotten = new FinalizationRegistry<Handle>((handle) => handle.close())

/**
 * A socket. Applications use its subclasses.
 *
 * Options can be set when it is made, or later by assigning to the property of their name; most take effect at the next
 * bind or connect.
 */
export abstract class Socket {
  readonly #handle: Handle
  #context: Context | undefined
  #events: Observer | undefined

  static {
    handleIn = (socket) => {
      if (!isObject(socket) || !(#handle in socket)) throw illegalInvocation()
      return socket.#handle
    }
    knowHandles((object) => (#handle in object ? object.#handle : undefined))
  }

  /**
   * @throws TypeError for an option that does not exist; an error with code `EINVAL` for a value that is refused, and
   * with `EMFILE` if the context has as many sockets as it may
   */
  protected constructor(type: SocketType, options?: object) {
    if (typeof type !== "number") throw new TypeError("Socket type must be a number")
    if (options !== undefined && !isObject(options)) throw new TypeError("Options must be an object")
    checkCount(arguments, 2)
    const kind = SOCKET_KINDS.get(type | 0) ?? DRAFT_KINDS.get(type | 0)
    this.#context = takeContext(options)
    const state = stateOf(this.#context)
    if (kind === undefined || state === undefined) throw errnoError("EINVAL")
    this.#handle = new Handle(kind, type | 0, state)
    forgotten.register(this, this.#handle)
    Object.seal(this)
    if (options !== undefined) Object.assign(this, options)
  }

  /** What happens to this socket. The same object at every access. */
  get events(): Observer {
    if (handleBehind(this).closed) throw errnoError("ENOTSOCK")
    this.#events ??= new Observer(this)
    return this.#events
  }

  /** The context that it was made in. */
  get context(): Context {
    return (handleBehind(this).closed ? undefined : this.#context) as Context
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return handleBehind(this).closed
  }

  /** Whether a receive would act at once. */
  get readable(): boolean {
    const { closed, exchange } = handleBehind(this)
    return !closed && exchange.readable
  }

  /** Whether a send would act at once. */
  get writable(): boolean {
    const { closed, exchange } = handleBehind(this)
    return !closed && exchange.writable
  }

  /**
   * Closes it. What was accepted goes on being sent in the background for as long as `linger` says. A socket that
   * nobody holds any more, and on which nothing waits, closes by itself.
   */
  close(): void {
    const handle = handleIn(this)
    checkCount(arguments, 0)
    handle.close()
  }

  /**
   * Accepts peers at an address. Nothing else can be done with the socket until the promise is settled.
   *
   * @throws as a rejection, an error with the code of the system (`EADDRINUSE`, …) and the address
   */
  bind(address: string): Promise<void> {
    return handleIn(this).bind(this, checkAddress(arguments))
  }

  /** As `bind`, at once. The name of a host, or a path where something is, takes some ten milliseconds. */
  bindSync(address: string): void {
    handleIn(this).bindSync(checkAddress(arguments))
  }

  /** Accepts no more peers at an address, and parts with those that came through it. */
  unbind(address: string): Promise<void> {
    return handleIn(this).unbind(this, checkAddress(arguments))
  }

  /** As `unbind`, at once. */
  unbindSync(address: string): void {
    handleIn(this).unbindSync(checkAddress(arguments))
  }

  /** Connects to an address, now or when somebody is there, and again whenever the connection is lost. */
  connect(address: string): void {
    handleIn(this).connect(checkAddress(arguments))
  }

  /** Parts with an address that was connected to. */
  disconnect(address: string): void {
    handleIn(this).disconnect(checkAddress(arguments))
  }

  protected getBoolOption(option: number): boolean {
    return handleIn(this).get(identifier(option), 4) !== 0
  }

  protected setBoolOption(option: number, value: boolean): void {
    const handle = handleIn(this)
    identifier(option)
    if (typeof value !== "boolean") throw new TypeError("Option value must be a boolean")
    handle.set(option, value ? 1 : 0, 4)
  }

  protected getInt32Option(option: number): number {
    return handleIn(this).get(identifier(option), 4) as number
  }

  protected setInt32Option(option: number, value: number): void {
    handleIn(this).set(identifier(option), checkNumber(value) | 0, 4)
  }

  protected getUint32Option(option: number): number {
    return (handleIn(this).get(identifier(option), 4) as number) >>> 0
  }

  protected setUint32Option(option: number, value: number): void {
    handleIn(this).set(identifier(option), checkNumber(value) | 0, 4)
  }

  protected getInt64Option(option: number): number {
    return handleIn(this).get(identifier(option), 8) as number
  }

  protected setInt64Option(option: number, value: number): void {
    handleIn(this).set(identifier(option), Math.trunc(checkNumber(value)) || 0, 8)
  }

  protected getUint64Option(option: number): number {
    const value = handleIn(this).get(identifier(option), 8) as number
    return value < 0 ? value + 2 ** 64 : value
  }

  protected setUint64Option(option: number, value: number): void {
    const handle = handleIn(this)
    identifier(option)
    if (checkNumber(value) > Number.MAX_SAFE_INTEGER) {
      process.emitWarning("Value is larger than Number.MAX_SAFE_INTEGER and may have been rounded inaccurately.")
    }
    handle.set(option, Math.max(0, Math.trunc(value)) || 0, 8)
  }

  protected getStringOption(option: number): string | null {
    const value = handleIn(this).get(identifier(option), "octets") as Bytes | null
    if (value === null || value.length === 0 || (value.length === 1 && value[0] === 0)) return null
    const end = value.indexOf(0)
    return value.toString("utf8", 0, end < 0 ? value.length : end)
  }

  protected setStringOption(option: number, value: string | Bytes | null): void {
    handleIn(this).set(identifier(option), octetsOf(value), "octets")
  }
}

/** The options of all sockets; those that libzmq alone would have a use for are kept and read back. */
export interface Socket {
  /** Kept; there are no I/O threads. Default 0. */
  affinity: number
  /** Kept; there is no multicast. Default 100. */
  rate: number
  /** Kept; there is no multicast. Default 10000 ms. */
  recoveryInterval: number
  /** For how many ms what was accepted is sent after `close`; -1 = until all is sent. Default -1, 0 on subscribers. */
  linger: number
  /** How long to wait before connecting again; -1 and 0 = never. Default 100 ms. */
  reconnectInterval: number
  /** How many connections the system may keep before they are accepted. Default 100. */
  backlog: number
  /** What the wait before connecting again grows to; 0 = it does not grow. Default 0 ms. */
  reconnectMaxInterval: number
  /** The largest message that is accepted from a peer; -1 = no limit. Default -1 octets. */
  maxMessageSize: number
  /** Lets the system probe idle connections: 1 = yes, 0 = no, -1 = as the system does. Default -1. */
  tcpKeepalive: number
  /** Kept. Default -1. */
  tcpKeepaliveCount: number
  /** After how much idleness the system begins to probe; -1 = as the system does. Default -1 s. */
  tcpKeepaliveIdle: number
  /** Kept. Default -1. */
  tcpKeepaliveInterval: number
  /** Refused: who comes in is for a ZAP handler. */
  tcpAcceptFilter: string | null
  /** Queues messages only for peers that are there. Default false. */
  immediate: boolean
  /** Uses IPv6, too. Default false. */
  ipv6: boolean
  /** Is the server of PLAIN. Default false. */
  plainServer: boolean
  /** The user name of a client of PLAIN. Default null. */
  plainUsername: string | null
  /** The password of a client of PLAIN. Default null. */
  plainPassword: string | null
  /** Is the server of CURVE. Default false. */
  curveServer: boolean
  /** The own public key. Cannot be read. */
  curvePublicKey: string | null
  /** The own secret key. Cannot be read. */
  curveSecretKey: string | null
  /** The public key of the server. Cannot be read. */
  curveServerKey: string | null
  /** Does not exist: there is no GSSAPI. */
  gssapiServer: boolean
  /** Does not exist: there is no GSSAPI. */
  gssapiPrincipal: string | null
  /** Does not exist: there is no GSSAPI. */
  gssapiServicePrincipal: string | null
  /** Does not exist: there is no GSSAPI. */
  gssapiPlainText: boolean
  /** Does not exist: there is no GSSAPI. */
  gssapiPrincipalNameType: "hostBased" | "userName" | "krb5Principal"
  /** Does not exist: there is no GSSAPI. */
  gssapiServicePrincipalNameType: "hostBased" | "userName" | "krb5Principal"
  /** What a ZAP handler is told of this socket. Default null. */
  zapDomain: string | null
  /** Kept. Default 0. */
  typeOfService: number
  /** How long a handshake may take; 0 = no limit. Default 30000 ms. */
  handshakeInterval: number
  /** Kept; there are no proxies of SOCKS, so nothing can be connected to by tcp then. Default null. */
  socksProxy: string | null
  /** After how much silence a peer is asked for a sign of life; 0 = never. Default 0 ms. */
  heartbeatInterval: number
  /** After how much silence of ours the peer is asked to give up; 0 = it is not asked. Default 0 ms. */
  heartbeatTimeToLive: number
  /** How long a peer may stay silent when it was asked; -1 = as long as the interval. Default -1 ms. */
  heartbeatTimeout: number
  /** How long one attempt to connect may take; 0 = as long as the system lets it. Default 0 ms. */
  connectTimeout: number
  /** Kept. Default 0. */
  tcpMaxRetransmitTimeout: number
  /** Kept; there is no multicast. Default 1500. */
  multicastMaxTransportDataUnit: number
  /** Refused: there is no VMCI. */
  vmciBufferSize: number
  /** Refused: there is no VMCI. */
  vmciBufferMinSize: number
  /** Refused: there is no VMCI. */
  vmciBufferMaxSize: number
  /** Refused: there is no VMCI. */
  vmciConnectTimeout: number
  /** Kept; no device can be chosen, so tcp cannot be used then. Default null. */
  interface: string | null
  /** Refuses peers of CURVE while there is a `zapDomain` and no handler. Default false. */
  zapEnforceDomain: boolean
  /** Kept. Default false. */
  loopbackFastPath: boolean
  /** The type, by its number. */
  readonly type: SocketType
  /** What was bound or connected last: of a wildcard, what the system chose. */
  readonly lastEndpoint: string | null
  /** The mechanism that the options ask for. */
  readonly securityMechanism: null | "plain" | "curve" | "gssapi"
  /** Whether several threads may use it. */
  readonly threadSafe: boolean
}

/** The options of all sockets: name, number, layout, and what can be done with it. */
const ACCESSORS: readonly (readonly [string, number, string, "get" | "set" | "both", (readonly unknown[])?])[] = [
  ["affinity", 4, "Uint64", "both"],
  ["rate", 8, "Int32", "both"],
  ["recoveryInterval", 9, "Int32", "both"],
  ["type", 16, "Int32", "get"],
  ["linger", 17, "Int32", "both"],
  ["reconnectInterval", 18, "Int32", "both"],
  ["backlog", 19, "Int32", "both"],
  ["reconnectMaxInterval", 21, "Int32", "both"],
  ["maxMessageSize", 22, "Int64", "both"],
  ["lastEndpoint", 32, "String", "get"],
  ["tcpKeepalive", 34, "Int32", "both"],
  ["tcpKeepaliveCount", 35, "Int32", "both"],
  ["tcpKeepaliveIdle", 36, "Int32", "both"],
  ["tcpKeepaliveInterval", 37, "Int32", "both"],
  ["tcpAcceptFilter", 38, "String", "both"],
  ["immediate", 39, "Bool", "both"],
  ["ipv6", 42, "Bool", "both"],
  ["securityMechanism", 43, "Int32", "get", [null, "plain", "curve", "gssapi"]],
  ["plainServer", 44, "Bool", "both"],
  ["plainUsername", 45, "String", "both"],
  ["plainPassword", 46, "String", "both"],
  ["curveServer", 47, "Bool", "both"],
  ["curvePublicKey", 48, "String", "both"],
  ["curveSecretKey", 49, "String", "both"],
  ["curveServerKey", 50, "String", "both"],
  ["zapDomain", 55, "String", "both"],
  ["typeOfService", 57, "Uint32", "both"],
  ["handshakeInterval", 66, "Int32", "both"],
  ["socksProxy", 68, "String", "both"],
  ["heartbeatInterval", 75, "Int32", "both"],
  ["heartbeatTimeToLive", 76, "Int32", "both"],
  ["heartbeatTimeout", 77, "Int32", "both"],
  ["connectTimeout", 79, "Int32", "both"],
  ["tcpMaxRetransmitTimeout", 80, "Int32", "both"],
  ["threadSafe", 81, "Bool", "get"],
  ["multicastMaxTransportDataUnit", 84, "Int32", "both"],
  ["vmciBufferSize", 85, "Uint64", "both"],
  ["vmciBufferMinSize", 86, "Uint64", "both"],
  ["vmciBufferMaxSize", 87, "Uint64", "both"],
  ["vmciConnectTimeout", 88, "Int32", "both"],
  ["interface", 92, "String", "both"],
  ["zapEnforceDomain", 93, "Bool", "both"],
  ["loopbackFastPath", 94, "Bool", "both"],
]
for (const [name, option, layout, access, values] of ACCESSORS) {
  defineOption(Socket, name, option, layout, access, values)
}

// What every socket has at run time, and by its type those alone that can make use of it.
const methods = {
  send(this: Socket, message: unknown, options?: unknown): Promise<void> {
    const handle = handleIn(this)
    if (message === undefined) throw new TypeError("Message must be present")
    if (handle.kind.label === undefined) checkCount(arguments, 1)
    else if (!isObject(options)) throw new TypeError("Options must be an object")
    else checkCount(arguments, 2)
    if (handle.closed || handle.blocked) handle.checkOpen()
    return handle.exchange.send(this, message, options as object | undefined)
  },
  receive(this: Socket): Promise<Message> {
    const handle = handleIn(this)
    checkCount(arguments, 0)
    if (handle.closed || handle.blocked) handle.checkOpen()
    return handle.exchange.receive(this)
  },
  join(this: Socket, ...groups: unknown[]): void {
    forEachGroup(this, "join", groups)
  },
  leave(this: Socket, ...groups: unknown[]): void {
    forEachGroup(this, "leave", groups)
  },
}

for (const key of Reflect.ownKeys(methods)) {
  const value = methods[key as keyof typeof methods]
  Object.defineProperty(Socket.prototype, key, { value, writable: true, configurable: true })
}

makeIterable(Socket, (receiver) => {
  const handle = handleOf(receiver)
  // A subclass may receive in its own way.
  if (handle === undefined || handle.closed || handle.blocked || receiver.receive !== methods.receive) return SKIP
  return handle.exchange.takeNow()
})

/** The handle of what a property was read of. */
function handleBehind(socket: Socket): Handle {
  const handle = isObject(socket) ? handleOf(socket) : undefined
  if (handle === undefined) throw invalidArgument()
  return handle
}

/** What is wrong with one group hinders none of the others; what is no group at all ends it. */
function forEachGroup(socket: Socket, action: "join" | "leave", groups: readonly unknown[]): void {
  const handle = handleIn(socket)
  let refusal: unknown
  for (const group of groups) {
    try {
      handle.group(action, group)
    } catch (error) {
      if (error instanceof TypeError) throw error
      refusal ??= error
    }
  }
  if (refusal !== undefined) throw refusal
}

/** The context among the options, which is no option: it is taken out. */
function takeContext(options: object | undefined): Context {
  if (options === undefined || !("context" in options)) return defaultContext
  const given = options.context
  Reflect.deleteProperty(options, "context")
  if (!isObject(given) || stateOf(given) === undefined) throw invalidArgument()
  return given as Context
}

function checkNumber(value: unknown): number {
  if (typeof value !== "number") throw new TypeError("Option value must be a number")
  return value
}

function octetsOf(value: unknown): OptionValue {
  if (value === null) return null
  if (typeof value === "string") return fromString(value)
  if (isBytes(value)) return Uint8Array.prototype.slice.call(value) as Bytes
  if (ArrayBuffer.isView(value)) return fromString("")
  throw new TypeError("Option value must be a string or buffer")
}
