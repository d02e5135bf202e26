// Contexts: what libzmq calls the world of a set of sockets. Here a context holds defaults for its sockets, counts
// them, and keeps its inproc names apart from those of others.

import { threadId } from "node:worker_threads"
import { errnoError } from "./errno.ts"
import { checkCount, illegalInvocation, isObject } from "./strict-arguments.ts"
import type { Options } from "./type-of-options.ts"
import { ZAP_ADDRESS, ZapClient } from "./zap.ts"

const MAX_SOCKETS_LIMIT = 65_535
const MAX_INT = 0x7fffffff

/** The numbers of the options. */
const IO_THREADS = 1
const MAX_SOCKETS = 2
const SOCKET_LIMIT = 3
const THREAD_SCHEDULING_POLICY = 4
const MAX_MESSAGE_SIZE = 5
const MESSAGE_STRUCT_SIZE = 6
const ZERO_COPY_RECEIVE = 10
const IPV6 = 42
const BLOCKY = 70

/** What the sockets of a context need of it, and applications never see. */
export class ContextState {
  readonly values: Map<number, number> = new Map([
    [IO_THREADS, 1],
    [MAX_SOCKETS, 1023],
    [MAX_MESSAGE_SIZE, MAX_INT],
    [ZERO_COPY_RECEIVE, 1],
    [IPV6, 0],
    [BLOCKY, 1],
  ])
  /** Before every inproc name; empty for the default context, whose names are those of the whole library. */
  readonly prefix: string
  /** Asks the ZAP handler. */
  readonly zap: ZapClient
  #sockets = 0
  /** How many there may be: as the option was when the first came. */
  #most: number | undefined

  constructor(prefix: string) {
    this.prefix = prefix
    this.zap = new ZapClient(this.endpointOf(ZAP_ADDRESS))
  }

  get ipv6(): boolean {
    return this.values.get(IPV6) === 1
  }

  get blocky(): boolean {
    return this.values.get(BLOCKY) === 1
  }

  /** How long the sockets of this context linger, unless they say otherwise. */
  get linger(): number {
    return this.blocky ? -1 : 0
  }

  /** One socket more. Throws `EMFILE`. */
  enter(): void {
    this.#most ??= this.values.get(MAX_SOCKETS) as number
    if (this.#sockets >= this.#most) throw errnoError("EMFILE")
    this.#sockets++
  }

  leave(): void {
    this.#sockets--
  }

  /** The endpoint that the library is given for an address. */
  endpointOf(address: string): string {
    return this.prefix !== "" && address.startsWith(INPROC)
      ? `${INPROC}${this.prefix}${address.slice(INPROC.length)}`
      : address
  }

  /** The inverse of {@link ContextState.endpointOf}. */
  addressOf(endpoint: string): string {
    return this.prefix !== "" && endpoint.startsWith(INPROC + this.prefix)
      ? INPROC + endpoint.slice(INPROC.length + this.prefix.length)
      : endpoint
  }

  get(option: number): number {
    if (option === SOCKET_LIMIT) return MAX_SOCKETS_LIMIT
    if (option === MESSAGE_STRUCT_SIZE) return 64
    const value = this.values.get(option)
    if (value === undefined || option === THREAD_SCHEDULING_POLICY) throw errnoError("EINVAL")
    return value
  }

  set(option: number, value: number): void {
    if (!accepts(option, value)) throw errnoError("EINVAL")
    if (option !== SOCKET_LIMIT && option !== THREAD_SCHEDULING_POLICY) this.values.set(option, value)
  }
}

const INPROC = "inproc://"

function accepts(option: number, value: number): boolean {
  switch (option) {
    case IO_THREADS:
    case SOCKET_LIMIT:
    case THREAD_SCHEDULING_POLICY:
    case MAX_MESSAGE_SIZE:
      return value >= 0
    case MAX_SOCKETS:
      return value >= 1 && value <= MAX_SOCKETS_LIMIT
    case ZERO_COPY_RECEIVE:
    case IPV6:
    case BLOCKY:
      return value === 0 || value === 1
    default:
      return false
  }
}

let contexts = 0

/** How sockets reach the state of their context. */
export let stateOf: (context: object) => ContextState | undefined

/**
 * A world of sockets of its own: inproc names of one context mean nothing in another. There is hardly a reason to have
 * more than the default {@link context}.
 */
export class Context {
  readonly #state: ContextState

  static {
    stateOf = (context) => (#state in context ? context.#state : undefined)
  }

  /** @throws TypeError for an option that does not exist; an error with code `EINVAL` for a value that is refused */
  constructor(options?: Options<Context>) {
    if (options !== undefined && !isObject(options)) throw new TypeError("Options must be an object")
    checkCount(arguments, 1)
    this.#state = new ContextState(contexts === 0 ? "" : `\u0000${threadId}.${contexts}\u0000`)
    contexts++
    Object.seal(this)
    if (options !== undefined) Object.assign(this, options)
  }

  protected getBoolOption(option: number): boolean {
    return stateIn(this).get(identifier(option)) !== 0
  }

  protected setBoolOption(option: number, value: boolean): void {
    const state = stateIn(this)
    identifier(option)
    if (typeof value !== "boolean") throw new TypeError("Option value must be a boolean")
    state.set(option, value ? 1 : 0)
  }

  protected getInt32Option(option: number): number {
    return stateIn(this).get(identifier(option))
  }

  protected setInt32Option(option: number, value: number): void {
    const state = stateIn(this)
    identifier(option)
    if (typeof value !== "number") throw new TypeError("Option value must be a number")
    state.set(option, value | 0)
  }
}

/** The state of what a method was called on. */
function stateIn(context: Context): ContextState {
  const state = isObject(context) ? stateOf(context) : undefined
  if (state === undefined) throw illegalInvocation()
  return state
}

/** The options of a context. All but `maxSockets`, `ipv6` and `blocky` are kept and have no effect. */
export interface Context {
  /** Whether sockets linger until all is sent, unless they say otherwise. Default true. */
  blocky: boolean
  /** Kept; there are no such threads. Default 1. */
  ioThreads: number
  /** Kept. Default 2147483647 octets. */
  maxMessageSize: number
  /** How many sockets may be open. Default 1023. */
  maxSockets: number
  /** Whether sockets use IPv6, unless they say otherwise. Default false. */
  ipv6: boolean
  /** Can be set; there are no such threads. */
  threadPriority: number
  /** Can be set; there are no such threads. */
  threadSchedulingPolicy: number
  /** What `maxSockets` can be at most. */
  readonly maxSocketsLimit: number
}

export function identifier(option: unknown): number {
  if (typeof option !== "number") throw new TypeError("Identifier must be a number")
  return option | 0
}

type Access = "get" | "set" | "both"

const ACCESSORS: readonly (readonly [name: string, option: number, type: "Int32" | "Bool", access: Access])[] = [
  ["ioThreads", IO_THREADS, "Int32", "both"],
  ["maxSockets", MAX_SOCKETS, "Int32", "both"],
  ["maxSocketsLimit", SOCKET_LIMIT, "Int32", "get"],
  ["threadPriority", SOCKET_LIMIT, "Int32", "set"],
  ["threadSchedulingPolicy", THREAD_SCHEDULING_POLICY, "Int32", "set"],
  ["maxMessageSize", MAX_MESSAGE_SIZE, "Int32", "both"],
  ["ipv6", IPV6, "Bool", "both"],
  ["blocky", BLOCKY, "Bool", "both"],
]
for (const [name, option, type, access] of ACCESSORS) defineOption(Context, name, option, type, access)

/** An accessor of an option, which asks the methods of the instance, as those of subclasses do. */
export function defineOption(
  target: { readonly prototype: object },
  name: string,
  option: number,
  type: string,
  access: Access,
  values?: readonly unknown[],
): void {
  type Methods = Record<string, (option: number, value?: unknown) => unknown>
  const descriptor: PropertyDescriptor = {}
  if (access !== "set") {
    const getter = `get${type}Option`
    descriptor.get = function get(this: Methods) {
      const value = (this[getter] as Methods[string])(option)
      return values === undefined ? value : values[value as number]
    }
  }
  if (access !== "get") {
    const setter = `set${type}Option`
    descriptor.set = function set(this: Methods, value: unknown) {
      ;(this[setter] as Methods[string])(option, values === undefined ? value : values.indexOf(value))
    }
  }
  Object.defineProperty(target.prototype, name, descriptor)
}

/** The context of all sockets that are given no other. */
export const context: Context = new Context()
