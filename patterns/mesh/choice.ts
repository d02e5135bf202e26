// Which node is asked: of those who can be asked now, the one with the least to do.

import type { Contact } from "./contact.ts"

export interface ChoiceSetup {
  readonly balance: "least-outstanding" | "latency"
  readonly maxOutstanding: number
}

/** Why a node that offers a service is not asked; the worst of all nodes is told. */
export type Obstacle = "lacks the method" | "unhealthy" | "draining" | "silent" | "at its limit" | "circuit open"

/** The best node for a call that need not be avoided, or undefined. `obstacle` is told of each that cannot be asked. */
export function choose(
  setup: ChoiceSetup,
  candidates: Iterable<Contact>,
  call: { readonly service: string; readonly method: string },
  avoided: (contact: Contact) => boolean,
  now: number,
  obstacle: (obstacle: Obstacle) => void,
): Contact | undefined {
  let best: Contact | undefined
  let bestCost = Number.POSITIVE_INFINITY
  let equals = 1
  for (const contact of candidates) {
    if (avoided(contact)) continue
    const hindrance = obstacleOf(setup, contact, call, now)
    if (hindrance !== undefined) {
      obstacle(hindrance)
      continue
    }
    const cost = costOf(setup, contact, now)
    if (cost > bestCost) continue
    // Each of those that are equal gets its share.
    equals = cost === bestCost ? equals + 1 : 1
    if (equals > 1 && Math.random() * equals >= 1) continue
    best = contact
    bestCost = cost
  }
  return best
}

/**
 * Of the nodes that are kept from being asked by an open circuit and by nothing else, the one whose turn comes next; or
 * undefined. For a call that does no harm when it fails, and for which `choose` finds nobody.
 */
export function chooseFailing(
  setup: ChoiceSetup,
  candidates: Iterable<Contact>,
  call: { readonly service: string; readonly method: string },
  avoided: (contact: Contact) => boolean,
  now: number,
): Contact | undefined {
  let next: Contact | undefined
  let turn = Number.POSITIVE_INFINITY
  for (const contact of candidates) {
    if (avoided(contact) || obstacleOf(setup, contact, call, now) !== "circuit open") continue
    const circuit = contact.circuit(call.service, call.method)
    if (circuit === undefined || !circuit.passesOne(now) || circuit.openUntil >= turn) continue
    next = contact
    turn = circuit.openUntil
  }
  return next
}

function obstacleOf(
  setup: ChoiceSetup,
  contact: Contact,
  { service, method }: { readonly service: string; readonly method: string },
  now: number,
): Obstacle | undefined {
  const offered = contact.node?.services.get(service)
  if (offered === undefined || !offered.methods.has(method)) return "lacks the method"
  if (contact.node?.draining === true) return "draining"
  if (!offered.healthy) return "unhealthy"
  if (contact.silent) return "silent"
  if (contact.outstanding >= setup.maxOutstanding) return "at its limit"
  return (contact.circuit(service, method)?.passes(now) ?? true) ? undefined : "circuit open"
}

function costOf(setup: ChoiceSetup, contact: Contact, now: number): number {
  if (setup.balance === "latency") return (contact.outstanding + 1) * contact.latency(now)
  return contact.outstanding
}
