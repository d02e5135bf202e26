// Workers in processes of their own, killed, hanging or ended in the midst of their work.

import { DeadLetterError, WorkerLostError } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { until } from "../../../test/support/until.ts"
import type { Report } from "./programs/jobs.ts"
import { chances, Log, open, worker } from "./workforce.ts"

describe("a worker process that is killed", () => {
  it("loses nothing: what it had is done by others", async () => {
    await using ventilator = open()
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    await using victim = await worker(endpoint, 2)
    const all = Promise.all(
      Array.from({ length: 200 }, (_, i) => ventilator.run({ do: "sleep", n: i + 100, log: log.path })),
    )
    await until(() => log.count("begun").size >= 2, "it is in the midst of its work")
    const left = ventilator.events.once("worker:leave")
    victim.process.kill("SIGKILL")
    const { lost } = await left
    expect(lost).toBeGreaterThanOrEqual(2)
    expect(ventilator.stats).toMatchObject({ failed: 0, redelivered: lost })
    await using _other = await worker(endpoint, 200)
    expect((await all).map(({ n }) => n)).toEqual(Array.from({ length: 200 }, (_, i) => i + 100))
    expect(ventilator.stats).toMatchObject({ accepted: 200, done: 200, failed: 0 })
    const done = log.count("done")
    for (let n = 100; n < 300; n++) expect(done.get(n)).toBeGreaterThanOrEqual(1)
  })

  it("takes nobody with it: what kills every worker becomes a dead letter, and only that", async () => {
    const dead: number[] = []
    await using ventilator = open({ deadLetter: ({ task }) => dead.push(task.n) })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    let current = await worker(endpoint)
    const poison = ventilator.run({ do: "die", n: 0, log: log.path }, { retries: 2 })
    const others = Promise.all(
      Array.from({ length: 100 }, (_, i) => ventilator.run({ do: "square", n: i + 1, log: log.path }, { retries: 2 })),
    )
    const outcome = poison.catch((error: unknown) => error)
    for (let death = 1; death <= 3; death++) {
      await until(() => current.process.signalCode !== null, "the poison kills the worker")
      current = await worker(endpoint)
    }
    const error = await outcome
    expect(error).toBeInstanceOf(DeadLetterError)
    expect(error).toMatchObject({ attempts: 3 })
    expect((error as Error).cause).toBeInstanceOf(WorkerLostError)
    expect((await others).map(({ square }) => square)).toEqual(Array.from({ length: 100 }, (_, i) => (i + 1) ** 2))
    expect(dead).toEqual([0])
    expect(log.count("begun").get(0)).toBe(3)
    await current[Symbol.asyncDispose]()
  })

  it("has its keys move to another, and only its own", async () => {
    await using ventilator = open()
    const endpoint = await ventilator.bind("ipc://*")
    const crew = await Promise.all([worker(endpoint), worker(endpoint), worker(endpoint)])
    await until(() => ventilator.workers.length === 3, "all are there")
    const keys = Array.from({ length: 24 }, (_, i) => `key ${i}`)
    const homes = async (): Promise<Map<string, number>> => {
      const reports = await Promise.all(keys.map((key, n) => ventilator.run({ do: "square", n }, { key })))
      return new Map(reports.map(({ key, pid }) => [key as string, pid]))
    }
    const before = await homes()
    expect(await homes()).toEqual(before)
    const victim = crew[0]?.process.pid as number
    const left = ventilator.events.once("worker:leave")
    process.kill(victim, "SIGKILL")
    await left
    const after = await homes()
    for (const [key, pid] of before) {
      if (pid === victim) expect(after.get(key)).not.toBe(victim)
      else expect(after.get(key)).toBe(pid)
    }
    for (const program of crew) await program[Symbol.asyncDispose]()
  })
})

describe("a worker process that hangs", () => {
  it("exceeds its time: its task, and what waited behind it, is done by others", async () => {
    await using ventilator = open({ timeout: 3000 })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    await using stuck = await worker(endpoint)
    const hanging = ventilator.run({ do: "hang", n: 0, log: log.path }, { retries: 0, timeout: 300 })
    const behind = Promise.all([1, 2, 3].map((n) => ventilator.run({ do: "square", n, log: log.path })))
    await expect(hanging).rejects.toMatchObject({ name: "TimeoutError" })
    await using other = await worker(endpoint)
    expect((await behind).map(({ pid }) => pid)).toEqual([1, 2, 3].map(() => other.process.pid))
    expect(ventilator.workers.filter(({ stuck }) => stuck)).toHaveLength(1)
    expect(log.count("begun")).toEqual(new Map([0, 1, 2, 3].map((n) => [n, 1])))
    stuck.process.kill("SIGKILL")
    await ventilator.events.once("worker:leave")
  })

  it("is stopped and goes on: what it did twice is reported", async () => {
    await using ventilator = open({ timeout: 2500 })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    await using first = await worker(endpoint)
    const running = ventilator.run({ do: "sleep", n: 50, log: log.path })
    await until(() => log.count("begun").size === 1, "it is in the midst of its work")
    first.process.kill("SIGSTOP")
    await ventilator.events.once("task:overdue")
    await using second = await worker(endpoint)
    expect(await running).toMatchObject({ attempt: 2, pid: second.process.pid })
    const duplicate = ventilator.events.once("task:duplicate")
    first.process.kill("SIGCONT")
    expect(await duplicate).toMatchObject({ id: 1, attempt: 1 })
    expect(log.count("done").get(50)).toBe(2)
    expect(ventilator.stats).toMatchObject({ done: 1, duplicates: 1, timeouts: 1 })
  })
})

describe("a worker process that is asked to end", () => {
  it("finishes what it does, and nothing is done twice", async () => {
    await using ventilator = open()
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    const first = await worker(endpoint)
    const all = Promise.all(
      Array.from({ length: 60 }, (_, i) => ventilator.run({ do: "sleep", n: i / 10, log: log.path })),
    )
    await until(() => log.count("done").size > 5, "it is in the midst of its work")
    await using _second = await worker(endpoint)
    first.process.kill("SIGTERM")
    expect(await all).toHaveLength(60)
    await until(() => first.process.exitCode !== null, "it ends by itself")
    expect(first.process.exitCode).toBe(0)
    for (const [, count] of log.count("begun")) expect(count).toBe(1)
    expect(ventilator.stats).toMatchObject({ done: 60, duplicates: 0 })
  })
})

describe("many deaths", () => {
  it("lose nothing: each task is done at least once and answered once, and what was done twice is told", async () => {
    const { seed, chance } = chances()
    await using ventilator = open({ timeout: 2000, retries: 1000, highWaterMark: 300 })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    const retried = new Map<number, number>()
    const duplicates: number[] = []
    ventilator.events.on("task:retry", ({ id }) => retried.set(id, (retried.get(id) ?? 0) + 1))
    ventilator.events.on("task:duplicate", ({ id }) => duplicates.push(id))
    const crew = await Promise.all([worker(endpoint, 1), worker(endpoint, 4), worker(endpoint, 2)])

    let deaths = 0
    let count = 0
    const reports: Report[] = []
    // More than are accepted at once, and more than the workers can hold, until the last of many deaths.
    const chain = async (): Promise<void> => {
      while (deaths < 8) {
        const n = count++
        const order = { do: "sleep", n, ms: Math.floor(chance() * 10), log: log.path } as const
        reports.push(await ventilator.run(order, n % 3 === 0 ? { key: `${n % 7}` } : { priority: n % 3 }))
      }
    }
    const all = Promise.all(Array.from({ length: 400 }, chain))
    while (deaths < 8) {
      const next = reports.length + Math.floor(chance() * 150)
      await until(() => reports.length >= next, `${next} tasks are answered (seed ${seed})`)
      const index = Math.floor(chance() * crew.length)
      crew[index]?.process.kill("SIGKILL")
      deaths++
      crew[index] = await worker(endpoint, 1 + Math.floor(chance() * 4))
    }
    await all

    // Nothing is lost, each is answered by its own result, and once.
    const answered = reports.map(({ n }) => n).sort((a, b) => a - b)
    expect(answered).toEqual(Array.from({ length: count }, (_, n) => n))
    for (const { n, square } of reports) expect(square).toBe(n * n)
    expect(ventilator.stats).toMatchObject({ accepted: count, done: count, failed: 0, cancelled: 0, unexpected: 0 })
    expect(ventilator.progress).toMatchObject({ running: 0, queued: 0, waiting: 0 })

    // Each was done at least once, as those who did it wrote down; more often only if that was reported.
    const done = log.count("done")
    const begun = log.count("begun")
    for (const { n, id } of reports) {
      expect(done.get(n), `${n}`).toBeGreaterThanOrEqual(1)
      expect(begun.get(n), `${n}`).toBeLessThanOrEqual(1 + (retried.get(id) ?? 0))
    }
    expect(ventilator.stats.duplicates).toBe(duplicates.length)
    for (const id of duplicates) expect(retried.get(id)).toBeGreaterThanOrEqual(1)
    let extra = 0
    for (const [, times] of done) extra += times - 1
    expect(duplicates.length).toBeLessThanOrEqual(extra)
    for (const program of crew) await program[Symbol.asyncDispose]()
  }, 180_000)
})
