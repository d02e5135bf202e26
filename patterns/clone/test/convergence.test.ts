// Random changes by several clients, with connections and servers lost in between: in the end everybody has the same.

import type { CloneClient } from "brokerless/patterns/clone"
import { describe, expect, it } from "vitest"
import { Random } from "../../../test/support/random.ts"
import { until } from "../../../test/support/until.ts"
import { Relay, vacant } from "./relay.ts"
import { Stage, tableOf } from "./stage.ts"

const KEYS = 40

/** Some client does something to some key. What becomes of it is of no interest, but that it ends. */
function change(random: Random, client: CloneClient<number>): Promise<unknown> {
  const key = `/${random.pick(["a", "b"])}/${random.below(KEYS)}`
  const made = random.choose<Promise<void>>(
    [6, () => client.set(key, random.below(1_000_000))],
    [2, () => client.delete(key)],
    [1, () => client.set(key, random.below(1_000_000), { ttl: 1000 })],
  )
  return made.catch(() => {})
}

function agree(clients: readonly CloneClient<number>[]): boolean {
  const [first, ...others] = clients.map((client) => JSON.stringify(tableOf(client)))
  return clients.every((client) => client.synchronized) && others.every((other) => other === first)
}

describe("clients that change what they like", () => {
  it.each([11, 12, 13])("agree with their server at last, whatever is cut on the way (seed %i)", async (seed) => {
    const random = new Random(seed)
    await using stage = new Stage()
    const server = stage.server()
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const shaky = await vacant()
    const relay = stage.use(await Relay.open(shaky, endpoint))
    const clients = await Promise.all([endpoint, endpoint, shaky, shaky].map((at) => stage.follower([at])))
    const part = await stage.follower([shaky], { subtree: "/a/" })
    const made: Promise<unknown>[] = []
    for (let i = 0; i < 1500; i++) {
      made.push(change(random, random.pick(clients)))
      if (random.once(300)) relay.cut()
      if (random.once(3)) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(made)
    const [first] = clients as [CloneClient<number>]
    const partOfAll = (): Record<string, number> =>
      Object.fromEntries(Object.entries(tableOf(first)).filter(([key]) => key.startsWith("/a/")))
    // All at one moment: values still come to their end.
    await until(
      () =>
        agree(clients) &&
        first.size === server.stats.keys &&
        part.synchronized &&
        JSON.stringify(tableOf(part)) === JSON.stringify(partOfAll()),
      "all agree",
    )
    for (const [key, value] of first) expect(String(server.get(key))).toBe(String(value))
    expect(tableOf(part)).toEqual(partOfAll())
  })

  it.each([21, 22])("agree at last although servers come and go (seed %i)", async (seed) => {
    const random = new Random(seed)
    await using stage = new Stage()
    const at = [await vacant(), await vacant()] as const
    const start = async (i: 0 | 1) => {
      const server = stage.server({ peer: at[1 - i], role: i === 0 ? "primary" : "backup" })
      await server.bind(at[i])
      return server
    }
    const servers = [await start(0), await start(1)]
    const clients = await Promise.all([1, 2, 3].map(() => stage.follower(at, { timeout: 8000 })))
    const made: Promise<unknown>[] = []
    for (const victim of [0, 1, 0] as const) {
      await until(() => servers.some((one) => one.state === "passive"), "there is a copy")
      for (let i = 0; i < 200; i++) {
        made.push(change(random, random.pick(clients)))
        if (random.once(3)) await new Promise((resolve) => setImmediate(resolve))
        if (i === 100) await servers[victim]?.close({ linger: 0 })
      }
      await until(() => servers[1 - victim]?.state === "active", "the other serves")
      servers[victim] = await start(victim)
    }
    await Promise.all(made)
    const served = (): string[] => [...(servers.find(({ state }) => state === "active")?.keys() ?? [])].sort()
    const known = (): string[] => Object.keys(tableOf(clients[0] as CloneClient<number>))
    // All at one moment: values still come to their end.
    await until(() => agree(clients) && served().join() === known().join(), "all agree")
    expect(servers.map(({ state }) => state)).toContain("active")
    expect(served()).toEqual(known())
  })
})
