// Who binds, who connects to whom, and with which options: all of it random, and all of it such that everybody has
// somebody to talk to when nothing is wrong.

import type { Plan, Role } from "./station.ts"
import type { World } from "./world.ts"

export interface Party {
  readonly name: string
  readonly role: Role
  readonly options: Readonly<Record<string, unknown>>
}

/** Plans for both sides: everybody meets somebody of the other side, and no two meet twice. */
export function meet(world: World, left: readonly Party[], right: readonly Party[]): Plan[] {
  const { random } = world
  const binder = random.pick(["left", "right", "either"])
  const binds = new Map<Party, string>()
  const connects = new Map<Party, string[]>()
  const join = (one: Party, other: Party): void => {
    const leftBinds = binder === "left" || (binder === "either" && random.once(2))
    const [host, guest] = leftBinds ? [one, other] : [other, one]
    const endpoint = binds.get(host) ?? endpointOf(world, binds.size)
    binds.set(host, endpoint)
    connects.set(guest, [...(connects.get(guest) ?? []), endpoint])
  }
  const met = new Set<Party>()
  const all = random.once(2)
  for (const one of left) {
    for (const other of right) {
      const alone = (!met.has(one) && other === right.at(-1)) || (!met.has(other) && one === left.at(-1))
      if (!all && !alone && random.once(2)) continue
      join(one, other)
      met.add(one).add(other)
    }
  }
  return [...left, ...right].map((party) => {
    const endpoint = binds.get(party)
    return { ...party, binds: endpoint === undefined ? [] : [endpoint], connects: connects.get(party) ?? [] }
  })
}

function endpointOf({ wired }: World, index: number): string {
  return wired ? `tcp://127.0.0.1:${5000 + index}` : `inproc://simulation-${index}`
}

/** Options of a socket that does both; `drop` names those that its class does not have. */
export function optionsOf(world: World, sends: boolean, receives: boolean): Record<string, unknown> {
  const { random, peaceful } = world
  const heartbeatInterval = random.pick([0, 100, 10_000])
  const options: Record<string, unknown> = {
    batchDelay: random.pick([0, 0, 0, 1, 5]),
    batchBytes: random.pick([1000, 256 * 1024]),
    heartbeatInterval,
    heartbeatTimeout: peaceful ? 2000 : random.pick([200, 2000]),
    // It has to be longer than the interval to be kept.
    heartbeatTimeToLive: heartbeatInterval === 100 ? random.pick([0, 500]) : 0,
    connectTimeout: random.pick([300, 1000]),
    reconnectInterval: random.pick([1, 20, 100]),
    reconnectMaxInterval: random.pick([0, 200, 1000]),
    linger: random.pick([0, 100, 1000, 10_000]),
  }
  if (random.once(6)) options.maxBufferedBytes = random.pick([500, 20_000])
  if (!peaceful && random.once(6)) options.stallTimeout = 300
  if (sends) {
    options.sendHighWaterMark = random.pick([1, 2, 5, 20, 1000])
    if (random.once(6)) options.sendHighWaterMarkBytes = 2000
  }
  if (receives) {
    options.receiveHighWaterMark = random.pick([1, 2, 5, 20, 1000])
    if (random.once(6)) options.receiveHighWaterMarkBytes = 2000
  }
  return options
}
