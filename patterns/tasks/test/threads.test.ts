// Worker threads that die, hang and are stopped. They run from build/: `npm run build && npm run build:programs` first.

import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { OptionError, StateError } from "brokerless"
import { serveThread, startWorkers, TaskWorker, Ventilator, type WorkerThreads } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { until } from "../../../test/support/until.ts"
import { json, type Order, type Report } from "./programs/jobs.ts"

const MODULE = new URL("../../../build/patterns/tasks/test/programs/thread.js", import.meta.url)

async function open(
  threads: number,
  options = {},
  at = "ipc://*",
): Promise<{ ventilator: Ventilator<Order, Report>; crew: WorkerThreads }> {
  if (!existsSync(fileURLToPath(MODULE))) throw new Error('Run "npm run build && npm run build:programs" first')
  const ventilator = new Ventilator<Order, Report>({ codec: json() })
  const endpoint = await ventilator.bind(at)
  const crew = startWorkers(MODULE, { endpoint, threads, restartDelay: 1, ...options })
  await until(() => ventilator.workers.length === threads, "all threads are there")
  return { ventilator, crew }
}

describe("startWorkers", () => {
  it("has threads do the work, and stops them in good order", async () => {
    const { ventilator, crew } = await open(2)
    const all = Promise.all(Array.from({ length: 300 }, (_, n) => ventilator.run({ do: "square", n })))
    expect((await all).map(({ square }) => square)).toEqual(Array.from({ length: 300 }, (_, n) => n * n))
    expect(crew.size).toBe(2)
    const codes: number[] = []
    crew.events.on("thread:exit", ({ code }) => codes.push(code))
    await crew.close()
    expect(codes).toEqual([0, 0])
    expect(crew.size).toBe(0)
    expect(crew.restarts).toBe(0)
    await ventilator.close()
  })

  it("finishes what a thread does when it is stopped", async () => {
    const { ventilator, crew } = await open(1)
    const log = join(mkdtempSync(join(tmpdir(), "tasks-")), "log")
    const running = ventilator.run({ do: "sleep", n: 100, log })
    // Not when it is handed over: what a worker has not begun when it is told to stop, it gives back.
    await until(() => existsSync(log), "it is at work")
    await crew.close()
    expect(await running).toMatchObject({ n: 100, attempt: 1 })
    expect(ventilator.stats).toMatchObject({ done: 1, redelivered: 0 })
    await ventilator.close()
    rmSync(dirname(log), { recursive: true })
  })

  it("loses nothing when a thread is terminated in the midst of its work, and starts another", async () => {
    const { ventilator, crew } = await open(2)
    const all = Promise.all(Array.from({ length: 100 }, (_, n) => ventilator.run({ do: "sleep", n: n % 10 })))
    for (let deaths = 1; deaths <= 3; deaths++) {
      await until(() => ventilator.stats.done > deaths * 10, "some are done")
      const restarted = crew.events.once("thread:restart")
      await crew.workers[0]?.terminate()
      await restarted
    }
    expect(await all).toHaveLength(100)
    expect(ventilator.stats).toMatchObject({ accepted: 100, done: 100, failed: 0 })
    expect(crew.restarts).toBe(3)
    await until(() => crew.size === 2 && ventilator.workers.length === 2, "there are two again")
    await crew.close()
    await ventilator.close()
  })

  it("has threads do the work over inproc, and loses nothing when one is terminated in the midst of it", async () => {
    const { ventilator, crew } = await open(2, {}, "inproc://threads-over-inproc")
    expect(ventilator.workers.map(({ address }) => address.split(":")[0])).toEqual(["inproc", "inproc"])
    const all = Promise.all(
      Array.from({ length: 300 }, (_, n) => ventilator.run({ do: n % 3 === 0 ? "sleep" : "square", n, ms: 2 })),
    )
    await until(() => ventilator.stats.done > 50, "some are done")
    const left = ventilator.events.once("worker:leave")
    const restarted = crew.events.once("thread:restart")
    await crew.workers[0]?.terminate()
    await Promise.all([left, restarted])
    expect((await all).map(({ square }) => square)).toEqual(Array.from({ length: 300 }, (_, n) => n * n))
    expect(ventilator.stats).toMatchObject({ accepted: 300, done: 300, failed: 0 })
    await until(() => crew.size === 2 && ventilator.workers.length === 2, "there are two again")
    await crew.close()
    await ventilator.close()
  })

  it("starts a thread again that dies of a task, until that is given up", async () => {
    const { ventilator, crew } = await open(1)
    const errors: unknown[] = []
    crew.events.on("thread:exit", ({ error }) => errors.push(error))
    const poison = ventilator.run({ do: "die", n: 0 }, { retries: 1 })
    const others = Promise.all(Array.from({ length: 20 }, (_, n) => ventilator.run({ do: "square", n })))
    await expect(poison).rejects.toMatchObject({ name: "DeadLetterError", attempts: 2 })
    expect(await others).toHaveLength(20)
    expect(errors.map((error) => (error as Error).message)).toEqual(["the thread dies", "the thread dies"])
    await crew.close()
    await ventilator.close()
  })

  it("ends a thread that lets the event loop have no turn, and starts another", async () => {
    const { ventilator, crew } = await open(1, { stallTimeout: 500 })
    const stalled = crew.events.once("thread:stall")
    const hanging = ventilator.run({ do: "hang", n: 0 }, { retries: 0 })
    const other = ventilator.run({ do: "square", n: 3 })
    await expect(hanging).rejects.toMatchObject({ name: "WorkerLostError" })
    await stalled
    expect(await other).toMatchObject({ square: 9 })
    expect(crew.restarts).toBe(1)
    await crew.close()
    await ventilator.close()
  })

  it("ends those that do not end by themselves in time", async () => {
    const { ventilator, crew } = await open(1)
    const hanging = ventilator.run({ do: "hang", n: 0 }, { retries: 0 })
    const lost = expect(hanging).rejects.toMatchObject({ name: "WorkerLostError" })
    await until(() => ventilator.progress.running === 1, "it hangs")
    await crew.close({ linger: 50 })
    await lost
    await ventilator.close()
  })

  it("refuses options that are not accepted, and threads that nobody started so", async () => {
    expect(() => startWorkers(MODULE, {} as never)).toThrow(OptionError)
    expect(() => startWorkers(MODULE, { endpoint: [] })).toThrow(OptionError)
    expect(() => startWorkers(7 as never, { endpoint: "inproc://x" })).toThrow(OptionError)
    await using worker = new TaskWorker()
    await expect(serveThread(worker, () => "")).rejects.toBeInstanceOf(StateError)
  })
})
