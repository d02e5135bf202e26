// One call: its deadline, its attempts, what it can end with, and what the handler is told.

import { AbortError, ClosedError, type Codec, CodecError, OptionError, StateError } from "brokerless"
import {
  type CallContext,
  DeadlineError,
  LostError,
  NotOfferedError,
  RemoteError,
  UnavailableError,
} from "brokerless/patterns/mesh"
import { describe, expect, it } from "vitest"
import { inTime } from "./in-time.ts"
import { Nodes, names, sees } from "./nodes.ts"

interface Sums {
  add(a: number, b: number): Promise<number>
  nothing(): Promise<void>
  hang(): Promise<void>
  fail(): Promise<never>
}

interface Relay {
  pass(): Promise<number>
}

/** A handler that hangs, and tells when it is told to stop. */
function hanging(): { handler: (context: CallContext) => Promise<void>; begun: Promise<void>; aborted: Promise<void> } {
  let begin = (): void => {}
  let abort = (): void => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const aborted = new Promise<void>((resolve) => {
    abort = resolve
  })
  const handler = async ({ signal }: CallContext): Promise<void> => {
    begin()
    await new Promise((resolve) => signal.addEventListener("abort", resolve))
    abort()
  }
  return { handler, begun, aborted }
}

const rest = {
  add: (_: CallContext, a: number, b: number) => a + b,
  nothing: () => {},
  hang: () => new Promise<void>(() => {}),
  fail: () => {
    throw Object.assign(new RangeError("out of it"), { code: "E_OUT" })
  },
}

describe("a call", () => {
  it("is answered by whoever offers the service, be it the node itself", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Sums>("sums", rest)
    const client = nodes.make({ seeds: [endpoint] })
    expect(await client.service<Sums>("sums").add(2, 3)).toBe(5)
    expect(await client.service<Sums>("sums").nothing()).toBeUndefined()
    expect(await server.service<Sums>("sums").add(3, 4)).toBe(7)
    expect(client.stats).toMatchObject({ calls: 2, answered: 2 })
    expect(server.stats.served).toBe(3)
  })

  it("tells what a handler threw, and by whom", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ name: "the server" })
    server.offer<Sums>("sums", rest)
    const error = await nodes
      .make({ seeds: [endpoint] })
      .service<Sums>("sums")
      .fail()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(RemoteError)
    expect(error).toMatchObject({
      message: "sums/fail: out of it",
      remoteName: "RangeError",
      remoteCode: "E_OUT",
      node: "the server",
      service: "sums",
      method: "fail",
    })
  })

  it("ends at its deadline, and so does its handler, although neither ever answers", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    const { handler, aborted } = hanging()
    server.offer<Sums>("sums", { ...rest, hang: handler })
    const client = nodes.make({ seeds: [endpoint] })
    await sees(client, (node) => node.nodes.length === 1)
    await inTime(async (deadline) => {
      const { served } = server.stats
      const called = performance.now()
      const error = await client
        .service<Sums>("sums", { deadline })
        .hang()
        .catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(DeadlineError)
      expect(performance.now() - called).toBeGreaterThanOrEqual(deadline - 1)
      // What was asked has arrived, and so has its end, when a later call has been answered.
      await client.service<Sums>("sums").add(1, 1)
      if (server.stats.served < served + 2) throw error
    })
    await aborted
    expect(server.stats.cancelled).toBeGreaterThan(0)
  })

  it("is refused at once when nobody offers the service, or the method, once all places have been tried", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Sums>("sums", rest)
    // One seed is there, the other is not: both are known to be so before the first answer.
    const client = nodes.make({ seeds: [endpoint, "tcp://127.0.0.1:1"], deadline: 2 ** 31 - 1 })
    await expect(client.service<Sums>("products").add(1, 1)).rejects.toBeInstanceOf(NotOfferedError)
    expect(client.settled).toBe(true)
    await expect(client.service<Relay>("sums").pass()).rejects.toBeInstanceOf(NotOfferedError)
  })

  it("waits for somebody to offer the service if it is told to", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    const client = nodes.make({ seeds: [endpoint] })
    await sees(client, (node) => node.settled && node.nodes.length === 1)
    const call = client.service<Sums>("sums", { wait: true }).add(1, 1)
    server.offer<Sums>("sums", rest)
    expect(await call).toBe(2)
    await expect(client.service<Sums>("other", { wait: true, deadline: 50 }).add(1, 1)).rejects.toBeInstanceOf(
      DeadlineError,
    )
  })

  it("that has waited is put to one node only, whatever else turns up", async () => {
    await using nodes = new Nodes()
    const [first, atFirst] = await nodes.bound()
    const [second, atSecond] = await nodes.bound()
    const client = nodes.make({ seeds: [atFirst, atSecond] })
    await sees(client, (node) => node.nodes.length === 2)
    const call = client.service<Sums>("sums", { wait: true }).add(1, 1)
    let answer = (): void => {}
    // After it has looked again by itself, without being told of a change.
    await new Promise((resolve) => setTimeout(resolve, 120))
    const slow = { ...rest, add: () => new Promise<number>((resolve) => (answer = () => resolve(2))) }
    first.offer<Sums>("sums", slow)
    while (first.stats.served === 0) await new Promise(setImmediate)
    second.offer<Sums>("sums", slow)
    await sees(client, (node) => node.nodes.every(({ services }) => services.length === 1))
    await new Promise((resolve) => setTimeout(resolve, 120))
    answer()
    expect(await call).toBe(2)
    expect([first.stats.served, second.stats.served]).toEqual([1, 0])
  })

  it("is not begun while as many handlers are at work as may be, those included that nobody waits for", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ maxConcurrency: 2 })
    server.offer<Sums>("sums", rest)
    const client = nodes.make({ seeds: [endpoint] })
    for (let begun = 1; begun <= 2; begun++) {
      const controller = new AbortController()
      const call = client.service<Sums>("sums", { signal: controller.signal }).hang()
      while (server.stats.served < begun) await new Promise(setImmediate)
      controller.abort()
      await expect(call).rejects.toBeInstanceOf(AbortError)
    }
    while (server.stats.cancelled < 2) await new Promise(setImmediate)
    await expect(client.service<Sums>("sums").add(1, 1)).rejects.toBeInstanceOf(UnavailableError)
    expect(server.health.services).toEqual([{ name: "sums", healthy: true, running: 0 }])
  })

  it("ends when its signal is aborted, and its handler is told", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    const { handler, begun, aborted } = hanging()
    server.offer<Sums>("sums", { ...rest, hang: handler })
    const client = nodes.make({ seeds: [endpoint] })
    const controller = new AbortController()
    const call = client.service<Sums>("sums", { signal: controller.signal }).hang()
    await begun
    controller.abort("enough")
    const error = await call.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toMatchObject({ cause: "enough" })
    await aborted
    const late = client.service<Sums>("sums", { signal: controller.signal }).add(1, 1)
    await expect(late).rejects.toBeInstanceOf(AbortError)
    expect(server.stats.served).toBe(1)
  })

  it("hangs any number of calls on one signal without a warning", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Sums>("sums", rest)
    const warnings: Error[] = []
    const note = (warning: Error): void => void warnings.push(warning)
    process.on("warning", note)
    const { signal } = new AbortController()
    const sums = nodes.make({ seeds: [endpoint] }).service<Sums>("sums", { signal })
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => sums.add(i, 0)))
    await new Promise(setImmediate)
    process.off("warning", note)
    expect(answers).toEqual(Array.from({ length: 30 }, (_, i) => i))
    expect(warnings).toEqual([])
  })

  it("carries its deadline and its end over two hops", async () => {
    await using nodes = new Nodes()
    const [third, atThird] = await nodes.bound({ name: "third" })
    const remaining: number[] = []
    const { handler, begun, aborted } = hanging()
    third.offer<Sums>("sums", {
      ...rest,
      add: (context) => {
        remaining.push(context.remaining)
        return 0
      },
      hang: handler,
    })
    const [second, atSecond] = await nodes.bound({ name: "second", seeds: [atThird] })
    await sees(second, names("third"))
    second.offer<Relay & { hold(): Promise<void> }>("relay", {
      pass: (context) => {
        remaining.push(context.remaining)
        // More than there is: the inherited deadline holds.
        return context.service<Sums>("sums", { deadline: 60_000 }).add(1, 2)
      },
      hold: (context) => context.service<Sums>("sums").hang(),
    })
    const first = nodes.make({ seeds: [atSecond] })
    const relay = first.service<Relay & { hold(): Promise<void> }>("relay", { deadline: 5000 })
    expect(await relay.pass()).toBe(0)
    const [atSecondHop, atThirdHop] = remaining as [number, number]
    expect(atSecondHop).toBeLessThanOrEqual(5000)
    expect(atThirdHop).toBeLessThanOrEqual(atSecondHop)
    expect(atThirdHop).toBeGreaterThan(0)

    const controller = new AbortController()
    const held = first
      .service<{ hold(): Promise<void> }>("relay", { signal: controller.signal })
      .hold()
      .catch((error: unknown) => error)
    await begun
    controller.abort()
    expect(await held).toBeInstanceOf(AbortError)
    await aborted
  })

  it("goes to another node when one refuses, because that one has not begun it", async () => {
    await using nodes = new Nodes()
    const [full, atFull] = await nodes.bound({ name: "full", maxConcurrency: 1 })
    const { handler, begun } = hanging()
    full.offer<Sums>("sums", { ...rest, hang: handler })
    const [free, atFree] = await nodes.bound({ name: "free" })
    free.offer<Sums>("sums", rest)
    const blocker = nodes.make({ seeds: [atFull] })
    // It must not learn of the others, which it would ask as well.
    await sees(blocker, (node) => node.nodes.some(({ name }) => name === "full"))
    const blocked = blocker
      .service<Sums>("sums")
      .hang()
      .catch((error: unknown) => error)
    await begun
    const client = nodes.make({ seeds: [atFull, atFree] })
    await sees(client, (node) => node.nodes.length === 2)
    const sums = client.service<Sums>("sums")
    for (let i = 0; i < 20; i++) expect(await sums.add(i, 1)).toBe(i + 1)
    expect(free.stats.served).toBe(20)
    expect(client.stats.passedOn).toBe(full.stats.refused)
    expect(full.stats.refused).toBeGreaterThan(0)
    await full.close({ linger: 0 })
    expect(await blocked).toBeInstanceOf(LostError)
  })

  it("says that nobody can be asked, and why, when all refuse or are not healthy", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound({ maxConcurrency: 1 })
    const { handler, begun } = hanging()
    const offering = server.offer<Sums>("sums", { ...rest, hang: handler })
    const client = nodes.make({ seeds: [endpoint] })
    const sums = client.service<Sums>("sums")
    void sums.hang().catch(() => {})
    await begun
    await expect(sums.add(1, 1)).rejects.toBeInstanceOf(UnavailableError)
    offering.healthy = false
    await sees(client, (node) => node.nodes[0]?.services[0]?.healthy === false)
    await expect(sums.add(1, 1)).rejects.toThrow("sums/add: nobody who offers this can be asked: unhealthy")
    expect(server.health.services).toEqual([{ name: "sums", healthy: false, running: 1 }])
  })

  it("is not made again when its node is lost, unless it is idempotent", async () => {
    await using nodes = new Nodes()
    const serve = async (): Promise<[() => Promise<void>, string, Promise<void>]> => {
      const [server, endpoint] = await nodes.bound()
      const { handler, begun } = hanging()
      server.offer<Sums>("sums", { ...rest, hang: handler })
      return [() => server.close({ linger: 0 }), endpoint, begun]
    }
    const [closeFirst, atFirst, firstBegun] = await serve()
    const client = nodes.make({ seeds: [atFirst] })
    const once = expect(client.service<Sums>("sums").hang()).rejects.toBeInstanceOf(LostError)
    const often = expect(client.service<Sums>("sums", { idempotent: true }).hang()).rejects.toBeInstanceOf(LostError)
    await firstBegun
    const [closeSecond, atSecond, secondBegun] = await serve()
    client.connect(atSecond)
    await sees(client, (node) => node.nodes.some(({ endpoint }) => endpoint === atSecond))
    await closeFirst()
    await once
    await secondBegun
    expect(client.stats).toMatchObject({ retries: 1, failed: { LostError: 1 } })
    await closeSecond()
    await often
  })

  it("that is idempotent is put to another node when one takes long; the first answer counts, and once", async () => {
    await using nodes = new Nodes()
    const { handler, aborted } = hanging()
    let slow = 0
    const [sleeper, atSleeper] = await nodes.bound({ name: "sleeper" })
    sleeper.offer<Sums>(
      "sums",
      {
        ...rest,
        add: async (context) => {
          slow++
          await handler(context)
          return -1
        },
      },
      { idempotent: ["add"] },
    )
    const [quick, atQuick] = await nodes.bound({ name: "quick" })
    quick.offer<Sums>("sums", rest, { idempotent: true })
    const client = nodes.make({ seeds: [atSleeper, atQuick] })
    await sees(client, (node) => node.nodes.length === 2)
    const sums = client.service<Sums>("sums", { hedgeAfter: 30 })
    while (slow === 0) expect(await sums.add(1, 1)).toBe(2)
    await aborted
    expect(client.stats.hedges).toBeGreaterThan(0)
    expect(client.stats.answered).toBe(client.stats.calls)
  })

  it("chooses the node that has the least to do", async () => {
    await using nodes = new Nodes()
    const at: string[] = []
    const release: (() => void)[] = []
    const counts = [0, 0]
    for (const i of [0, 1]) {
      const [server, endpoint] = await nodes.bound()
      at.push(endpoint)
      server.offer<{ hold(): Promise<void> }>("holder", {
        hold: () => {
          counts[i] = (counts[i] as number) + 1
          return new Promise<void>((resolve) => release.push(resolve))
        },
      })
    }
    const client = nodes.make({ seeds: at })
    await sees(client, (node) => node.nodes.length === 2)
    const holder = client.service<{ hold(): Promise<void> }>("holder")
    const calls = Array.from({ length: 40 }, () => holder.hold())
    while (release.length < 40) await new Promise(setImmediate)
    for (const each of release) each()
    await Promise.all(calls)
    expect(counts).toEqual([20, 20])
  })

  it("chooses by latency if it is told to", async () => {
    await using nodes = new Nodes()
    const [slow, atSlow] = await nodes.bound()
    slow.offer<Sums>("sums", { ...rest, add: () => new Promise((resolve) => setTimeout(resolve, 60, 0)) })
    const [fast, atFast] = await nodes.bound()
    fast.offer<Sums>("sums", rest)
    const client = nodes.make({ seeds: [atSlow, atFast], balance: "latency" })
    await sees(client, (node) => node.nodes.length === 2)
    const sums = client.service<Sums>("sums")
    for (let i = 0; i < 60; i++) await sums.add(0, 0)
    expect(fast.stats.served).toBeGreaterThan(3 * slow.stats.served)
  })

  it("is bounded in number", async () => {
    await using nodes = new Nodes()
    const [server, endpoint] = await nodes.bound()
    server.offer<Sums>("sums", rest)
    const client = nodes.make({ seeds: [endpoint], maxCalls: 2 })
    const sums = client.service<Sums>("sums")
    const hanging = [sums.hang(), sums.hang()].map((call) => call.catch((error: unknown) => error))
    await expect(sums.add(1, 1)).rejects.toBeInstanceOf(UnavailableError)
    expect(client.stats.limited).toBe(1)
    await client.close()
    for (const error of await Promise.all(hanging)) expect(error).toBeInstanceOf(ClosedError)
    await expect(sums.add(1, 1)).rejects.toBeInstanceOf(ClosedError)
  })

  it("uses the codec that the node was given, for arguments and answers", async () => {
    await using nodes = new Nodes()
    // Numbers in base 36, so that JSON could not make sense of them.
    const codec: Codec<unknown> = {
      encode(value) {
        if (typeof value === "bigint") throw new TypeError("too big")
        return Array.isArray(value) ? `l${value.map((n: number) => n.toString(36)).join()}` : `v${value}`
      },
      decode(frame) {
        const text = String(frame)
        return text[0] === "l"
          ? text
              .slice(1)
              .split(",")
              .map((n) => Number.parseInt(n, 36))
          : Number(text.slice(1))
      },
    }
    const [server, endpoint] = await nodes.bound({ codec })
    server.offer<Sums>("sums", { ...rest, nothing: () => 1n as never })
    const sums = nodes.make({ seeds: [endpoint], codec }).service<Sums>("sums")
    expect(await sums.add(35, 36)).toBe(71)
    await expect(sums.nothing()).rejects.toThrow("too big")
    const plain = nodes.make({ seeds: [endpoint] }).service<Sums>("sums")
    await expect(plain.add(1n as never, 1)).rejects.toBeInstanceOf(CodecError)
  })
})

describe("what an application gives", () => {
  it("is checked at once, and an error names it", async () => {
    await using nodes = new Nodes()
    const node = nodes.make()
    expect(() => nodes.make({ deadline: 0 })).toThrow(OptionError)
    expect(() => nodes.make({ dns: [{ name: "x", type: "A" }] })).toThrow('Option "dns"')
    expect(() => nodes.make({ seeds: ["nonsense"] })).toThrow("nonsense")
    expect(() => nodes.make({ unknown: 1 } as never)).toThrow("unknown")
    expect(() => node.offer("a/b", { f: () => 1 })).toThrow(OptionError)
    expect(() => node.offer("a", {})).toThrow(OptionError)
    // biome-ignore lint/suspicious/noThenProperty: that is what is refused
    expect(() => node.offer("a", { then: () => 1 })).toThrow("then")
    expect(() => node.offer("a", { f: () => 1 }, { idempotent: ["g"] as never })).toThrow("g")
    node.offer("a", { f: () => 1 })
    expect(() => node.offer("a", { f: () => 1 })).toThrow(StateError)
    expect(() => node.service("a", { deadline: -1 })).toThrow("deadline")
    expect(() => node.service("a", { signal: {} as AbortSignal })).toThrow("signal")
    expect(() => node.events.on("nothing" as never, () => {})).toThrow(OptionError)
    const client = node.service<{ "a b"(): Promise<void> }>("a")
    await expect(client["a b"]()).rejects.toBeInstanceOf(OptionError)
    expect(await Promise.resolve(client)).toBe(client)
  })

  it("may be an instance of a class, whose methods see their own fields", async () => {
    await using nodes = new Nodes()
    class Counter {
      #count = 0
      next(): number {
        return ++this.#count
      }
    }
    const node = nodes.make()
    const offering = node.offer<{ next(): Promise<number> }>("counter", new Counter())
    const counter = node.service<{ next(): Promise<number> }>("counter")
    expect([await counter.next(), await counter.next()]).toEqual([1, 2])
    offering.withdraw()
    offering.withdraw()
    await sees(node, (self) => self.nodes[0]?.services.length === 0)
    await expect(counter.next()).rejects.toBeInstanceOf(NotOfferedError)
  })
})
