// Places found under a name: A and AAAA records with a port, or SRV records, which bring their own (RFC 1035, RFC
// 2782), as headless services of Kubernetes have them. Looked up again and again; a look-up that fails changes nothing.

import { Resolver } from "node:dns/promises"
import { whenAwake } from "./waking-time.ts"

/** What of `node:dns/promises` is used; a resolver of one's own has the same. */
export interface MeshResolver {
  resolve4(name: string): Promise<string[]>
  resolve6(name: string): Promise<string[]>
  resolveSrv(name: string): Promise<{ readonly name: string; readonly port: number }[]>
}

/** A name under which nodes are found. */
export interface DnsSource {
  /** The full name, such as `pricing.default.svc.cluster.local`, or `_mesh._tcp.pricing.default.svc.cluster.local`. */
  readonly name: string
  /** `"A"` and `"AAAA"` find addresses, for which `port` says where the nodes are; `"SRV"` finds both. */
  readonly type: "A" | "AAAA" | "SRV"
  /** Of all nodes behind A and AAAA records. */
  readonly port?: number | undefined
  /** Milliseconds between two look-ups. Default 5000. */
  readonly interval?: number | undefined
}

export interface WatchSetup {
  readonly source: DnsSource
  readonly resolver: MeshResolver
  /** More places than this are left out. */
  readonly most: number
  /** Called with all places that are there now. */
  readonly found: (endpoints: readonly string[]) => void
  readonly failed: (error: Error) => void
}

/** How long a look-up may take, in ms. */
const PATIENCE = 5000

/** Looks one name up until it is stopped. */
export class DnsWatch {
  readonly #setup: WatchSetup
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** Whether the first look-up has ended, one way or the other. */
  settled = false

  constructor(setup: WatchSetup) {
    this.#setup = setup
    void this.#look()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const { source, most, found, failed } = this.#setup
    try {
      const endpoints = [...new Set(await inTime(this.#resolve(), source.name))].slice(0, most)
      this.settled = true
      if (!this.#stopped) found(endpoints)
    } catch (error) {
      this.settled = true
      if (!this.#stopped) failed(error instanceof Error ? error : new Error(String(error)))
    }
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#look(), source.interval ?? 5000)
    this.#timer.unref()
  }

  async #resolve(): Promise<string[]> {
    const { source, resolver, most } = this.#setup
    const { name, type, port } = source
    if (type === "A") return (await resolver.resolve4(name)).map((address) => at(address, port))
    if (type === "AAAA") return (await resolver.resolve6(name)).map((address) => at(address, port))
    const records = (await resolver.resolveSrv(name)).slice(0, most)
    const places = await Promise.all(
      records.map(async (record) => (await this.#addresses(record.name)).map((address) => at(address, record.port))),
    )
    return places.flat()
  }

  /** The addresses of the target of an SRV record; the name itself, when the system may know more about it. */
  async #addresses(name: string): Promise<string[]> {
    const { resolver } = this.#setup
    try {
      return await resolver.resolve4(name)
    } catch {
      return resolver.resolve6(name).catch(() => [name])
    }
  }
}

/** The resolver of a node that was given none. */
export function systemResolver(): MeshResolver {
  return new Resolver({ timeout: 1000, tries: 2 })
}

function at(host: string, port: number | undefined): string {
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`
}

function inTime<T>(promise: Promise<T>, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const forgo = whenAwake(PATIENCE, () => reject(new Error(`${name} was not looked up within ${PATIENCE} ms`)))
    promise.then(resolve, reject).finally(forgo)
  })
}
