// A place where a node is or may be: how far the acquaintance goes, and what is known of the node.

import type { Frame, Peer } from "brokerless"
import { Circuit, type CircuitSetup, type CircuitState } from "./circuit.ts"
import type { NodeFacts } from "./documents.ts"
import type { NodeEvent } from "./events.ts"

/**
 * `connecting`: nobody there yet. `joined`: connected, and we said who we are. `linked`: it said who it is.
 * `parked`: left alone for a while, because it is this very node, a node that is linked already, or was refused.
 */
export type ContactState = "connecting" | "joined" | "linked" | "parked"

/** How one came to know of a place. Those that were introduced are forgotten when nobody is there for long. */
export type Source = "seed" | "dns" | "introduced" | "self"

/** How fast old measurements of latency lose their weight. */
const SMOOTHING = 0.2
const HALF_LIFE_MS = 10_000

export class Contact {
  readonly endpoint: string
  source: Source
  state: ContactState = "connecting"
  /** Whether it is known if somebody is there. */
  tried = false
  /** Since when there has been nobody. */
  goneAt: number
  /** While parked: until when at most, and behind which node. */
  parkedUntil = 0
  parkedBehind: string | undefined
  peer: Peer | undefined
  /** How the socket knows the peer. */
  route: Frame | undefined
  node: NodeFacts | undefined
  /** Which version of our own description was sent over this connection. */
  told = 0
  /** When something was heard last. */
  heard = 0
  silent = false
  /** Its connection was lost, and it is not known yet whether the node is gone as well. */
  missing = false
  /** Attempts and streams of ours under way. */
  outstanding = 0
  /** By service and method. */
  readonly #circuits = new Map<string, Map<string, Circuit>>()
  #latency = 0
  #measuredAt = 0

  constructor(endpoint: string, source: Source, now: number) {
    this.endpoint = endpoint
    this.source = source
    this.goneAt = now
  }

  /** Milliseconds that an answer takes of late; fades with time, so that a node that was slow is tried again. */
  latency(now: number): number {
    return this.#latency * 0.5 ** ((now - this.#measuredAt) / HALF_LIFE_MS)
  }

  measured(ms: number, now: number): void {
    this.#latency = this.#measuredAt === 0 ? ms : this.#latency + SMOOTHING * (ms - this.#latency)
    this.#measuredAt = now
  }

  /** Undefined as long as nothing has failed. */
  circuit(service: string, method: string): Circuit | undefined {
    return this.#circuits.get(service)?.get(method)
  }

  /** The worst of all methods of a service. */
  circuitState(service: string): CircuitState {
    const states = [...(this.#circuits.get(service)?.values() ?? [])].map(({ state }) => state)
    if (states.includes("open")) return "open"
    return states.includes("half-open") ? "half-open" : "closed"
  }

  /** An attempt failed. */
  failed(
    service: string,
    method: string,
    now: number,
    setup: Omit<CircuitSetup, "changed">,
    changed: (state: CircuitState) => void,
  ): void {
    let circuits = this.#circuits.get(service)
    if (circuits === undefined) {
      circuits = new Map()
      this.#circuits.set(service, circuits)
    }
    let circuit = circuits.get(method)
    if (circuit === undefined) {
      circuit = new Circuit({ ...setup, changed })
      circuits.set(method, circuit)
    }
    circuit.failed(now)
  }

  /** Another node stands in this place: what the former one did is not held against it. */
  renew(): void {
    this.#circuits.clear()
    this.#latency = 0
    this.#measuredAt = 0
  }

  /** Services and methods of before are kept from piling up. */
  keepCircuitsOf(services: NodeFacts["services"]): void {
    for (const [service, circuits] of this.#circuits) {
      const methods = services.get(service)?.methods
      if (methods === undefined) this.#circuits.delete(service)
      else for (const method of circuits.keys()) if (!methods.has(method)) circuits.delete(method)
    }
  }

  get about(): NodeEvent {
    return { id: this.node?.id ?? "", name: this.node?.name ?? "", endpoint: this.endpoint }
  }
}
