// PUSH to PULL: each letter to one of them, however it is balanced.

import type { PeerLoad } from "brokerless"
import { begin, read, write } from "./acts.ts"
import type { Plan, Role } from "./station.ts"
import { meet, optionsOf } from "./topology.ts"
import type { World } from "./world.ts"

export function pipeline(world: World): Plan[] {
  const { random } = world
  const conflate = random.once(12)
  const push = pushRole(conflate)
  const pull = pullRole(conflate)
  const pushes = random.list(1, 3, (n) => ({
    name: `push${n}`,
    role: push,
    options: {
      ...optionsOf(world, true, false),
      immediate: random.once(4),
      ...(conflate ? { conflate } : balanceOf(world)),
    },
  }))
  const pulls = random.list(1, 3, (n) => ({
    name: `pull${n}`,
    role: pull,
    options: { ...optionsOf(world, false, true), ...(conflate && { conflate }) },
  }))
  return meet(world, pushes, pulls)
}

/** One of the ways to choose a peer. */
export function balanceOf(world: World): Record<string, unknown> {
  const { random, library } = world
  return random.choose<Record<string, unknown>>(
    [3, () => ({ balance: "round-robin" })],
    [2, () => ({ balance: "least-loaded", window: random.pick([4, 20, 256]) })],
    [
      1,
      () => ({ balance: library.byKey((frames: readonly Uint8Array[]) => String((frames.at(-1)?.length ?? 0) % 3)) }),
    ],
    [1, () => ({ balance: (peers: readonly PeerLoad[]) => peers.at(-1), window: random.pick([4, 256]) })],
  )
}

function pushRole(single: boolean): Role {
  return {
    create: ({ library }, options) => new library.Push(options),
    start: (station) => write(station, { letters: station.world.random.within(5, 60), single }),
    async call(station) {
      for (let n = 0; n < 3; n++) await station.send(begin(station, single), "wait")
    },
    inherits: true,
    counts: true,
  }
}

export function pullRole(single: boolean, shared = false): Role {
  return {
    create: ({ library }, options) => new library.Pull(options),
    start: (station) =>
      read(station, (message) => {
        const { ledger, clock } = station.world
        // Who conflates keeps the newest, and of two senders' any.
        ledger.received(station.name, message, clock.now, { shared })
      }),
    inherits: false,
    counts: !single || !shared,
  }
}
