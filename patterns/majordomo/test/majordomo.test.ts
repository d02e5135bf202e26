// Broker, workers and clients of ours together: who gets which request, and what becomes of those that nobody answers.

import { OptionError, StateError, TimeoutError } from "brokerless"
import { json } from "brokerless/codec"
import { MajordomoBroker, MajordomoClient, MajordomoWorker } from "brokerless/patterns/majordomo"
import { describe, expect, it, vi } from "vitest"
import { deferred } from "../../../test/support/deferred.ts"
import { turns } from "../../../test/support/sockets.ts"
import { slowIntervals, stopClock } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"

const HEARTBEAT = 200

async function stage(options: ConstructorParameters<typeof MajordomoBroker>[0] = {}) {
  const broker = new MajordomoBroker({ heartbeatInterval: HEARTBEAT, ...options })
  const endpoint = await broker.bind("tcp://127.0.0.1:*")
  const opened: { close(options: { linger: number }): Promise<void> }[] = []
  const use = <T extends { connect(endpoint: string): void; close(options: { linger: number }): Promise<void> }>(
    one: T,
  ): T => {
    one.connect(endpoint)
    opened.push(one)
    return one
  }
  return {
    broker,
    endpoint,
    use,
    client: (given: object = {}) => use(new MajordomoClient({ codec: json<number>(), ...given })),
    worker: (service: string, handler: (n: number) => number | Promise<number> | AsyncGenerator<number>, given = {}) =>
      use(new MajordomoWorker(service, handler, { codec: json<number>(), heartbeatInterval: HEARTBEAT, ...given })),
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((one) => one.close({ linger: 0 })))
      await broker.close({ linger: 0 })
    },
  }
}

describe("a request", () => {
  it("is answered by a worker of its service, whoever comes first", async () => {
    await using s = await stage()
    const client = s.client()
    const early = client.request("square", 7)
    await until(() => s.broker.stats.waiting === 1, "the request waits")
    s.worker("square", (n) => n * n)
    s.worker("double", (n) => n * 2)
    expect(await early).toBe(49)
    expect(await client.request("double", 4)).toBe(8)
    expect(s.broker.stats).toMatchObject({ services: 2, workers: 2, requests: 2, finals: 2, bytes: 0, working: 0 })
  })

  it("is one of many in flight, each answer for its own caller, more than there are sockets", async () => {
    await using s = await stage()
    const client = s.client({ maxInFlight: 8 })
    const turn = (): Promise<void> => new Promise((next) => setImmediate(next))
    const worker = s.worker("slow", (n) => turn().then(() => -n), { concurrency: 4 })
    const asked = Array.from({ length: 200 }, (_, n) => client.request("slow", n + 1))
    expect(await Promise.all(asked)).toEqual(asked.map((_, n) => -n - 1))
    expect(worker.stats).toMatchObject({ tasks: 200, finals: 200, working: 0 })
    expect(client.stats).toMatchObject({ finals: 200, inFlight: 0, waiting: 0, invalid: 0 })
    expect(s.broker.stats).toMatchObject({ workers: 4, finals: 200 })
  })

  it("carries frames as they are, where there is no codec", async () => {
    await using s = await stage()
    s.use(new MajordomoWorker("echo", (frames) => ["re", ...frames]))
    const client = s.use(new MajordomoClient())
    expect((await client.request("echo", ["a", "", "b"])).map(String)).toEqual(["re", "a", "", "b"])
  })

  it("is sent again on another socket when no answer comes, and fails when none came at last", async () => {
    await using s = await stage()
    const client = s.client({ timeout: 150, retries: 2 })
    const retries: number[] = []
    client.events.on("retry", ({ attempt }) => retries.push(attempt))
    await expect(client.request("nobody", 1)).rejects.toThrow(TimeoutError)
    expect(retries).toEqual([1, 2])
    // Nobody waits for any of them any more.
    await until(() => s.broker.stats.services === 0, "the broker has forgotten them")
    expect(s.broker.stats.droppedRequests["client-left"]).toBe(s.broker.stats.requests)
    expect(s.broker.stats).toMatchObject({ waiting: 0, bytes: 0 })
  })

  it("ends at once when its signal is aborted, waiting for its turn or for the answer", async () => {
    await using s = await stage()
    const client = s.client({ maxInFlight: 1, timeout: -1 })
    const [first, second] = [new AbortController(), new AbortController()]
    const asked = client.request("nobody", 1, { signal: first.signal })
    const waiting = client.request("nobody", 2, { signal: second.signal })
    await until(() => s.broker.stats.waiting === 1, "the first is asked")
    expect(client.stats).toMatchObject({ inFlight: 1, waiting: 1 })
    second.abort()
    await expect(waiting).rejects.toMatchObject({ code: "ABORT_ERR" })
    first.abort(new Error("enough"))
    await expect(asked).rejects.toMatchObject({ code: "ABORT_ERR", cause: new Error("enough") })
    await expect(client.request("nobody", 3, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: "ABORT_ERR",
    })
    expect(client.stats).toMatchObject({ inFlight: 0, waiting: 0 })
    // The client is none the worse.
    s.worker("square", (n) => n * n)
    expect(await client.request("square", 3)).toBe(9)
  })

  it("is refused when too many wait already", async () => {
    await using s = await stage()
    const client = s.client({ maxInFlight: 1, maxWaiting: 1 })
    const asked = [client.request("nobody", 1), client.request("nobody", 2)]
    for (const each of asked) each.catch(() => {})
    await expect(client.request("nobody", 3)).rejects.toThrow(StateError)
    await client.close({ linger: 0 })
    for (const each of asked) await expect(each).rejects.toMatchObject({ code: "EBADF" })
  })
})

describe("an answer in parts", () => {
  it("comes one by one, the last with FINAL", async () => {
    await using s = await stage()
    const worker = s.worker("count", async function* (n) {
      for (let i = 1; i <= n; i++) yield i
    })
    const client = s.client()
    const parts: number[] = []
    for await (const part of client.stream("count", 500)) parts.push(part)
    expect(parts).toEqual(Array.from({ length: 500 }, (_, i) => i + 1))
    expect(worker.stats).toMatchObject({ partials: 500, finals: 1 })
    // request() wants only the last.
    expect(await client.request("count", 5)).toBe(5)
    s.worker("both", async function* (n): AsyncGenerator<number, number> {
      yield n
      return n + 1
    })
    const both: number[] = []
    for await (const part of client.stream("both", 1)) both.push(part)
    expect([...both, await client.request("both", 5)]).toEqual([1, 2, 6])
  })

  it("ends at its worker when its client stops listening, which is told to the handler", async () => {
    await using s = await stage()
    const ended = deferred<boolean>()
    s.use(
      new MajordomoWorker(
        "endless",
        async function* (_, { signal }) {
          try {
            for (let i = 0; ; i++) {
              yield i
              await new Promise((next) => setImmediate(next))
            }
          } finally {
            ended.resolve(signal.aborted)
          }
        },
        { codec: json<number>(), reconnectInterval: 10 },
      ),
    )
    const client = s.client()
    const left = s.broker.events.once("worker:leave")
    for await (const part of client.stream("endless", 0)) if (part === 10) break
    expect((await left).reason).toBe("cancelled")
    expect(await ended.promise).toBe(true)
    // The worker is back, and does something else.
    await s.broker.events.once("worker:join")
    for await (const part of client.stream("endless", 0)) if (part === 3) break
    expect(s.broker.stats.droppedAnswers["client-left"]).toBeGreaterThan(0)
  })

  it("never has a hole: a client that reads too slowly for it is disconnected", async () => {
    await using s = await stage()
    const megabyte = "x".repeat(1024 * 1024)
    s.use(
      new MajordomoWorker(
        "flood",
        async function* () {
          for (let i = 0; i < 400; i++) yield `${i} ${megabyte}`
        },
        { codec: json<string>() },
      ),
    )
    const client = s.use(new MajordomoClient({ codec: json<string>(), prefetch: 1, timeout: -1 }))
    const dropped = s.broker.events.once("answer:dropped")
    const stream = client.stream("flood", "")
    expect((await stream.next()).value).toMatch(/^0 /)
    expect((await dropped).reason).toBe("client-slow")
    let next = 1
    const reading = (async () => {
      for await (const part of stream) expect(Number.parseInt(part, 10)).toBe(next++)
    })()
    await expect(reading).rejects.toMatchObject({ code: "EHOSTUNREACH" })
    expect(next).toBeLessThan(400)
  })

  it("is not begun anew when its worker is lost in the middle", async () => {
    stopClock()
    await using s = await stage()
    const stuck = deferred<void>()
    const worker = s.worker("half", async function* (n) {
      yield n
      await stuck.promise
    })
    const client = s.client({ timeout: 400 })
    const stream = client.stream("half", 1)
    expect((await stream.next()).value).toBe(1)
    const dropped = s.broker.events.once("request:dropped")
    const closed = worker.close({ linger: 0 })
    await vi.advanceTimersByTimeAsync(0)
    await closed
    expect((await dropped).reason).toBe("interrupted")
    const late = expect(stream.next()).rejects.toThrow(TimeoutError)
    vi.advanceTimersByTime(400)
    await late
    expect(client.stats.retries).toBe(0)
    stuck.resolve()
  })
})

describe("a task that fails", () => {
  it("is answered by onError", async () => {
    await using s = await stage()
    s.worker("root", (n) => (n < 0 ? Promise.reject(new RangeError("no root")) : Math.sqrt(n)), {
      onError: (error: unknown, task?: number) => ((error as Error).message === "no root" ? (task as number) : 0),
    })
    const client = s.client()
    expect(await Promise.all([client.request("root", 49), client.request("root", -3)])).toEqual([7, -3])
  })

  it("goes to other workers, and not to more of them than it may", async () => {
    await using s = await stage({ maxDeliveries: 3 })
    const failures: unknown[] = []
    const bad = s.worker("poison", () => Promise.reject(new Error("poison")), { concurrency: 2, reconnectInterval: 1 })
    bad.events.on("task:failed", ({ error }) => failures.push(error))
    const client = s.client({ timeout: -1 })
    const dropped = s.broker.events.once("request:dropped")
    client.request("poison", 1).catch(() => {})
    expect((await dropped).reason).toBe("workers-lost")
    expect(failures).toHaveLength(3)
    expect(s.broker.stats).toMatchObject({ again: 2, droppedRequests: { "workers-lost": 1 }, bytes: 0 })
  })

  it("is one that does not decode, too", async () => {
    await using s = await stage()
    s.worker("square", (n) => n * n, { onError: (error: unknown) => ((error as Error).name === "CodecError" ? -1 : 0) })
    const client = s.use(new MajordomoClient())
    expect(String(await client.request("square", "{"))).toBe("-1")
    expect(String(await client.request("square", ["1", "2"]))).toBe("-1")
  })
})

describe("a broker", () => {
  it("knows which services are offered", async () => {
    await using s = await stage()
    const client = s.client()
    expect(await client.offers("square")).toBe(false)
    const worker = s.worker("square", (n) => n * n)
    await s.broker.events.once("worker:join")
    expect(await client.offers("square")).toBe(true)
    expect(s.broker.services).toEqual([{ name: "square", workers: 1, idle: 1, waiting: 0 }])
    await worker.close()
    expect(await client.offers("square")).toBe(false)
    expect(s.broker.services).toEqual([])
    const raw = s.use(new MajordomoClient())
    expect(String(await raw.request("mmi.other", "x"))).toBe("501")
    expect(String(await raw.request("mmi.service", ["a", "b"]))).toBe("404")
  })

  it("bounds what waits for a service, and all of it in octets", async () => {
    await using s = await stage({ maxWaiting: 2, maxBytes: 1000 })
    const client = s.client({ timeout: -1 })
    const dropped: string[] = []
    s.broker.events.on("request:dropped", ({ service, reason }) => dropped.push(`${service} ${reason}`))
    const asked: Promise<unknown>[] = []
    for (let n = 0; n < 3; n++) asked.push(client.request("nobody", n))
    await until(() => dropped.length === 1, "the third finds no room")
    const text = s.use(new MajordomoClient({ codec: json<string>(), timeout: -1 }))
    asked.push(text.request("elsewhere", "x".repeat(900)))
    await until(() => dropped.length === 2, "the large one finds no room")
    expect(dropped).toEqual(["nobody queue-full", "elsewhere queue-full"])
    expect(s.broker.stats).toMatchObject({ services: 1, waiting: 2, bytes: 130 })
    s.worker("nobody", (n) => n)
    const rest = Promise.allSettled(asked)
    expect(await Promise.all(asked.slice(0, 2))).toEqual([0, 1])
    await Promise.all([client.close({ linger: 0 }), text.close({ linger: 0 })])
    expect((await rest).filter(({ status }) => status === "fulfilled")).toHaveLength(2)
    expect(s.broker.stats.bytes).toBe(0)
  })

  it("bounds how many services there are, offered or asked for", async () => {
    await using s = await stage({ maxServices: 2 })
    const client = s.client({ timeout: -1 })
    s.worker("one", (n) => n)
    await s.broker.events.once("worker:join")
    client.request("two", 2).catch(() => {})
    await until(() => s.broker.stats.waiting === 1, "the second is known")
    const dropped = s.broker.events.once("request:dropped")
    client.request("three", 3).catch(() => {})
    expect((await dropped).reason).toBe("service-limit")
    const refused = s.worker("four", (n) => n)
    expect((await refused.events.once("disconnect")).reason).toBe("disconnect")
    expect(s.broker.services.map(({ name }) => name)).toEqual(["one", "two"])
  })

  it("drops what has waited for too long", async () => {
    await using s = await stage({ requestTimeout: 50 })
    const client = s.client({ timeout: -1 })
    const dropped = s.broker.events.once("request:dropped")
    client.request("nobody", 1).catch(() => {})
    expect(await dropped).toMatchObject({ service: "nobody", reason: "expired" })
    expect(s.broker.stats).toMatchObject({ services: 0, waiting: 0, bytes: 0 })
  })

  it("takes clients and workers at endpoints of their own", async () => {
    await using broker = new MajordomoBroker()
    const [clients, workers] = [
      await broker.bind("tcp://127.0.0.1:*", "clients"),
      await broker.bind("tcp://127.0.0.1:*", "workers"),
    ]
    await using intruder = new MajordomoWorker("square", (n) => n, { codec: json<number>() })
    await using worker = new MajordomoWorker("square", (n) => n * n, { codec: json<number>() })
    await using client = new MajordomoClient({ codec: json<number>() })
    const invalid = broker.events.once("invalid")
    intruder.connect(clients)
    expect((await invalid).peer.endpoint).toBe(clients)
    worker.connect(workers)
    client.connect(clients)
    expect(await client.request("square", 5)).toBe(25)
    expect(broker.stats.workers).toBe(1)
  })

  it("gives what it has to its workers before it closes, and takes nothing new", async () => {
    await using s = await stage()
    const client = s.client({ retries: 0, timeout: -1 })
    const gate = deferred<void>()
    s.worker("gated", async (n) => {
      await gate.promise
      return n
    })
    const asked = [1, 2, 3].map((n) => client.request("gated", n))
    await until(() => s.broker.stats.waiting === 2, "one is at work")
    const closed = s.broker.close({ linger: 60_000 })
    const dropped = s.broker.events.once("request:dropped")
    client.request("gated", 4).catch(() => {})
    expect((await dropped).reason).toBe("closed")
    gate.resolve()
    expect(await Promise.all(asked)).toEqual([1, 2, 3])
    await closed
    expect(s.broker.closed).toBe(true)
  })

  it("waits no longer than its linger, and counts what it drops then", async () => {
    await using s = await stage()
    const client = s.client({ retries: 0, timeout: -1 })
    s.worker("never", () => new Promise<number>(() => {}))
    for (const n of [1, 2, 3]) client.request("never", n).catch(() => {})
    await until(() => s.broker.stats.waiting === 2, "one is at work")
    await s.broker.close({ linger: 20 })
    expect(s.broker.stats).toMatchObject({ droppedRequests: { closed: 3 }, bytes: 0 })
  })
})

describe("a worker", () => {
  it("ends its task and sends the result before it closes", async () => {
    await using s = await stage()
    const client = s.client()
    const gate = deferred<void>()
    const worker = s.worker("gated", async (n) => {
      await gate.promise
      return n
    })
    const asked = client.request("gated", 1)
    await until(() => worker.stats.working === 1, "the task is at work")
    const closed = worker.close({ linger: 60_000 })
    gate.resolve()
    expect(await asked).toBe(1)
    await closed
    await until(() => s.broker.stats.workers === 0, "the broker knows")
    expect(s.broker.stats.again).toBe(0)
  })

  it("gives a task up that takes longer than its linger, and another does it", async () => {
    await using s = await stage()
    const client = s.client()
    const aborted = deferred<void>()
    const worker = s.use(
      new MajordomoWorker(
        "stuck",
        (_, { signal }) => {
          signal.addEventListener("abort", () => aborted.resolve())
          return new Promise<number>(() => {})
        },
        { codec: json<number>() },
      ),
    )
    const asked = client.request("stuck", 1)
    await until(() => worker.stats.working === 1, "the task is at work")
    await worker.close({ linger: 10 })
    await aborted.promise
    s.worker("stuck", (n) => n + 1)
    expect(await asked).toBe(2)
    expect(s.broker.stats.again).toBe(1)
  })

  it("and its broker do not take each other for silent before they have read what came meanwhile", async () => {
    const fire = slowIntervals()
    await using s = await stage()
    const worker = s.worker("square", (n) => n * n)
    await s.broker.events.once("worker:join")
    const parted: string[] = []
    s.broker.events.on("worker:leave", ({ reason }) => parted.push(reason))
    worker.events.on("disconnect", ({ reason }) => parted.push(reason))
    fire(HEARTBEAT * 6)
    fire(HEARTBEAT * 1.4)
    await turns(50)
    expect(parted).toEqual([])
    expect(await s.client().request("square", 3)).toBe(9)
  })

  it("comes back to a broker that was closed and is there again", async () => {
    await using s = await stage()
    const worker = s.worker("square", (n) => n * n, { reconnectInterval: 10 })
    await s.broker.events.once("worker:join")
    const left = worker.events.once("disconnect")
    await s.broker.close()
    expect((await left).reason).toMatch(/^(disconnect|connection)$/)
    await using again = new MajordomoBroker()
    await again.bind(s.endpoint)
    await again.events.once("worker:join")
    const client = s.client()
    expect(await client.request("square", 6)).toBe(36)
  })
})

describe("what is given wrongly", () => {
  it("is refused at once, by its name", async () => {
    expect(() => new MajordomoBroker({ liveness: 1 })).toThrow(OptionError)
    expect(() => new MajordomoBroker({ nonsense: 1 } as object)).toThrow(/no option "nonsense"/)
    expect(() => new MajordomoWorker("mmi.mine", () => null)).toThrow(/not beginning with "mmi\."/)
    expect(() => new MajordomoWorker("a\nb", () => null)).toThrow(OptionError)
    expect(() => new MajordomoWorker("a", "b" as never)).toThrow(/handler/)
    expect(() => new MajordomoClient({ codec: {} as never })).toThrow(/codec/)
    await using client = new MajordomoClient()
    await expect(client.request("a", "b")).rejects.toThrow(/no broker/)
    client.connect("inproc://nobody-offers-anything")
    expect(() => client.connect("inproc://another")).toThrow(StateError)
    await expect(client.request("", "b")).rejects.toThrow(OptionError)
    await expect(client.request("a", [])).rejects.toMatchObject({ code: "EINVAL" })
    await expect(client.request("a", "b", { timeout: -2 })).rejects.toThrow(/timeout/)
    expect(() => client.stream("a", "b", { retries: 0.5 })).toThrow(/retries/)
    expect(() => client.close({ linger: -1 })).toThrow(/linger/)
    await client.close()
    await expect(client.request("a", "b")).rejects.toMatchObject({ code: "EBADF" })
    expect(() => client.connect("inproc://nobody-offers-anything")).toThrow(/closed/)
  })
})
