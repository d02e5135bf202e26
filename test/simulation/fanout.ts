// FANOUT to PULL: each letter to all of them.

import { begin, write } from "./acts.ts"
import { pullRole } from "./pipeline.ts"
import type { Plan, Role } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

export function fanout(world: World): Plan[] {
  const { random } = world
  const pull = pullRole(false, true)
  const overflow = random.pick(world.peaceful ? ["wait", "drop"] : ["wait", "drop", "disconnect"])
  const fanouts = random.list(1, 2, (n) => ({
    name: `fanout${n}`,
    role: FANOUT,
    options: {
      ...optionsOf(world, true, false),
      overflow,
      // What all queues together may hold would part it from peers that keep up.
      ...(overflow === "disconnect" && { maxBufferedBytes: 0 }),
    },
  }))
  const pulls = random.list(1, 4, (n) => ({ name: `pull${n}`, role: pull, options: optionsOf(world, false, true) }))
  return meet(world, fanouts, pulls)
}

const FANOUT: Role = {
  create: ({ library }, options) => new library.Fanout(options),
  start: (station) => write(station, { letters: station.world.random.within(5, 40), single: false }),
  async call(station) {
    const { world, socket } = station
    for (let n = 0; n < 3; n++) {
      const peers = socket.peers.length
      const letter = begin(station, false)
      const { dropped } = socket.stats
      const droppedBefore = dropped["high-water-mark"]
      await station.send(letter, "wait")
      await world.clock.sleep(1)
      // Where all queues together may hold little, the copies of one letter may be too much.
      const tight = station.plan.options.maxBufferedBytes !== undefined
      const lost = (): number => (tight ? dropped["high-water-mark"] - droppedBefore : 0)
      const arrived = (): boolean => letter.receivers.size + lost() === peers
      for (let ms = 0; ms < 20_000 && !arrived(); ms += 5) await world.clock.sleep(5)
      if (!arrived()) world.fail(`Letter ${letter.id} of ${station.name} came to ${letter.receivers.size} of ${peers}`)
    }
  },
  inherits: false,
  // Each letter is many messages.
  counts: false,
}
