import { OptionError } from "brokerless"
import { describe, expect, it } from "vitest"
import { turns } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"
import { Hands, Stage } from "./stage.ts"

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

async function all<Value>(iterable: AsyncIterable<Value>): Promise<Value[]> {
  const values: Value[] = []
  for await (const value of iterable) values.push(value)
  return values
}

describe("Ventilator.map", () => {
  it("hands out every result, in the order of the tasks or as they come", async () => {
    await using stage = await Stage.open()
    await stage.worker((n) => n * 2)
    await stage.worker(async (n) => {
      await turns(n % 3)
      return n * 2
    })
    const doubled = numbers(3000).map((n) => n * 2)
    expect(await all(stage.ventilator.map(numbers(3000), { order: "input" }))).toEqual(doubled)
    const asTheyCome = await all(stage.ventilator.map(numbers(3000), { ahead: 50 }))
    expect(asTheyCome.sort((a, b) => a - b)).toEqual(doubled)
  })

  it("does not make those wait that are done for one that is not, unless order is asked for", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler, { concurrency: 3 })
    const completion = stage.ventilator.map([1, 2, 3])
    const first = completion.next()
    await hands.haveBegun(3)
    hands.finish(2)
    expect(await first).toEqual({ value: 20, done: false })
    hands.finish(3)
    expect(await completion.next()).toEqual({ value: 30, done: false })
    hands.finish(1)
    expect(await all(completion)).toEqual([10])

    const input = stage.ventilator.map([4, 5], { order: "input" })
    const both = [input.next(), input.next()]
    await hands.haveBegun(5)
    hands.finish(5)
    hands.finish(4)
    expect(await Promise.all(both)).toEqual([
      { value: 40, done: false },
      { value: 50, done: false },
    ])
    expect(await input.next()).toEqual({ value: undefined, done: true })
  })

  it.each(["completion", "input"] as const)("is never further ahead than it may (%s)", async (order) => {
    await using stage = await Stage.open()
    await stage.worker((n) => n, { concurrency: 4 })
    let taken = 0
    let handedOut = 0
    let furthest = 0
    function* tasks(): Generator<number> {
      for (const n of numbers(200)) {
        taken++
        furthest = Math.max(furthest, taken - handedOut)
        yield n
      }
    }
    for await (const _ of stage.ventilator.map(tasks(), { order, ahead: 7 })) {
      handedOut++
      if (handedOut % 50 === 0) await turns(5)
    }
    expect(handedOut).toBe(200)
    // One is in the hand of the loop.
    expect(furthest).toBeLessThanOrEqual(8)
    expect(furthest).toBeGreaterThan(5)
  })

  it("takes tasks of an asynchronous iterable as they come", async () => {
    await using stage = await Stage.open()
    await stage.worker((n) => n + 1)
    async function* tasks(): AsyncGenerator<number> {
      for (const n of numbers(50)) {
        if (n % 10 === 0) await turns(2)
        yield n
      }
    }
    const results = await all(stage.ventilator.map(tasks(), { order: "input", ahead: 5 }))
    expect(results).toEqual(numbers(50).map((n) => n + 1))
  })

  it("throws the error of the first task that is given up, cancels the others, and ends its source", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler, { concurrency: 5 })
    let returned = false
    function* tasks(): Generator<number> {
      try {
        for (;;) yield* numbers(1000)
      } finally {
        returned = true
      }
    }
    const results = stage.ventilator.map(tasks(), { retries: 0, ahead: 5 })
    const first = results.next()
    await hands.haveBegun(5)
    hands.fail(3, new Error("no three"))
    await expect(first).rejects.toThrow("no three")
    expect(returned).toBe(true)
    expect(await results.next()).toEqual({ value: undefined, done: true })
    await until(() => hands.signals.get(1)?.aborted === true, "the others are told to stop")
    expect(stage.ventilator.stats).toMatchObject({ failed: 1, cancelled: 4 })
  })

  it("goes on without what is given up, if that is asked for", async () => {
    const dead: number[] = []
    await using stage = await Stage.open({ deadLetter: ({ task }) => dead.push(task) })
    await stage.worker((n) => {
      if (n % 10 === 0) throw new Error("no tens")
      return n
    })
    const results = await all(stage.ventilator.map(numbers(100), { retries: 1, skipFailed: true, order: "input" }))
    expect(results).toEqual(numbers(100).filter((n) => n % 10 !== 0))
    expect(dead.sort((a, b) => a - b)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
  })

  it("cancels what is under way when the loop is left, or its signal says so", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler, { concurrency: 3 })
    const leaving = (async () => {
      for await (const _ of stage.ventilator.map(numbers(3))) break
    })()
    await hands.haveBegun(3)
    hands.finish(2)
    await leaving
    expect(stage.ventilator.stats).toMatchObject({ done: 1, cancelled: 2 })
    expect(stage.ventilator.progress).toMatchObject({ running: 0, queued: 0, waiting: 0 })
    hands.finishAll()

    const aborter = new AbortController()
    const next = stage.ventilator.map(numbers(9), { signal: aborter.signal }).next()
    await hands.haveBegun(6)
    aborter.abort("enough")
    await expect(next).rejects.toMatchObject({ code: "ABORT_ERR", cause: "enough" })
    expect(stage.ventilator.progress).toMatchObject({ running: 0, queued: 0, waiting: 0 })
  })

  it("adds one listener to a signal, however many maps hang on it", async () => {
    await using stage = await Stage.open()
    await stage.worker((n) => n)
    const { signal } = new AbortController()
    let listeners = 0
    signal.addEventListener = (...given: Parameters<AbortSignal["addEventListener"]>) => {
      listeners++
      AbortSignal.prototype.addEventListener.apply(signal, given)
    }
    await Promise.all(numbers(12).map((count) => all(stage.ventilator.map(numbers(count), { signal }))))
    expect(listeners).toBe(1)
  })

  it("is not held up by a source that never says what comes next", async () => {
    await using stage = await Stage.open()
    await stage.worker((n) => n)
    async function* tasks(): AsyncGenerator<number> {
      yield 1
      await new Promise(() => {})
    }
    const seen: number[] = []
    for await (const n of stage.ventilator.map(tasks())) {
      seen.push(n)
      break
    }
    expect(seen).toEqual([1])
  })

  it("ends in the error of its source", async () => {
    await using stage = await Stage.open()
    await stage.worker((n) => n)
    function* tasks(): Generator<number> {
      yield 1
      throw new Error("the source is broken")
    }
    await expect(all(stage.ventilator.map(tasks()))).rejects.toThrow("the source is broken")
  })

  it("announces the tasks of an array, so that the remaining time counts them", async () => {
    await using stage = await Stage.open()
    const hands = new Hands()
    await stage.worker(hands.handler, { prefetch: 0 })
    const results = stage.ventilator.map(numbers(10), { ahead: 2 })
    const first = results.next()
    expect(stage.ventilator.progress).toMatchObject({ running: 0, queued: 2, waiting: 8 })
    await hands.haveBegun(1)
    hands.finish(1)
    await first
    const { rate, remaining } = stage.ventilator.progress
    expect(rate).toBeGreaterThan(0)
    expect(remaining / ((9 * 1000) / rate)).toBeGreaterThan(0.9)
    await results.return?.()
    expect(stage.ventilator.progress).toMatchObject({ waiting: 0, remaining: 0 })
  })

  it("keeps the keys that it is told", async () => {
    await using stage = await Stage.open()
    const seen: (string | undefined)[] = []
    await stage.worker((n, { key }) => {
      seen.push(key)
      return n
    })
    await all(stage.ventilator.map([1, 2, 3], { key: (n) => `k${n % 2}` }))
    expect(seen.sort()).toEqual(["k0", "k1", "k1"])
  })

  it("refuses options that are not accepted, at once", async () => {
    await using stage = await Stage.open()
    const { ventilator } = stage
    expect(() => ventilator.map([], { ahead: 0 })).toThrow(OptionError)
    expect(() => ventilator.map([], { order: "sideways" as "input" })).toThrow(OptionError)
    expect(() => ventilator.map([], { key: "k" as never })).toThrow(OptionError)
    expect(() => ventilator.map([], { signal: {} as AbortSignal })).toThrow(OptionError)
  })
})
