// A mesh behind keys or passwords: nodes that may come in find and call each other, and nobody else does.

import { plain, plainServer } from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import type { MeshNodeOptions } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { Nodes, names, sees } from "./nodes.ts"

interface Who {
  name(): Promise<string>
  names(): AsyncIterable<string>
}

type Security = NonNullable<MeshNodeOptions["security"]>

/** Keys: one pair that all nodes serve with, and one of each node's own. */
function keys(): { member: () => Security; strangers: Security[] } {
  const mesh = curveKeyPair()
  const own = [curveKeyPair(), curveKeyPair(), curveKeyPair()]
  const server = curveServer({ ...mesh, allow: own.map(({ publicKey }) => publicKey) })
  const wrong = curveKeyPair()
  return {
    member: () => ({ server, client: curve({ serverKey: mesh.publicKey, ...(own.pop() ?? wrong) }) }),
    strangers: [
      {},
      { client: curve({ serverKey: mesh.publicKey, ...wrong }) },
      { client: curve({ serverKey: wrong.publicKey, ...wrong }) },
      { client: plain({ username: "mesh", password: "guess" }) },
    ],
  }
}

function passwords(): { member: () => Security; strangers: Security[] } {
  const server = plainServer({ authorize: ({ username, password }) => username === "mesh" && password === "right" })
  return {
    member: () => ({ server, client: plain({ username: "mesh", password: "right" }) }),
    strangers: [{}, { client: plain({ username: "mesh", password: "wrong" }) }],
  }
}

describe.each([
  ["CURVE", keys],
  ["PLAIN", passwords],
] as const)("a mesh under %s", (_, make) => {
  it("lets its nodes find each other, call each other, call themselves, and stream", async () => {
    await using nodes = new Nodes()
    const { member } = make()
    const [a, atA] = await nodes.bound({ name: "a", security: member() })
    const [b] = await nodes.bound({ name: "b", security: member(), seeds: [atA] })
    const [c] = await nodes.bound({ name: "c", security: member(), seeds: [atA] })
    for (const node of [a, b, c]) {
      node.offer<Who>(`who-is-${node.name}`, {
        name: ({ caller }) => `${node.name}, as ${caller} asks`,
        async *names() {
          yield node.name
          yield node.name.toUpperCase()
        },
      })
    }
    await Promise.all([sees(a, names("b", "c")), sees(b, names("a", "c")), sees(c, names("a", "b"))])
    for (const from of [a, b, c]) {
      for (const to of ["a", "b", "c"]) {
        expect(await from.service<Who>(`who-is-${to}`).name()).toBe(`${to}, as ${from.name} asks`)
      }
    }
    const heard: string[] = []
    for await (const name of b.service<Who>("who-is-c").names()) heard.push(name)
    expect(heard).toEqual(["c", "C"])
  })

  it("lets nobody else in: they see no node, and whoever calls is told that nobody offers this", async () => {
    await using nodes = new Nodes()
    const { member, strangers } = make()
    const [a, atA] = await nodes.bound({ name: "a", security: member() })
    a.offer<Who>("who", { name: () => "a", async *names() {} })
    for (const security of strangers) {
      const stranger = nodes.make({ name: "stranger", security, seeds: [atA] })
      await expect(stranger.service<Who>("who").name()).rejects.toThrow("nobody offers this")
      expect(stranger.nodes).toEqual([])
    }
    const friend = nodes.make({ name: "friend", security: member(), seeds: [atA] })
    expect(await friend.service<Who>("who").name()).toBe("a")
    expect(a.stats.invalid).toBe(0)
  })
})
