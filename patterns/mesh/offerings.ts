// What this node offers: services and their methods, found by exactly what a caller sends, and by nothing that a
// prototype might answer to.

import { OptionError, StateError } from "brokerless"
import type { CallContext, Offering, OfferOptions } from "./contract.ts"
import { MAX_METHODS, MAX_SERVICES, type ServiceFacts } from "./documents.ts"
import { isName } from "./wire.ts"

/** A handler that has lost its types on the way. */
export type AnyHandler = (context: CallContext, ...args: unknown[]) => unknown

/** One method on offer. */
export interface Method {
  readonly handler: AnyHandler
  readonly idempotent: boolean
  readonly offering: OwnService
}

export class Offerings {
  readonly #services = new Map<string, OwnService>()
  readonly #methods = new Map<string, Method>()
  readonly #changed: () => void

  /** `changed` is called whenever others have to be told. */
  constructor(changed: () => void) {
    this.#changed = changed
  }

  /** The method behind `service/method`. */
  find(target: string): Method | undefined {
    return this.#methods.get(target)
  }

  get size(): number {
    return this.#services.size
  }

  get all(): IterableIterator<OwnService> {
    return this.#services.values()
  }

  get facts(): Map<string, ServiceFacts> {
    return new Map([...this.#services].map(([name, { healthy, methods }]) => [name, { healthy, methods }]))
  }

  add(service: string, handlers: object, options: OfferOptions<unknown>): Offering {
    if (!isName(service)) throw new OptionError("service", nameRule("A service", service))
    if (this.#services.has(service)) throw new StateError(`This node offers ${service} already`)
    if (this.#services.size >= MAX_SERVICES) throw new OptionError("service", `A node offers ${MAX_SERVICES} at most`)
    const methods = methodsOf(handlers)
    const { idempotent = false } = options
    const isIdempotent = idempotency(idempotent as boolean | readonly string[], [...methods.keys()])
    const offering: OwnService = new OwnService(service, this.#changed, () => this.#withdraw(offering))
    for (const [name, handler] of methods) {
      const method = { handler, idempotent: isIdempotent(name), offering }
      offering.methods.set(name, method)
      this.#methods.set(`${service}/${name}`, method)
    }
    this.#services.set(service, offering)
    this.#changed()
    return offering
  }

  #withdraw(offering: OwnService): void {
    if (this.#services.get(offering.service) !== offering) return
    this.#services.delete(offering.service)
    for (const name of offering.methods.keys()) this.#methods.delete(`${offering.service}/${name}`)
    this.#changed()
  }
}

/** A service that this node offers. */
export class OwnService implements Offering {
  readonly service: string
  readonly methods: Map<string, Method> = new Map()
  running = 0
  readonly #changed: () => void
  readonly #withdraw: () => void
  #healthy = true

  constructor(service: string, changed: () => void, withdraw: () => void) {
    this.service = service
    this.#changed = changed
    this.#withdraw = withdraw
  }

  get healthy(): boolean {
    return this.#healthy
  }

  set healthy(healthy: boolean) {
    if (typeof healthy !== "boolean") throw new OptionError("healthy", "healthy must be true or false")
    if (healthy === this.#healthy) return
    this.#healthy = healthy
    this.#changed()
  }

  withdraw(): void {
    this.#withdraw()
  }
}

/** The functions of an object and of its class, by name. */
function methodsOf(handlers: object): Map<string, AnyHandler> {
  if (typeof handlers !== "object" || handlers === null) {
    throw new OptionError("handlers", "The handlers of a service must be an object of functions")
  }
  const methods = new Map<string, AnyHandler>()
  for (let level = handlers; level !== Object.prototype && level !== null; level = Object.getPrototypeOf(level)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (name === "constructor" || typeof value !== "function" || methods.has(name)) continue
      // A client with such a method would be taken for a promise.
      if (name === "then") throw new OptionError("handlers", "A method of a service cannot be named then")
      if (!isName(name)) throw new OptionError("handlers", nameRule("A method", name))
      methods.set(name, (value as AnyHandler).bind(handlers))
    }
  }
  if (methods.size === 0) throw new OptionError("handlers", "A service needs at least one method")
  if (methods.size > MAX_METHODS) throw new OptionError("handlers", `A service has ${MAX_METHODS} methods at most`)
  return methods
}

function idempotency(given: boolean | readonly string[], methods: readonly string[]): (name: string) => boolean {
  if (typeof given === "boolean") return () => given
  const strange = Array.isArray(given) ? given.find((name) => !methods.includes(name as string)) : String(given)
  if (strange !== undefined) {
    throw new OptionError("idempotent", `idempotent must be true, false or a list of methods, got ${String(strange)}`)
  }
  return (name) => given.includes(name)
}

export function nameRule(what: string, got: unknown): string {
  const shown = typeof got === "string" ? JSON.stringify(got.slice(0, 64)) : typeof got
  return `${what} is named by text without blanks and slashes, of at most 255 octets, got ${shown}`
}
