import { ClosedError, Dealer, OptionError, Router, StateError } from "brokerless"
import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { turns } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"
import { decodeFromVentilator, decodeFromWorker, encodeAnswers, encodeReady, encodeTasks } from "../wire.ts"
import { json } from "./programs/jobs.ts"
import { Hands, Stage } from "./stage.ts"

describe("TaskWorker", () => {
  it("refuses options that are not accepted, and a second handler", async () => {
    expect(() => new TaskWorker({ prefetch: -1 })).toThrow(OptionError)
    expect(() => new TaskWorker({ prefetch: "some" as "auto" })).toThrow(OptionError)
    expect(() => new TaskWorker({ name: "" })).toThrow(OptionError)
    await using worker = new TaskWorker()
    await expect(worker.serve(undefined as never)).rejects.toBeInstanceOf(OptionError)
    await expect(worker.serve(() => "", { concurrency: 0 })).rejects.toBeInstanceOf(OptionError)
    void worker.serve(() => "")
    await expect(worker.serve(() => "")).rejects.toBeInstanceOf(StateError)
    await worker.close()
    expect(() => worker.connect("inproc://x")).toThrow(ClosedError)
    await expect(worker.serve(() => "")).rejects.toBeInstanceOf(ClosedError)
  })

  it("may come before its ventilator, and takes nothing before it has a handler", async () => {
    await using worker = new TaskWorker<number, number>({ codec: json(), socket: { reconnectInterval: 10 } })
    worker.connect("inproc://comes-before")
    await using ventilator = new Ventilator<number, number>({ codec: json() })
    await ventilator.bind("inproc://comes-before")
    const result = ventilator.run(3)
    await turns(20)
    expect(ventilator.workers).toHaveLength(0)
    void worker.serve((n) => n + 1)
    expect(await result).toBe(4)
  })

  it("works for several ventilators", async () => {
    await using one = await Stage.open()
    await using two = await Stage.open()
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(one.endpoint, two.endpoint, one.endpoint)
    void worker.serve((n) => n + 1)
    expect(await Promise.all([one.ventilator.run(1), two.ventilator.run(2)])).toEqual([2, 3])
    expect(worker.stats).toMatchObject({ done: 2, failed: 0, returned: 0 })
  })

  it("lets the event loop turn while handlers follow each other without a pause", async () => {
    await using stage = await Stage.open()
    const spin = (n: number): number => {
      const end = performance.now() + 2
      while (performance.now() < end);
      return n
    }
    await stage.worker(spin, { prefetch: 50 })
    let seen = 0
    let most = 0
    const all = Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await stage.ventilator.run(i)
        seen++
      }),
    )
    for (let done = false; !done; ) {
      const before = seen
      await turns(1)
      most = Math.max(most, seen - before)
      done = seen === 50
    }
    await all
    // Results come in ones and twos, not all fifty when everything is over.
    expect(most).toBeLessThan(10)
  })

  it("gives back what it has not begun when it is closed, and finishes what runs", async () => {
    await using stage = await Stage.open()
    const first = new Hands()
    const worker = await stage.worker(first.handler, { prefetch: 5 })
    const all = Promise.all([1, 2, 3, 4].map((n) => stage.ventilator.run(n)))
    await first.haveBegun(1)
    const closed = worker.close()
    await stage.worker((n) => n * 10)
    await until(() => stage.ventilator.stats.done === 3, "the others are done elsewhere")
    first.finish(1)
    await closed
    expect(await all).toEqual([10, 20, 30, 40])
    expect(worker.stats).toMatchObject({ done: 1, returned: 3 })
    expect(stage.ventilator.stats).toMatchObject({ done: 4, retries: 0, redelivered: 0, duplicates: 0 })
  })

  it("leaves what runs to others when it has lingered long enough, and tells the handler", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    const worker = await stage.worker(hands.handler)
    const result = stage.ventilator.run(7)
    await hands.haveBegun(1)
    await worker.close({ linger: 5 })
    expect(hands.signals.get(7)?.aborted).toBe(true)
    await stage.worker((n) => n)
    expect(await result).toBe(7)
    expect(stage.ventilator.stats).toMatchObject({ redelivered: 1, done: 1 })
  })

  it("is closed by its signal", async () => {
    await using stage = await Stage.open()
    const aborter = new AbortController()
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(stage.endpoint)
    const served = worker.serve((n) => n, { signal: aborter.signal })
    expect(await stage.ventilator.run(1)).toBe(1)
    aborter.abort()
    await served
    expect(() => worker.connect("inproc://x")).toThrow(ClosedError)
  })

  it("goes on with what it does when the connection is lost, and its answer counts", async () => {
    await using ventilator = new Ventilator<number, number>({ codec: json() })
    const endpoint = await ventilator.bind(`tcp://${LOOPBACK}:*`)
    const hands = new Hands()
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      socket: { reconnectInterval: 10 },
      prefetch: 3,
    })
    worker.connect(endpoint)
    void worker.serve(hands.handler)
    const results = Promise.all([ventilator.run(1), ventilator.run(2)])
    await hands.haveBegun(1)
    const [left, joined] = [ventilator.events.once("worker:leave"), ventilator.events.once("worker:join")]
    await ventilator.unbind(endpoint)
    expect(await left).toMatchObject({ lost: 2 })
    await ventilator.bind(endpoint)
    await joined
    await until(() => ventilator.workers[0]?.held === 2, "both are with the worker again")
    hands.finish(1)
    await hands.haveBegun(2)
    hands.finish(2)
    expect(await results).toEqual([10, 20])
    // The first was still being done: it was not done again.
    expect(hands.begun).toEqual([1, 2])
    expect(ventilator.stats).toMatchObject({ done: 2, redelivered: 2, duplicates: 0 })
  })

  it("stops what it did for a ventilator when another is there in its place", async () => {
    const first = new Ventilator<number, number>({ codec: json() })
    const endpoint = await first.bind(`tcp://${LOOPBACK}:*`)
    const hands = new Hands()
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      socket: { reconnectInterval: 10 },
    })
    worker.connect(endpoint)
    void worker.serve(hands.handler, { concurrency: 2 })
    first.run(1).catch(() => {})
    await hands.haveBegun(1)
    // It ends as a process does that is killed: nobody is told anything.
    const ended = first.unbind(endpoint)
    await using second = new Ventilator<number, number>({ codec: json() })
    await ended
    await second.bind(endpoint)
    const result = second.run(2)
    await hands.haveBegun(2)
    await until(() => hands.signals.get(1)?.aborted === true, "the handler is told")
    hands.finish(1)
    hands.finish(2)
    expect(await result).toBe(20)
    expect(second.stats).toMatchObject({ done: 1, unexpected: 0, duplicates: 0 })
    await first.close()
  })

  it("says what it begins with when another attempt has failed", async () => {
    await using router = new Router()
    const endpoint = await router.bind("tcp://127.0.0.1:*")
    await using worker = new TaskWorker<number, number>({ codec: json(), prefetch: 1 })
    worker.connect(endpoint)
    const hands = new Hands()
    void worker.serve(hands.handler)
    const [address, ...ready] = (await router.receive()) as [Buffer, ...Buffer[]]
    expect(decodeFromWorker(ready)).toMatchObject({ type: "ready", concurrency: 1 })
    const epoch = Buffer.alloc(8, 7)
    const task = { id: 1, attempt: 2, key: "", body: Buffer.from("5") }
    await router.send([address, ...encodeTasks(epoch, [{ ...task, delivery: 11, announce: true }])])
    const [, ...started] = (await router.receive()) as Buffer[]
    expect(decodeFromWorker(started)).toMatchObject({ type: "started", deliveries: [11] })
    await hands.haveBegun(1)
    hands.finish(5)
    const [, ...answers] = (await router.receive()) as Buffer[]
    expect(decodeFromWorker(answers)).toMatchObject({ answers: [{ delivery: 11, body: Buffer.from("50") }] })
  })

  it("parts with a ventilator that does not speak the protocol, and comes back", async () => {
    await using router = new Router()
    const endpoint = await router.bind("tcp://127.0.0.1:*")
    await using worker = new TaskWorker<number, number>({ codec: json(), socket: { reconnectInterval: 10 } })
    worker.connect(endpoint)
    void worker.serve((n) => n)
    const [address] = (await router.receive()) as [Buffer]
    const invalid = worker.events.once("message:invalid")
    await router.send([address, "what is this?"])
    expect(await invalid).toMatchObject({ endpoint })
    expect(worker.stats.invalid).toBe(1)
    const [other, ...ready] = (await router.receive()) as [Buffer, ...Buffer[]]
    expect(other.equals(address)).toBe(false)
    expect(decodeFromWorker(ready)).toMatchObject({ type: "ready" })
  })

  it("reads no more from a ventilator that sends far more than was asked for", async () => {
    await using router = new Router({ sendHighWaterMark: 0, linger: 0 })
    const endpoint = await router.bind("inproc://far-more-than-asked")
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      prefetch: 1,
      socket: { receiveHighWaterMark: 2 },
    })
    worker.connect(endpoint)
    const hands = new Hands()
    void worker.serve(hands.handler)
    const [address] = (await router.receive()) as [Buffer]
    const epoch = Buffer.alloc(8, 7)
    let delivery = 0
    for (let i = 0; i < 100; i++) {
      const tasks = Array.from({ length: 256 }, () => {
        delivery++
        return { delivery, id: delivery, attempt: 1, announce: false, key: "", body: Buffer.from(`${delivery}`) }
      })
      router.trySend([address, ...encodeTasks(epoch, tasks)])
    }
    await turns(50)
    expect(router.stats.queuedMessages).toBeGreaterThan(60)
    await worker.close({ linger: 0 })
  })

  it("does not hear from a stranger what became of a task, nor from a worker what it does not have", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler)
    const result = stage.ventilator.run(1)
    await hands.haveBegun(1)
    await using stranger = new Dealer()
    stranger.connect(stage.endpoint)
    await stranger.send(encodeReady(Buffer.alloc(8, 1), 1, 1, "stranger"))
    const other = stage.ventilator.run(2)
    const tasks = decodeFromVentilator(await stranger.receive())
    const epoch = Buffer.from((tasks as { readonly epoch: string }).epoch, "latin1")
    // It knows the ventilator now, and guesses the delivery of another worker.
    const forged = { status: 0 as const, body: Buffer.from("666") }
    await stranger.send(
      encodeAnswers(epoch, [
        { delivery: 1, ...forged },
        { delivery: 99, ...forged },
      ]),
    )
    await stranger.send(encodeAnswers(Buffer.alloc(8), [{ delivery: 2, ...forged }]))
    await until(() => stage.ventilator.stats.unexpected === 3, "the forgeries are counted")
    hands.finish(1)
    expect(await result).toBe(10)
    await stranger.send(encodeAnswers(epoch, [{ delivery: 2, status: 0, body: Buffer.from("7") }]))
    expect(await other).toBe(7)
  })
})
