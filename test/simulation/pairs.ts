// PAIR and PAIR: one peer each, both ways.

import { begin, read, write } from "./acts.ts"
import type { Plan, Role } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

export function pairs(world: World): Plan[] {
  const party = (name: string) => ({
    name,
    role: PAIR,
    options: { ...optionsOf(world, true, true), immediate: world.random.once(4) },
  })
  return meet(world, [party("pair0")], [party("pair1")])
}

const PAIR: Role = {
  create: ({ library }, options) => new library.Pair(options),
  start(station) {
    const { ledger, clock, random } = station.world
    read(station, (message) => ledger.received(station.name, message, clock.now))
    write(station, { letters: random.within(5, 60), single: false })
  },
  async call(station) {
    for (let n = 0; n < 3; n++) await station.send(begin(station, false), "wait")
  },
  inherits: true,
  counts: true,
}
