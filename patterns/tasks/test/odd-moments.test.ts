// What happens at moments that are easily forgotten: in the midst of an event, and while the event loop stands still.

import { AbortError, ClosedError } from "brokerless"
import { startWorkers, TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { turns } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"
import { json, type Order, type Report } from "./programs/jobs.ts"
import { Hands, Stage } from "./stage.ts"
import { Log, open, worker } from "./workforce.ts"

const square = (n: number): number => n * n

/** Lets the event loop stand still for so many ms. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe("a listener", () => {
  it("may cancel the task whose retry it is told of", async () => {
    await using stage = await Stage.open()
    const { ventilator } = stage
    let attempts = 0
    await stage.worker(() => {
      attempts++
      throw new Error("not now")
    })
    const controller = new AbortController()
    ventilator.events.on("task:retry", () => controller.abort())
    await expect(ventilator.run(1, { signal: controller.signal })).rejects.toBeInstanceOf(AbortError)
    await turns(20)
    expect(attempts).toBe(1)
    expect(ventilator.stats).toMatchObject({ accepted: 1, cancelled: 1, failed: 0, deliveries: 1 })
    expect(ventilator.progress).toMatchObject({ running: 0, queued: 0, cancelled: 1 })
  })

  it("may cancel the task that it is told is overdue", async () => {
    await using stage = await Stage.open({ timeout: 5, retries: 0 })
    const { ventilator } = stage
    await stage.worker(new Hands().handler)
    ventilator.events.on("task:overdue", () => ventilator.cancel())
    await expect(ventilator.run(1)).rejects.toBeInstanceOf(AbortError)
    expect(ventilator.stats).toMatchObject({ accepted: 1, cancelled: 1, failed: 0 })
    expect(ventilator.progress).toMatchObject({ running: 0, queued: 0 })
    await ventilator.drain()
  })

  it("may close the ventilator when a worker is lost with several tasks", async () => {
    await using stage = await Stage.open({ retries: 0 })
    const { ventilator } = stage
    const hands = new Hands()
    const worker = await stage.worker(hands.handler, { concurrency: 3 })
    const all = Promise.allSettled([1, 2, 3].map((n) => ventilator.run(n)))
    await hands.haveBegun(3)
    let closed: Promise<void> | undefined
    ventilator.events.on("task:dead", () => {
      closed ??= ventilator.close()
    })
    await worker.close({ linger: 0 })
    const reasons = (await all).map((each) => (each as PromiseRejectedResult).reason as Error)
    expect(reasons.filter((reason) => reason instanceof ClosedError)).toHaveLength(2)
    await closed
    expect(ventilator.stats).toMatchObject({ accepted: 3, failed: 1, cancelled: 2 })
    expect(ventilator.progress).toMatchObject({ running: 0, queued: 0 })
  })
})

describe("an event loop that stood still", () => {
  it("takes no task for overdue whose answer had come meanwhile", async () => {
    const timeout = 3000
    await using ventilator = open({ timeout, retries: 0 })
    await using _program = await worker(await ventilator.bind("tcp://127.0.0.1:*"), 8)
    const log = new Log()
    const all = Promise.all([1, 2, 3, 4].map((n) => ventilator.run({ do: "sleep", n, ms: 100, log: log.path })))
    // What has begun ends without any turn of ours; what has not may never.
    await until(() => log.count("begun").size === 4, "all are at work")
    for (let waits = 0; log.count("done").size < 4 && waits < 500; waits++) standStill(20)
    standStill(timeout + 100)
    expect((await all).map(({ n }) => n)).toEqual([1, 2, 3, 4])
    expect(ventilator.stats).toMatchObject({ timeouts: 0, failed: 0, done: 4 })
  })

  it("takes no thread for hanging that had no chance to say that it lives", async () => {
    await using ventilator = new Ventilator<Order, Report>({ codec: json() })
    const endpoint = await ventilator.bind("inproc://odd-moments/stall")
    await using threads = startWorkers(
      new URL("../../../build/patterns/tasks/test/programs/thread.js", import.meta.url),
      { endpoint, threads: 1, stallTimeout: 1000 },
    )
    const stalls: number[] = []
    threads.events.on("thread:stall", ({ thread }) => stalls.push(thread))
    await ventilator.run({ do: "square", n: 1 })
    standStill(1500)
    await ventilator.run({ do: "sleep", n: 1, ms: 50 })
    expect(stalls).toEqual([])
    expect(threads.restarts).toBe(0)
  })
})

describe("a task that ends every connection it is sent over", () => {
  it("is given up, although no worker ever begins with it", async () => {
    await using stage = await Stage.open({ retries: 2 })
    const { ventilator } = stage
    const endpoint = await ventilator.bind("tcp://127.0.0.1:*")
    await using worker = new TaskWorker<number, number>({
      codec: { encode: String, decode: (frame) => Number(String(frame).slice(0, 9)) },
      socket: { maxMessageSize: 1000, reconnectInterval: 1, reconnectMaxInterval: 1 },
    })
    worker.connect(endpoint)
    void worker.serve(square)
    const large = "1".repeat(5000) as unknown as number
    await expect(ventilator.run(large)).rejects.toMatchObject({ name: "DeadLetterError", attempts: 3 })
    expect(await ventilator.run(12)).toBe(144)
  })
})
