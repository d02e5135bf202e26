import { AbortError, ClosedError, CodecError, OptionError, TimeoutError } from "brokerless"
import { type DeadLetter, DeadLetterError, TaskError, TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it, vi } from "vitest"
import { turns } from "../../../test/support/sockets.ts"
import { stopClock } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"
import { json } from "./programs/jobs.ts"
import { Hands, Stage } from "./stage.ts"

const square = (n: number): number => n * n
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

describe("Ventilator.run", () => {
  it("comes to what the handler returned", async () => {
    await using stage = await Stage.open()
    await stage.worker(square)
    await stage.worker(async (n) => n * n)
    const results = await Promise.all(numbers(500).map((n) => stage.ventilator.run(n)))
    expect(results).toEqual(numbers(500).map(square))
    expect(stage.ventilator.stats).toMatchObject({ accepted: 500, done: 500, duplicates: 0, retries: 0, invalid: 0 })
    expect(stage.ventilator.progress).toMatchObject({ done: 500, running: 0, queued: 0, waiting: 0, remaining: 0 })
  })

  it("waits for a worker to come", async () => {
    await using stage = await Stage.open()
    const result = stage.ventilator.run(7)
    expect(stage.ventilator.progress).toMatchObject({ queued: 1, running: 0, remaining: Number.POSITIVE_INFINITY })
    await stage.worker(square)
    expect(await result).toBe(49)
  })

  it("carries frames as they are without a codec", async () => {
    await using ventilator = new Ventilator()
    await using worker = new TaskWorker()
    worker.connect(await ventilator.bind("tcp://127.0.0.1:*"))
    void worker.serve((frame) => Buffer.concat([frame, frame]))
    expect(String(await ventilator.run("ab"))).toBe("abab")
  })

  it.each(["tcp", "inproc"])(
    "gives the next attempt the frame as it was, though a handler wrote to it, over %s",
    async (transport) => {
      await using ventilator = new Ventilator()
      await using worker = new TaskWorker()
      worker.connect(await ventilator.bind(transport === "tcp" ? "tcp://127.0.0.1:*" : "inproc://wrote-to-its-frame"))
      const seen: string[] = []
      void worker.serve((frame) => {
        seen.push(String(frame))
        frame.fill("x")
        if (seen.length < 3) throw new Error("again")
        return frame
      })
      const given = Buffer.from("task")
      expect(String(await ventilator.run(given))).toBe("xxxx")
      expect(seen).toEqual(["task", "task", "task"])
      expect(String(given)).toBe("task")
    },
  )

  it("tells the handler the task's id, attempt and key", async () => {
    await using ventilator = new Ventilator<number, object>({ codec: json() })
    await using worker = new TaskWorker<number, object>({ codec: json() })
    worker.connect(await ventilator.bind("inproc://tells-the-handler"))
    void worker.serve((_, { id, attempt, key, signal }) => ({ id, attempt, key, aborted: signal.aborted }))
    await ventilator.run(0)
    expect(await ventilator.run(0, { key: "a" })).toEqual({ id: 2, attempt: 1, key: "a", aborted: false })
  })

  it("keeps to the concurrency of a worker, and gives it no more than it asked for", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler, { concurrency: 3, prefetch: 4 })
    const results = Promise.all(numbers(20).map((n) => stage.ventilator.run(n)))
    await hands.haveBegun(3)
    await turns(20)
    expect(hands.begun).toEqual([1, 2, 3])
    expect(stage.ventilator.workers).toMatchObject([{ concurrency: 3, capacity: 7, held: 7 }])
    expect(stage.ventilator.progress).toMatchObject({ running: 7, queued: 13 })
    for (let i = 1; i <= 20; i++) {
      await hands.haveBegun(i)
      hands.finish(i)
    }
    expect(await results).toEqual(numbers(20).map((n) => n * 10))
  })

  it("gives a worker no more than maxCredit", async () => {
    await using stage = await Stage.open({ maxCredit: 5 })
    await stage.worker(() => new Promise<number>(() => {}), { prefetch: 100 })
    for (const n of numbers(20)) stage.ventilator.run(n).catch(() => {})
    await until(() => stage.ventilator.workers[0]?.held === 5, "the worker has five tasks")
    expect(stage.ventilator.progress.queued).toBe(15)
  })

  it("gives the idle a task before anybody has two", async () => {
    await using stage = await Stage.open()
    const hands = [new Hands(), new Hands(), new Hands()]
    for (const { handler } of hands) await stage.worker(handler, { prefetch: 10 })
    for (const n of numbers(3)) stage.ventilator.run(n).catch(() => {})
    await Promise.all(hands.map((each) => each.haveBegun(1)))
    expect(stage.ventilator.workers.map(({ held }) => held)).toEqual([1, 1, 1])
  })

  it("prefers among the idle whoever has just done a task, and is still awake, but not one who failed", async () => {
    await using stage = await Stage.open()
    const by: string[] = []
    for (const name of ["a", "b", "c"]) {
      await stage.worker((n) => {
        by.push(name)
        if (n === 5 && name === by[0]) throw new Error("not here")
        return n
      })
    }
    for (const n of numbers(4)) await stage.ventilator.run(n)
    expect(new Set(by).size).toBe(1)
    expect(await stage.ventilator.run(5)).toBe(5)
    expect(await stage.ventilator.run(6)).toBe(6)
    expect(by.slice(4, 5)).toEqual(by.slice(0, 1))
    expect(by[5]).not.toBe(by[0])
    expect(by[6]).toBe(by[5])
  })

  it("does the more important first", async () => {
    await using stage = await Stage.open()
    const order: number[] = []
    const all = [0, 5, -5, 5, 0].map((priority, i) => stage.ventilator.run(i, { priority }))
    await stage.worker(
      (n) => {
        order.push(n)
        return n
      },
      { prefetch: 0 },
    )
    await Promise.all(all)
    expect(order).toEqual([1, 3, 0, 4, 2])
  })

  it("refuses options that are not accepted, and values that cannot be sent", async () => {
    await using stage = await Stage.open()
    const { ventilator } = stage
    for (const options of [
      { priority: 128 },
      { priority: 0.5 },
      { timeout: -1 },
      { retries: -1 },
      { key: "k".repeat(256) },
      { signal: {} as AbortSignal },
    ]) {
      await expect(ventilator.run(1, options)).rejects.toBeInstanceOf(OptionError)
    }
    await expect(ventilator.run(1n as unknown as number)).rejects.toBeInstanceOf(CodecError)
    expect(ventilator.stats.accepted).toBe(0)
    const wrong = { highWaterMark: 0 }
    expect(() => new Ventilator(wrong)).toThrow(OptionError)
    expect(() => new Ventilator({ hihgWaterMark: 1 } as object)).toThrow(/no option "hihgWaterMark"/)
    expect(() => new Ventilator({ socket: { codec: json() } as object })).toThrow(OptionError)
    expect(() => new Ventilator({ codec: {} as never })).toThrow(OptionError)
  })
})

describe("room", () => {
  it("is bounded in tasks: run waits, in order, until one has ended", async () => {
    await using stage = await Stage.open({ highWaterMark: 3 })
    const { ventilator } = stage
    const all = numbers(10).map((n) => ventilator.run(n))
    expect(ventilator.stats.accepted).toBe(3)
    expect(ventilator.progress).toMatchObject({ queued: 3, waiting: 7 })
    const hands = new Hands()
    await stage.worker(hands.handler)
    for (let i = 1; i <= 10; i++) {
      await hands.haveBegun(i)
      const { queued, running } = ventilator.progress
      expect(queued + running).toBeLessThanOrEqual(3)
      hands.finish(i)
    }
    expect(await Promise.all(all)).toEqual(numbers(10).map((n) => n * 10))
    expect(hands.begun).toEqual(numbers(10))
  })

  it("is bounded in octets, and takes one more of any size", async () => {
    await using ventilator = new Ventilator({ highWaterMarkBytes: 1000 })
    for (let i = 0; i < 4; i++) ventilator.run(Buffer.alloc(600)).catch(() => {})
    expect(ventilator.stats.accepted).toBe(2)
    expect(ventilator.progress.waiting).toBe(2)
  })

  it("can be waited for until a signal says no more", async () => {
    await using stage = await Stage.open({ highWaterMark: 1 })
    const first = stage.ventilator.run(1)
    const aborter = new AbortController()
    const second = stage.ventilator.run(2, { signal: aborter.signal })
    const third = stage.ventilator.run(3)
    aborter.abort("enough")
    await expect(second).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough" })
    await stage.worker(square)
    expect(await Promise.all([first, third])).toEqual([1, 9])
    expect(stage.ventilator.stats).toMatchObject({ accepted: 2, cancelled: 1, done: 2 })
  })
})

describe("a task that fails", () => {
  it("is tried again as often as was asked, then is a dead letter", async () => {
    const letters: DeadLetter<number>[] = []
    await using stage = await Stage.open({ deadLetter: (letter) => letters.push(letter) })
    let attempts = 0
    await stage.worker(() => {
      attempts++
      throw Object.assign(new RangeError("out of range"), { code: "ERANGE" })
    })
    const error = await stage.ventilator.run(5, { retries: 2, key: "k" }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DeadLetterError)
    expect(error).toMatchObject({ code: "EDEAD", attempts: 3, id: 1 })
    const { cause } = error as Error
    expect(cause).toBeInstanceOf(TaskError)
    expect(cause).toMatchObject({ thrown: "RangeError", message: "out of range", code: "ERANGE" })
    expect(attempts).toBe(3)
    expect(letters).toEqual([{ id: 1, task: 5, key: "k", attempts: 3, error: cause }])
    expect(stage.ventilator.stats).toMatchObject({ failed: 1, retries: 2, done: 0 })
  })

  it("rejects with the handler's error when there is one attempt, or it says that another is of no use", async () => {
    await using stage = await Stage.open()
    let calls = 0
    await stage.worker((n) => {
      calls++
      throw Object.assign(new Error(`no ${n}`), { permanent: n === 2 })
    })
    await expect(stage.ventilator.run(1, { retries: 0 })).rejects.toMatchObject({ name: "TaskError", message: "no 1" })
    await expect(stage.ventilator.run(2, { retries: 9 })).rejects.toMatchObject({ code: "ETASK", message: "no 2" })
    expect(calls).toBe(2)
  })

  it("succeeds at a later attempt", async () => {
    await using stage = await Stage.open()
    const retried: number[] = []
    stage.ventilator.events.on("task:retry", ({ attempt }) => retried.push(attempt))
    await stage.worker((n, { attempt }) => {
      if (attempt < 3) throw new Error("not yet")
      return n + attempt
    })
    expect(await stage.ventilator.run(10)).toBe(13)
    expect(retried).toEqual([1, 2])
  })

  it("fails when its result does not decode", async () => {
    const codec = { encode: String, decode: (): number => JSON.parse("{") }
    await using ventilator = new Ventilator<number, number>({ codec })
    await using worker = new TaskWorker<number, number>({ codec: json() })
    worker.connect(await ventilator.bind("inproc://does-not-decode"))
    void worker.serve((n) => n)
    await expect(ventilator.run(1)).rejects.toBeInstanceOf(CodecError)
    expect(ventilator.stats.failed).toBe(1)
  })

  it("disturbs nobody when the dead letter callback throws", async () => {
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve))
    await using stage = await Stage.open({
      deadLetter: () => {
        throw new Error("the callback is wrong")
      },
    })
    await stage.worker(() => {
      throw new Error("no")
    })
    await expect(stage.ventilator.run(1, { retries: 0 })).rejects.toBeInstanceOf(TaskError)
    expect((await warned).message).toContain("the callback is wrong")
  })
})

describe("a task that exceeds its time", () => {
  it("goes to another worker, the first is told, and its late answer is a duplicate", async () => {
    stopClock()
    await using stage = await Stage.open()
    const slow = new Hands()
    await stage.worker(slow.handler, { name: "slow" })
    const overdue = stage.ventilator.events.once("task:overdue")
    const result = stage.ventilator.run(4, { timeout: 20 })
    await slow.haveBegun(1)
    vi.advanceTimersByTime(20)
    expect(await overdue).toMatchObject({ id: 1, attempt: 1, worker: "slow" })
    await until(() => slow.signals.get(4)?.aborted === true, "the first worker is told to stop")
    await stage.worker(square)
    expect(await result).toBe(16)
    const duplicate = stage.ventilator.events.once("task:duplicate")
    slow.finish(4)
    expect(await duplicate).toMatchObject({ id: 1, attempt: 1, worker: "slow" })
    expect(stage.ventilator.stats).toMatchObject({ timeouts: 1, duplicates: 1, done: 1, retries: 1 })
  })

  it("counts the first answer, whichever attempt it is of", async () => {
    stopClock()
    await using stage = await Stage.open()
    const first = new Hands()
    const second = new Hands()
    await stage.worker(first.handler)
    const result = stage.ventilator.run(4, { timeout: 30 })
    await first.haveBegun(1)
    const overdue = stage.ventilator.events.once("task:overdue")
    vi.advanceTimersByTime(30)
    await overdue
    await stage.worker(second.handler)
    await second.haveBegun(1)
    first.finish(4)
    expect(await result).toBe(40)
    await until(() => second.signals.get(4)?.aborted === true, "the second worker is told to stop")
    const duplicate = stage.ventilator.events.once("task:duplicate")
    second.finish(4)
    await duplicate
    expect(stage.ventilator.stats).toMatchObject({ done: 1, duplicates: 1 })
  })

  it("ends in TimeoutError when there is one attempt, and in a dead letter after several", async () => {
    await using stage = await Stage.open()
    await stage.worker(() => new Promise<number>(() => {}), { concurrency: 9 })
    await expect(stage.ventilator.run(1, { timeout: 5, retries: 0 })).rejects.toBeInstanceOf(TimeoutError)
    const error = await stage.ventilator.run(2, { timeout: 5, retries: 1 }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ name: "DeadLetterError", attempts: 2 })
    expect((error as Error).cause).toBeInstanceOf(TimeoutError)
  })

  it("has nothing else wait behind it: a worker that hangs gets no more", async () => {
    stopClock()
    await using stage = await Stage.open()
    const stuck = new Hands()
    await stage.worker(stuck.handler, { prefetch: 10, name: "stuck" })
    const hanging = stage.ventilator.run(1, { timeout: 10 })
    await stuck.haveBegun(1)
    const overdue = stage.ventilator.events.once("task:overdue")
    vi.advanceTimersByTime(10)
    await overdue
    expect(stage.ventilator.workers).toMatchObject([{ stuck: true, held: 1 }])
    await stage.worker(square)
    const all = Promise.all(numbers(50).map((n) => stage.ventilator.run(n)))
    expect(await all).toEqual(numbers(50).map(square))
    expect(await hanging).toBe(1)
    expect(stuck.begun).toEqual([1])
    stuck.finish(1)
    await until(() => stage.ventilator.workers[0]?.stuck === false, "it is trusted again when it has answered")
  })
})

describe("keys", () => {
  it("keep tasks of one kind on one worker", async () => {
    await using stage = await Stage.open()
    const seen = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()]
    for (const users of seen) {
      await stage.worker((n, { key = "" }) => {
        users.set(key, (users.get(key) ?? 0) + 1)
        return n
      })
    }
    await Promise.all(numbers(600).map((n) => stage.ventilator.run(n, { key: `user ${n % 30}` })))
    const all = seen.flatMap((users) => [...users])
    expect(all).toHaveLength(30)
    for (const [, count] of all) expect(count).toBe(20)
    // Thirty keys, three workers: that one gets none would be a miracle.
    for (const users of seen) expect(users.size).toBeGreaterThan(0)
  })

  it("keep the order of their tasks at a worker that does one at a time", async () => {
    await using stage = await Stage.open()
    const order: number[] = []
    for (let i = 0; i < 2; i++) {
      await stage.worker((n, { key }) => {
        if (key === "in order") order.push(n)
        return n
      })
    }
    await Promise.all(numbers(400).map((n) => stage.ventilator.run(n, { key: n % 2 === 0 ? "in order" : `${n}` })))
    expect(order).toEqual(numbers(400).filter((n) => n % 2 === 0))
  })

  it("stay where their work is when a worker comes, and move when theirs goes", async () => {
    await using stage = await Stage.open()
    const first = new Hands()
    const worker = await stage.worker(first.handler, { concurrency: 4, prefetch: 0 })
    const keys = numbers(8)
    const all = Promise.all(keys.map((n) => stage.ventilator.run(n, { key: `${n}` })))
    await first.haveBegun(4)
    const others: number[] = []
    await stage.worker((n) => {
      others.push(n)
      return n * 10
    })
    // A second task of a key that is at work goes to the same worker, although another is idle.
    const again = stage.ventilator.run(100, { key: "1" })
    await turns(20)
    expect(others).not.toContain(100)
    await worker.close({ linger: 0 })
    expect(await all).toEqual(keys.map((n) => n * 10))
    expect(await again).toBe(1000)
    expect(others.sort((a, b) => a - b)).toEqual([...keys, 100])
  })
})

describe("cancelling", () => {
  it("takes a task from wherever it is", async () => {
    await using stage = await Stage.open({ highWaterMark: 3 })
    const hands = new Hands()
    await stage.worker(hands.handler, { prefetch: 1 })
    const aborters = numbers(4).map(() => new AbortController())
    const all = numbers(4).map((n, i) => stage.ventilator.run(n, { signal: aborters[i]?.signal }))
    const ends = Promise.allSettled(all)
    await hands.haveBegun(1)
    // At work, held by the worker, queued, waiting to be accepted.
    for (const aborter of aborters.reverse()) aborter.abort()
    for (const end of await ends) expect(end).toMatchObject({ reason: { code: "ABORT_ERR" } })
    await until(() => hands.signals.get(1)?.aborted === true, "the handler is told")
    hands.finish(1)
    await until(() => stage.ventilator.workers[0]?.held === 0, "the worker has answered for all")
    expect(hands.begun).toEqual([1])
    expect(stage.ventilator.stats).toMatchObject({ cancelled: 4, late: 1, done: 0, duplicates: 0 })
  })

  it("takes all of them at once", async () => {
    await using stage = await Stage.open({ highWaterMark: 10 })
    const hands = new Hands()
    await stage.worker(hands.handler)
    const all = Promise.allSettled(numbers(20).map((n) => stage.ventilator.run(n, n % 3 === 0 ? { key: `${n}` } : {})))
    await hands.haveBegun(1)
    expect(stage.ventilator.cancel("no time")).toBe(20)
    for (const end of await all) {
      expect(end).toMatchObject({ status: "rejected", reason: { code: "ABORT_ERR", cause: "no time" } })
    }
    expect(stage.ventilator.progress).toMatchObject({ queued: 0, running: 0, waiting: 0, cancelled: 20 })
    hands.finishAll()
    await stage.worker(square)
    expect(await stage.ventilator.run(3)).toBe(9)
  })

  it("refuses a signal that has ended already, and adds one listener to a signal of many", async () => {
    await using stage = await Stage.open()
    await expect(stage.ventilator.run(1, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError)
    const aborter = new AbortController()
    let listeners = 0
    const { signal } = aborter
    signal.addEventListener = (...given: Parameters<AbortSignal["addEventListener"]>) => {
      listeners++
      AbortSignal.prototype.addEventListener.apply(signal, given)
    }
    await stage.worker(square)
    await Promise.all(numbers(200).map((n) => stage.ventilator.run(n, { signal })))
    expect(listeners).toBe(1)
  })
})

describe("the end", () => {
  it("of a drain comes when all is done, with nothing more taken in", async () => {
    const stage = await Stage.open({ highWaterMark: 2 })
    const hands = new Hands()
    await stage.worker(hands.handler)
    const all = Promise.all(numbers(5).map((n) => stage.ventilator.run(n)))
    const drained = stage.ventilator.drain()
    await expect(stage.ventilator.run(6)).rejects.toBeInstanceOf(ClosedError)
    for (let i = 1; i <= 5; i++) {
      await hands.haveBegun(i)
      hands.finish(i)
    }
    expect(await all).toEqual([10, 20, 30, 40, 50])
    await drained
    expect(stage.ventilator.stats).toMatchObject({ accepted: 5, done: 5 })
    await stage[Symbol.asyncDispose]()
  })

  it("of a close refuses what is not done, and tells the workers", async () => {
    const stage = await Stage.open({ highWaterMark: 3 })
    const hands = new Hands()
    await stage.worker(hands.handler)
    const all = Promise.allSettled(numbers(5).map((n) => stage.ventilator.run(n)))
    await hands.haveBegun(1)
    await stage.ventilator.close()
    for (const end of await all) expect(end).toMatchObject({ reason: { code: "EBADF" } })
    await until(() => hands.signals.get(1)?.aborted === true, "the handler is told")
    await expect(stage.ventilator.run(1)).rejects.toBeInstanceOf(ClosedError)
    await expect(stage.ventilator.drain()).resolves.toBeUndefined()
    await stage[Symbol.asyncDispose]()
  })
})
