// A node that takes nothing for a while, so that the queue for it is full: what it has to know reaches it all the same.

import { type Frame, Router } from "brokerless"
import type { MeshNode } from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { header, idOf, TYPE, typeOf } from "../wire.ts"
import { Nodes, sees } from "./nodes.ts"

interface Echo {
  echo(value: unknown): Promise<unknown>
}

/** A node that has said who it is, and reads only when it is told to. */
class Slow implements AsyncDisposable {
  readonly #router = new Router({ receiveHighWaterMark: 1, linger: 0 })
  readonly heard: { readonly type: number; readonly id: number; readonly body: Frame | undefined }[] = []

  static async start(nodes: Nodes, draining = false): Promise<[Slow, MeshNode]> {
    const slow = new Slow()
    const endpoint = await slow.#router.bind("inproc://mesh-slow")
    const client = nodes.make({ seeds: [endpoint], lostAfter: 600_000, staleAfter: 600_000, maxOutstanding: 10_000 })
    await slow.#read()
    await slow.describe({ version: 1, draining })
    await sees(client, (node) => node.nodes.length === 1)
    return [slow, client]
  }

  async describe({ version, draining }: { version: number; draining: boolean }): Promise<void> {
    const services = [["echo", true, [["echo", false]]]]
    const node = { id: "0".repeat(32), since: 1, version, name: "slow", endpoints: [], draining, services }
    await this.#router.send([this.#route as Frame, header(TYPE.state), JSON.stringify(node)])
  }

  #route: Frame | undefined

  async #read(): Promise<void> {
    const [route, head, body] = await this.#router.receive()
    this.#route = route as Frame
    this.heard.push({ type: typeOf(head), id: typeOf(head) === 0 ? 0 : idOf(head as Frame), body })
  }

  /** Reads until the condition holds. */
  async readUntil(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#read()
  }

  ids(type: number): number[] {
    return this.heard.filter((each) => each.type === type).map(({ id }) => id)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#router.close()
  }
}

/** Makes calls until there is no room for one more. Returns those that are under way. */
async function fill(client: MeshNode, signal: AbortSignal): Promise<Promise<unknown>[]> {
  const echo = client.service<Echo>("echo", { signal, deadline: 600_000 })
  const calls: Promise<unknown>[] = []
  for (;;) {
    const { failed } = client.stats
    const before = failed.UnavailableError
    const call = echo.echo(0)
    call.catch(() => {})
    if (failed.UnavailableError > before) return calls
    calls.push(call)
  }
}

describe("a node that takes nothing for a while", () => {
  it("is told in the end of each call that nobody waits for it any more", async () => {
    await using nodes = new Nodes()
    const [slow, client] = await Slow.start(nodes)
    await using _ = slow
    const patience = new AbortController()
    const calls = await fill(client, patience.signal)
    expect(calls.length).toBeGreaterThan(100)
    patience.abort()
    await Promise.allSettled(calls)
    await slow.readUntil(() => slow.ids(TYPE.cancel).length === calls.length)
    expect(slow.ids(TYPE.cancel)).toEqual(slow.ids(TYPE.call))
    expect(client.nodes[0]?.outstanding).toBe(0)
  })

  it("is told in the end who the other one has become", async () => {
    await using nodes = new Nodes()
    const [slow, client] = await Slow.start(nodes)
    await using _ = slow
    const patience = new AbortController()
    await fill(client, patience.signal)
    const endpoint = await client.bind("ipc://*")
    // What it was told when it was met is of another time; only then is there room again.
    const greeted = (): boolean =>
      slow.heard.some(({ type, body }) => type === TYPE.hello && String(body).includes(JSON.stringify(endpoint)))
    expect(greeted()).toBe(false)
    await slow.readUntil(greeted)
    patience.abort()
  })

  it("and that drains is told in the end that nothing more will come", async () => {
    await using nodes = new Nodes()
    const [slow, client] = await Slow.start(nodes)
    await using _ = slow
    const patience = new AbortController()
    await fill(client, patience.signal)
    const draining = client.events.once("node:draining")
    await slow.describe({ version: 2, draining: true })
    await draining
    await slow.readUntil(() => slow.ids(TYPE.seen).length > 0)
    expect(slow.ids(TYPE.call).length).toBeGreaterThan(100)
    patience.abort()
  })
})
