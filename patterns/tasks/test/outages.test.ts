// Processes that are stopped and go on, connections that break, sinks that are killed, and a ventilator that drains in
// the midst of all that: everything that was accepted is done at least once, and what may have been done twice is told.

import { ClosedError } from "brokerless"
import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { FaultProxy } from "../../../test/support/fault-proxy.ts"
import { Program } from "../../../test/support/program.ts"
import { until } from "../../../test/support/until.ts"
import { json, type Order, type Report } from "./programs/jobs.ts"
import { chances, Log, open, worker } from "./workforce.ts"

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** How often each task was given back to be tried again, by its id. */
function retriesOf(ventilator: Ventilator<Order, Report>): Map<number, number> {
  const retries = new Map<number, number>()
  ventilator.events.on("task:retry", ({ id }) => retries.set(id, (retries.get(id) ?? 0) + 1))
  return retries
}

/** Each was answered by its own result, done at least once, and begun no more often than was told. */
function expectAllDone(reports: readonly Report[], log: Log, retries: ReadonlyMap<number, number>): void {
  const [begun, done] = [log.count("begun"), log.count("done")]
  expect(reports.map(({ n }) => n)).toEqual(numbers(reports.length))
  for (const { n, square, id } of reports) {
    expect(square).toBe(n * n)
    expect(done.get(n), `${n} done`).toBeGreaterThanOrEqual(1)
    expect(begun.get(n), `${n} begun`).toBeLessThanOrEqual(1 + (retries.get(id) ?? 0))
  }
}

describe("worker processes that are stopped for longer than a task may take, and go on", () => {
  it("lose nothing, and whatever was done twice is reported, each time", async () => {
    const { seed, chance } = chances()
    await using ventilator = open({ timeout: 300, retries: 1000 })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    const retries = retriesOf(ventilator)
    const crew = await Promise.all([worker(endpoint, 1), worker(endpoint, 3), worker(endpoint, 2)])
    let answered = 0
    const all = Promise.all(
      numbers(600).map(async (n) => {
        const order = { do: "sleep", n, ms: 5 + Math.floor(chance() * 15), log: log.path } as const
        const report = await ventilator.run(order, n % 3 === 0 ? { key: `${n % 5}` } : {})
        answered++
        return report
      }),
    )
    for (let stop = 0; stop < 4; stop++) {
      const enough = Math.min(answered + 20, 600)
      await until(() => answered >= enough, `work goes on (seed ${seed})`)
      const { process } = crew[stop % crew.length] as Program<string>
      const overdue = ventilator.events.once("task:overdue")
      process.kill("SIGSTOP")
      // One that was slow before holds nothing but what is overdue already.
      await Promise.race([overdue, all])
      process.kill("SIGCONT")
    }
    expect(ventilator.stats.timeouts).toBeGreaterThan(0)
    expectAllDone(await all, log, retries)
    // Nobody was lost, so that every deed is answered some time: those that did not count as duplicates.
    await until(() => ventilator.workers.every(({ held }) => held === 0), "everybody has answered everything")
    let extra = 0
    for (const times of log.count("done").values()) extra += times - 1
    expect(ventilator.stats).toMatchObject({ accepted: 600, done: 600, failed: 0, late: 0, unexpected: 0 })
    expect(ventilator.stats.duplicates).toBe(extra)
    for (const program of crew) await program[Symbol.asyncDispose]()
  }, 180_000)
})

describe("workers whose connections break, and who come back", () => {
  it("lose nothing, and begin nothing twice that was not told to be tried again", async () => {
    const { chance } = chances()
    await using ventilator = open({ retries: 1000 })
    await using proxy = await FaultProxy.before(await ventilator.bind("tcp://127.0.0.1:*"))
    const log = new Log()
    const retries = retriesOf(ventilator)
    await using first = await worker(proxy.endpoint, 2)
    await using _second = await worker(proxy.endpoint, 3)
    let answered = 0
    const all = Promise.all(
      numbers(400).map(async (n) => {
        const order = { do: "sleep", n, ms: Math.floor(chance() * 15), log: log.path } as const
        const report = await ventilator.run(order)
        answered++
        return report
      }),
    )
    for (let cut = 0; cut < 6; cut++) {
      const enough = answered + 15
      await until(() => answered >= enough, "work goes on")
      const connection = await proxy.connection(cut)
      if (cut % 2 === 0) connection.reset()
      else connection.finish()
      // Both come back: whoever was cut off is the next connection but one.
      await proxy.connection(cut + 2)
    }
    expectAllDone(await all, log, retries)
    expect(first.process.exitCode).toBeNull()
    expect(ventilator.stats).toMatchObject({ accepted: 400, done: 400, failed: 0, late: 0 })
    expect(ventilator.stats.redelivered).toBeGreaterThan(0)
  }, 180_000)
})

describe("a sink process that is killed, again and again", () => {
  it("has every result in the end, and the ventilator hears that each was taken", async () => {
    await using ventilator = new Ventilator<Order, undefined>({ codec: json(), retries: 1000 })
    const work = await ventilator.bind("ipc://*")
    const taken = new Log()
    const log = new Log()
    const open = async (endpoint: string): Promise<Program<string>> => {
      const program = new Program<string>("../../patterns/tasks/test/programs/sink", endpoint, taken.path)
      expect(await program.next()).toBe("ready")
      return program
    }
    const endpoint = `ipc://${taken.path}.sock`
    let sink = await open(endpoint)
    const crew = await Promise.all([worker(work, 2, endpoint), worker(work, 1, endpoint)])
    const all = Promise.all(numbers(300).map((n) => ventilator.run({ do: "sleep", n, ms: 5, log: log.path })))
    for (let death = 1; death <= 3; death++) {
      await until(() => taken.count("done").size >= death * 40, "results come")
      sink.process.kill("SIGKILL")
      if (death === 2) crew[0]?.process.kill("SIGKILL")
      sink = await open(endpoint)
      if (death === 2) crew[0] = await worker(work, 2, endpoint)
    }
    await all
    expect([...taken.count("done").keys()].sort((a, b) => a - b)).toEqual(numbers(300))
    expect(ventilator.stats).toMatchObject({ accepted: 300, done: 300, failed: 0 })
    for (const program of [...crew, sink]) await program[Symbol.asyncDispose]()
  }, 180_000)
})

describe("a ventilator that drains", () => {
  it("takes nothing more in, and ends only when all is done, whoever dies or stops meanwhile", async () => {
    const ventilator = open({ timeout: 400, retries: 1000, highWaterMark: 100 })
    const endpoint = await ventilator.bind("ipc://*")
    const log = new Log()
    const retries = retriesOf(ventilator)
    const crew = await Promise.all([worker(endpoint, 2), worker(endpoint, 2)])
    const reports: Report[] = []
    const all = numbers(300).map(async (n) => {
      const report = await ventilator.run({ do: "sleep", n, ms: 5, log: log.path })
      reports.push(report)
      return report
    })
    const drained = ventilator.drain()
    await expect(ventilator.run({ do: "square", n: 0 })).rejects.toBeInstanceOf(ClosedError)
    const [first, second] = crew as [Program<string>, Program<string>]
    await until(() => reports.length >= 50, "work goes on")
    first.process.kill("SIGKILL")
    await until(() => reports.length >= 100, "work goes on")
    second.process.kill("SIGSTOP")
    await until(() => ventilator.workers.every(({ stuck }) => stuck), "what it holds is overdue")
    await using _third = await worker(endpoint, 4)
    await drained
    // Not one of them was refused, those that waited for room included.
    expect(reports).toHaveLength(300)
    expectAllDone(await Promise.all(all), log, retries)
    expect(ventilator.stats).toMatchObject({ accepted: 300, done: 300, failed: 0, cancelled: 0 })
    second.process.kill("SIGKILL")
  }, 180_000)

  it("is closed in the midst of it: what is not done rejects, and workers are told to stop", async () => {
    const ventilator = new Ventilator<Order, Report>({ codec: json() })
    await using worker = new TaskWorker<Order, Report>({ codec: json(), name: "w" })
    worker.connect(await ventilator.bind("inproc://outages/close"))
    let told = false
    void worker.serve(
      (_, { signal }) =>
        new Promise<Report>(() => {
          signal.addEventListener("abort", () => {
            told = true
          })
        }),
    )
    const running = ventilator.run({ do: "square", n: 1 })
    await until(() => worker.running === 1, "it is being done")
    const drained = ventilator.drain()
    await Promise.all([expect(running).rejects.toBeInstanceOf(ClosedError), ventilator.close(), drained])
    await until(() => told, "the worker is told")
    await worker.close({ linger: 0 })
  })
})
