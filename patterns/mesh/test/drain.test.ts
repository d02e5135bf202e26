// How a node ends: it says goodbye, finishes what runs, and lets nobody be lost on the way.

import { ClosedError } from "brokerless"
import { LostError, NotOfferedError } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { Nodes, sees } from "./nodes.ts"

interface Shop {
  order(n: number): Promise<string>
}

describe("draining", () => {
  it("finishes what runs, and every call that comes meanwhile is done elsewhere, once", async () => {
    await using nodes = new Nodes()
    const begun = new Map<number, number>()
    const at: string[] = []
    const shops = []
    for (const name of ["old", "new"]) {
      const [shop, endpoint] = await nodes.bound({ name })
      shop.offer<Shop>("shop", {
        order: async (_, n) => {
          begun.set(n, (begun.get(n) ?? 0) + 1)
          await new Promise((resolve) => setTimeout(resolve, n % 5))
          return name
        },
      })
      at.push(endpoint)
      shops.push(shop)
    }
    const client = nodes.make({ seeds: at })
    await sees(client, (node) => node.nodes.length === 2)
    const shop = client.service<Shop>("shop")
    const orders: Promise<string>[] = []
    let drained = false
    let draining: Promise<void> | undefined
    // Not idempotent: if one of them were lost, or begun without being answered, it would show.
    while (!drained || orders.length < 600) {
      orders.push(shop.order(orders.length))
      if (orders.length === 100) {
        draining = shops[0]?.drain().then(() => {
          drained = true
        })
      }
      if (orders.length % 10 === 0) await new Promise(setImmediate)
    }
    await draining
    const names = await Promise.all(orders)
    expect(new Set(names)).toEqual(new Set(["old", "new"]))
    expect([...begun.values()].filter((times) => times !== 1)).toEqual([])
    expect(begun.size).toBe(orders.length)
  })

  it("waits for the node's own calls, and ends in time if it is told to", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    let answer = (_: string): void => {}
    server.offer<Shop>("shop", {
      order: () =>
        new Promise<string>((resolve) => {
          answer = resolve
        }),
    })
    const client = nodes.make({ seeds: [endpoint] })
    const served = sees(server, () => server.stats.served === 1)
    const order = client.service<Shop>("shop").order(1)
    while (server.stats.served === 0) await new Promise(setImmediate)
    const drained = client.drain()
    answer("done")
    expect(await order).toBe("done")
    await drained
    expect(client.health.state).toBe("closed")
    void served.catch(() => {})

    const other = nodes.make({ seeds: [endpoint] })
    const stuck = other.service<Shop>("shop").order(2)
    while (server.stats.served === 1) await new Promise(setImmediate)
    const lost = expect(stuck).rejects.toBeInstanceOf(LostError)
    await server.drain({ timeout: 50 })
    await lost
  })

  it("ends handlers that do not, and whoever waits is told", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    const aborted = new Promise<void>((resolve) => {
      server.offer<Shop>("shop", {
        order: ({ signal }) => {
          signal.addEventListener("abort", () => resolve())
          return new Promise<string>(() => {})
        },
      })
    })
    const client = nodes.make({ seeds: [endpoint] })
    const order = expect(client.service<Shop>("shop").order(1)).rejects.toBeInstanceOf(LostError)
    while (server.stats.served === 0) await new Promise(setImmediate)
    await server.close({ linger: 10 })
    await aborted
    await order
    await expect(client.service<Shop>("shop").order(2)).rejects.toBeInstanceOf(NotOfferedError)
  })

  it("leaves a node that refuses everything", async () => {
    await using nodes = new Nodes()
    const node = nodes.make()
    const shop = node.service<Shop>("shop")
    await node.close()
    await node.close()
    await expect(shop.order(1)).rejects.toBeInstanceOf(ClosedError)
    expect(() => node.offer<Shop>("shop", { order: () => "" })).toThrow(ClosedError)
    await expect(node.bind("inproc://anywhere")).rejects.toBeInstanceOf(ClosedError)
    expect(() => node.connect("inproc://anywhere")).toThrow(ClosedError)
  })
})
