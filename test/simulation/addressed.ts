// DEALER and ROUTER: the one spreads, the other answers those it has heard of, by name.

import { begin, read, write } from "./acts.ts"
import { balanceOf } from "./pipeline.ts"
import type { Plan, Role, Station } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

export function addressed(world: World): Plan[] {
  const { random } = world
  const dealers = random.list(1, 3, (n) => ({
    name: `dealer${n}`,
    role: DEALER,
    options: {
      ...optionsOf(world, true, true),
      ...balanceOf(world),
      immediate: random.once(4),
      ...(random.once(2) && { routingId: `dealer${n}` }),
    },
  }))
  const routers = random.list(1, 2, (n) => ({
    name: `router${n}`,
    role: ROUTER,
    options: { ...optionsOf(world, true, true), mandatory: random.once(2), handover: random.once(2) },
  }))
  return meet(world, dealers, routers)
}

const DEALER: Role = {
  create: ({ library }, options) => new library.Dealer(options),
  start(station) {
    const { ledger, clock, random } = station.world
    read(station, (message) => ledger.received(station.name, message, clock.now))
    write(station, { letters: random.within(5, 50), single: false })
  },
  call: threeMore,
  inherits: true,
  counts: true,
}

const ROUTER: Role = {
  create: ({ library }, options) => new library.Router(options),
  start(station) {
    const { ledger, clock, random } = station.world
    const waiting = new Set<string>()
    read(station, ([address, ...message]) => {
      ledger.received(station.name, message, clock.now)
      if (address === undefined || random.once(3) || !station.open) return
      const name = Buffer.from(address).toString("hex")
      const how = waiting.has(name) ? "try" : random.pick(["wait", "try"])
      waiting.add(name)
      station.act(async () => {
        await station.send(begin(station, false), how, address)
        waiting.delete(name)
      })
    })
  },
  inherits: false,
  counts: true,
}

async function threeMore(station: Station): Promise<void> {
  for (let n = 0; n < 3; n++) await station.send(begin(station, false), "wait")
}
