// How nodes find each other: seeds, introductions, incarnations, and what becomes of those who leave.

import { describe, expect, it } from "vitest"
import { reachable } from "../roster.ts"
import { block } from "./block.ts"
import { Nodes, names, sees } from "./nodes.ts"

interface Who {
  name(): Promise<string>
}

describe("nodes", () => {
  it("find each other along a chain, each knowing only the one before", async () => {
    await using nodes = new Nodes()
    const chain = []
    let seeds: string[] = []
    for (const name of ["a", "b", "c", "d"]) {
      const [node, endpoint] = await nodes.bound({ name, seeds })
      node.offer<Who>(`who-is-${name}`, { name: () => name })
      seeds = [endpoint]
      chain.push(node)
    }
    const [a, b, c, d] = chain as [(typeof chain)[0], (typeof chain)[0], (typeof chain)[0], (typeof chain)[0]]
    await Promise.all([
      sees(a, names("b", "c", "d")),
      sees(b, names("a", "c", "d")),
      sees(c, names("a", "b", "d")),
      sees(d, names("a", "b", "c")),
    ])
    expect(await a.service<Who>("who-is-d").name()).toBe("d")
    expect(await d.service<Who>("who-is-a").name()).toBe("a")

    // Whoever only calls is introduced to all, and to nobody.
    const guest = nodes.make({ name: "guest", seeds })
    await sees(guest, names("a", "b", "c", "d"))
    expect(await guest.service<Who>("who-is-a").name()).toBe("a")
    expect(a.nodes.map(({ name }) => name)).not.toContain("guest")
  })

  it("notice another incarnation at the same endpoint, and hold nothing against it", async () => {
    await using nodes = new Nodes()
    const [first, endpoint] = await nodes.bound({ name: "first" })
    first.offer<Who>("who", { name: () => "first" })
    const client = nodes.make({ seeds: [endpoint] })
    await sees(client, names("first"))
    const before = client.nodes[0]?.id
    const left = client.events.once("node:leave")
    await first.close()
    expect((await left).id).toBe(before)
    const second = nodes.make({ name: "second" })
    second.offer<Who>("who", { name: () => "second" })
    await second.bind(endpoint)
    expect(await client.service<Who>("who", { wait: true }).name()).toBe("second")
    expect(client.nodes.map(({ name, id }) => [name, id === before])).toEqual([["second", false]])
  })

  it("are one and the same, whichever of their endpoints they are found at", async () => {
    await using nodes = new Nodes()
    const node = nodes.make({ name: "both" })
    const [tcp, ipc] = [await node.bind("tcp://127.0.0.1:*"), await node.bind("ipc://*")]
    node.offer<Who>("who", { name: () => "both" })
    const client = nodes.make({ seeds: [tcp, ipc] })
    await sees(client, (each) => each.settled && each.nodes.length === 1)
    expect(await client.service<Who>("who").name()).toBe("both")
    expect(client.nodes).toHaveLength(1)
    // When the one way is gone, the other is taken.
    const [{ endpoint } = { endpoint: "" }] = client.nodes
    expect([tcp, ipc]).toContain(endpoint)
  })

  it("do not call themselves another node, when they are told of themselves", async () => {
    await using nodes = new Nodes()
    const [node, endpoint] = await nodes.bound()
    node.connect(endpoint)
    while (!node.settled) await new Promise(setImmediate)
    expect(node.nodes).toEqual([])
  })

  it("tell what happens to others", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ name: "server" })
    const client = nodes.make({ seeds: [endpoint] })
    const seen: string[] = []
    for (const type of ["node:join", "node:services", "node:draining", "node:leave"] as const) {
      client.events.on(type, () => seen.push(type))
    }
    await client.events.once("node:join")
    const services = client.events.once("node:services")
    server.offer<Who>("who", { name: () => "server" })
    expect(await services).toMatchObject({ name: "server", endpoint, services: ["who"] })
    const left = client.events.once("node:leave")
    await server.drain()
    await left
    expect(seen).toEqual(["node:join", "node:services", "node:draining", "node:leave"])
  })

  it("keep no more places than they may, and give up those where nobody is", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ name: "server" })
    const client = nodes.make({ seeds: ["tcp://127.0.0.1:1"], maxNodes: 1 })
    expect(() => client.connect(endpoint)).toThrow("maxNodes")
    expect(client.stats.limited).toBe(1)
    expect(server.nodes).toEqual([])
  })

  it("are not said to be nowhere because the process that looks for them stood still", async () => {
    await using nodes = new Nodes()
    const [node, endpoint] = await nodes.bound({ name: "node" })
    node.offer<Who>("who", { name: () => "node" })
    const client = nodes.make({ seeds: [endpoint], settleTimeout: 1000 })
    const call = client.service<Who>("who").name()
    block(1100)
    expect(await call).toBe("node")
  })

  it("are reached by the address through which they were found, if they are bound to all", () => {
    expect(reachable("tcp://0.0.0.0:5", "tcp://10.0.0.1:7")).toBe("tcp://10.0.0.1:5")
    expect(reachable("tcp://[::]:5", "[::1]:7")).toBe("tcp://[::1]:5")
    expect(reachable("tcp://0.0.0.0:5", "::ffff:10.0.0.1:7")).toBe("tcp://10.0.0.1:5")
    expect(reachable("tcp://10.0.0.2:5", "tcp://10.0.0.1:7")).toBe("tcp://10.0.0.2:5")
    expect(reachable("tcp://0.0.0.0:5", "ipc:///tmp/x")).toBe("tcp://0.0.0.0:5")
  })
})
