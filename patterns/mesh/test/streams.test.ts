// Answers that are streams: in order, by credit, and over when either side says so.

import { AbortError } from "brokerless"
import { type CallContext, DeadlineError, type MeshNode, RemoteError } from "brokerless/patterns/mesh"
import { describe, expect, it, vi } from "vitest"
import { json } from "../json.ts"
import { IncomingStream } from "../stream.ts"
import { inTime } from "./in-time.ts"
import { Nodes, sees } from "./nodes.ts"

interface Numbers {
  upTo(n: number): AsyncIterable<number>
  forever(): AsyncIterable<number>
  breaks(): AsyncIterable<number>
  silent(): AsyncIterable<number>
  later(n: number): Promise<AsyncIterable<number>>
  one(): Promise<number>
}

/** What became of the source of `forever`. */
interface Source {
  begun: number
  produced: number
  returned: number
  aborted: number
}

async function numbers(nodes: Nodes, window = 8): Promise<[MeshNode, Source]> {
  const source: Source = { begun: 0, produced: 0, returned: 0, aborted: 0 }
  async function* upTo(_: CallContext, n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i++) yield i
  }
  const [server, endpoint] = await nodes.bound()
  server.offer<Numbers>("numbers", {
    upTo,
    async *forever({ signal }) {
      signal.addEventListener("abort", () => source.aborted++)
      source.begun++
      try {
        for (;;) yield source.produced++
      } finally {
        source.returned++
      }
    },
    async *breaks() {
      yield 1
      throw new RangeError("broken")
    },
    async *silent({ signal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      source.aborted++
    },
    later: async (context, n) => upTo(context, n),
    one: () => 1,
  })
  return [nodes.make({ seeds: [endpoint], window }), source]
}

/** Resolves when it is so; the event loop turns in between. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** Reads all that is left. */
async function drained(stream: AsyncIterator<unknown>): Promise<void> {
  while ((await stream.next()).done !== true);
}

describe("a stream", () => {
  it("brings every item in order, and ends", async () => {
    await using nodes = new Nodes()
    const [client] = await numbers(nodes)
    const items: number[] = []
    for await (const item of client.service<Numbers>("numbers").upTo(1000)) items.push(item)
    expect(items).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    const none: number[] = []
    for await (const item of client.service<Numbers>("numbers").upTo(0)) none.push(item)
    expect(none).toEqual([])
    expect(client.stats).toMatchObject({ calls: 2, answered: 2, itemsReceived: 1000 })
  })

  it("can be awaited first, and promised by its handler", async () => {
    await using nodes = new Nodes()
    const [client] = await numbers(nodes)
    const stream = await client.service<Numbers>("numbers").later(3)
    const items: number[] = []
    for await (const item of stream) items.push(item)
    expect(items).toEqual([0, 1, 2])
  })

  it("makes no more items than its reader has given credit for", async () => {
    await using nodes = new Nodes()
    const [client, source] = await numbers(nodes, 8)
    const stream = await (client.service<Numbers>("numbers").forever() as unknown as Promise<AsyncIterator<number>>)
    await until(() => source.produced >= 8)
    // Whatever was on its way has come when this has gone to the other side and back.
    await client.service<Numbers>("numbers").one()
    expect(source.produced).toBe(8)
    for (let i = 0; i < 4; i++) expect((await stream.next()).value).toBe(i)
    await until(() => source.produced >= 12)
    await client.service<Numbers>("numbers").one()
    expect(source.produced).toBe(12)
    await stream.return?.()
    await until(() => source.returned === 1)
  })

  it("goes on although there was no room for its credit", async () => {
    const asked: number[] = []
    const credit = (items: number): boolean => asked.push(items) > 3
    const stream = new IncomingStream({ codec: json, window: 2, credit, leave: () => {} })
    for (const sequence of [0, 1]) stream.push(sequence, Buffer.from(`${sequence}`))
    for (const value of [0, 1]) expect(await stream.next()).toEqual({ value, done: false })
    await until(() => asked.length === 4)
    expect(asked).toEqual([1, 2, 2, 2])
    for (const sequence of [2, 3]) stream.push(sequence, Buffer.from(`${sequence}`))
    for (const value of [2, 3]) expect(await stream.next()).toEqual({ value, done: false })
    stream.end()
    expect(await stream.next()).toEqual({ value: undefined, done: true })
  })

  it("that its reader leaves ends its source", async () => {
    await using nodes = new Nodes()
    const [client, source] = await numbers(nodes)
    for await (const item of client.service<Numbers>("numbers").forever()) if (item === 100) break
    await until(() => source.returned === 1)
    expect(source.aborted).toBe(1)
    expect(client.nodes[0]?.outstanding).toBe(0)
  })

  it("that is aborted ends its source, also one that is at work on an item", async () => {
    await using nodes = new Nodes()
    const [client, source] = await numbers(nodes)
    const controller = new AbortController()
    const reading = (async () => {
      const { signal } = controller
      for await (const item of client.service<Numbers>("numbers", { signal }).forever()) {
        if (item === 50) controller.abort()
      }
    })()
    await expect(reading).rejects.toBeInstanceOf(AbortError)
    await until(() => source.returned === 1)

    const other = new AbortController()
    const silent = client.service<Numbers>("numbers", { signal: other.signal }).silent()[Symbol.asyncIterator]().next()
    // It has begun when a later call has been answered.
    await client.service<Numbers>("numbers").one()
    other.abort()
    await expect(silent).rejects.toBeInstanceOf(AbortError)
    await until(() => source.aborted === 2)
  })

  it("throws what its source threw, after what came before", async () => {
    await using nodes = new Nodes()
    const [client] = await numbers(nodes)
    const items: number[] = []
    const reading = (async () => {
      for await (const item of client.service<Numbers>("numbers").breaks()) items.push(item)
    })()
    await expect(reading).rejects.toBeInstanceOf(RemoteError)
    expect(items).toEqual([1])
  })

  it("ends by a deadline of its own", async () => {
    await using nodes = new Nodes()
    const [client, source] = await numbers(nodes)
    await client.service<Numbers>("numbers").one()
    const reading = (async () => {
      for await (const _ of client.service<Numbers>("numbers", { deadline: 100 }).forever()) {
        // As fast as they come.
      }
    })()
    await expect(reading).rejects.toBeInstanceOf(DeadlineError)
    // What was asked has arrived, and so has its end, when a later call has been answered.
    await client.service<Numbers>("numbers").one()
    await until(() => source.returned === source.begun)
    expect(client.nodes[0]?.outstanding).toBe(0)
  })

  it("ends by its deadline although the timer fires early", async () => {
    await using nodes = new Nodes()
    const [client] = await numbers(nodes)
    await client.service<Numbers>("numbers").one()
    await inTime(async (deadline) => {
      const set = setTimeout
      const early = (ms = 0): number => (ms === deadline ? deadline / 2 : ms)
      const spy = vi.spyOn(globalThis, "setTimeout")
      spy.mockImplementation(((run: () => void, ms?: number) => set(run, early(ms))) as typeof setTimeout)
      try {
        const called = performance.now()
        const stream = client.service<Numbers>("numbers", { deadline }).forever()[Symbol.asyncIterator]()
        await stream.next()
        await expect(drained(stream)).rejects.toBeInstanceOf(DeadlineError)
        expect(performance.now() - called).toBeGreaterThan(deadline - 1)
      } finally {
        spy.mockRestore()
      }
    })
  })

  it("that has no deadline of its own outlives the general one once it has begun", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    await inTime(async (deadline) => {
      const passed = new Promise((resolve) => setTimeout(resolve, 2 * deadline))
      const offering = server.offer<{ slow(): AsyncIterable<number> }>("slow", {
        async *slow() {
          yield 1
          await passed
          yield 2
        },
      })
      const patient = nodes.make({ seeds: [endpoint], deadline })
      await sees(patient, (node) => node.nodes.some(({ services }) => services.some(({ name }) => name === "slow")))
      const stream = patient.service<{ slow(): AsyncIterable<number> }>("slow").slow()[Symbol.asyncIterator]()
      try {
        expect(await stream.next()).toEqual({ value: 1, done: false })
        expect(await stream.next().catch(String)).toEqual({ value: 2, done: false })
        expect(await stream.next()).toEqual({ value: undefined, done: true })
      } finally {
        offering.withdraw()
      }
    })
  })

  it("is not what a method gives that answers once", async () => {
    await using nodes = new Nodes()
    const [client] = await numbers(nodes)
    const wrong = client.service<{ one(): AsyncIterable<number> }>("numbers").one()
    await expect(wrong[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(TypeError)
  })
})
