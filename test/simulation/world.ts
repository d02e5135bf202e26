// What everybody in a simulated world shares.

import type { Random } from "../support/random.ts"
import type { Ledger } from "./ledger.ts"
import type { SimulatedClock } from "./simulated-clock.ts"
import type { SimulatedNetwork } from "./simulated-network.ts"
import type { Trace } from "./trace.ts"

/** The public door of the library under test: the production code, or a copy of it with a planted fault. */
export type Library = typeof import("brokerless")

/** What is going on: everything at once, then things come to order, then they are, then the end. */
export type Phase = "turmoil" | "order" | "calm" | "closing"

export interface World {
  readonly library: Library
  readonly clock: SimulatedClock
  readonly random: Random
  readonly trace: Trace
  readonly network: SimulatedNetwork
  readonly ledger: Ledger
  /** Whether nothing ever goes wrong in this world, so that nothing may be lost. */
  readonly peaceful: boolean
  /** Whether its endpoints are tcp, so that the network sees every message. */
  readonly wired: boolean
  phase: Phase
  /** Something is not as it has to be. */
  fail(what: string): void
}
