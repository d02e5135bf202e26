import { Dealer, OptionError } from "brokerless"
import { Sink, TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { Program } from "../../../test/support/program.ts"
import { until } from "../../../test/support/until.ts"
import { decodeTaken, encodeResults } from "../wire.ts"
import { json, type Order, type Report } from "./programs/jobs.ts"

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** Resolves to the next result, leaving the loop open. */
async function next<R>(sink: Sink<R>): Promise<R> {
  for await (const { result } of sink) return result
  throw new Error("The sink is closed")
}

describe("Sink", () => {
  it("gets the results instead of the ventilator, which is told when they are taken", async () => {
    await using ventilator = new Ventilator<number, undefined>({ codec: json() })
    const endpoint = await ventilator.bind("inproc://sink-gets-results/work")
    await using sink = new Sink<number>({ codec: json() })
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      sink: await sink.bind("inproc://sink-gets-results/sink"),
    })
    worker.connect(endpoint)
    void worker.serve((n) => n * n)
    const all = Promise.all(numbers(600).map((n) => ventilator.run(n, { key: `k${n}` })))
    const results = new Map<string, number>()
    for await (const { result, id, key, ventilator: name } of sink) {
      expect(ventilator.stats.done).toBeLessThan(600)
      expect(name).toMatch(/^[0-9a-f]{16}$/)
      expect(result).toBe(id * id)
      results.set(key as string, result)
      if (results.size === 600) break
    }
    expect(await all).toEqual(numbers(600).map(() => undefined))
    expect(results.get("k600")).toBe(360_000)
    expect(sink.stats).toMatchObject({ received: 600, duplicates: 0, invalid: 0 })
  })

  it("holds up its workers when nobody takes what is there", async () => {
    await using ventilator = new Ventilator<number, undefined>({ codec: json() })
    await using sink = new Sink<number>({ codec: json() })
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      prefetch: 3,
      sink: await sink.bind("inproc://sink-holds-up/sink"),
    })
    worker.connect(await ventilator.bind("inproc://sink-holds-up/work"))
    void worker.serve((n) => n)
    const all = Promise.allSettled(numbers(100).map((n) => ventilator.run(n)))
    await until(() => worker.stats.done === 4, "as many are done as the worker may hold")
    expect(ventilator.progress).toMatchObject({ running: 4, queued: 96, done: 0 })
    let taken = 0
    for await (const _ of sink) if (++taken === 100) break
    await all
    expect(ventilator.stats.done).toBe(100)
    await worker.close()
  })

  it("gets again what it had not taken when it was lost, and nothing is lost", async () => {
    await using ventilator = new Ventilator<number, undefined>({ codec: json() })
    const first = new Sink<number>({ codec: json() })
    const endpoint = await first.bind(`tcp://${LOOPBACK}:*`)
    await using worker = new TaskWorker<number, number>({
      codec: json(),
      sink: endpoint,
      socket: { reconnectInterval: 10 },
    })
    worker.connect(await ventilator.bind("inproc://sink-lost/work"))
    void worker.serve((n) => n)
    const all = Promise.all(numbers(50).map((n) => ventilator.run(n)))
    const seen: number[] = []
    for await (const { result } of first) if (seen.push(result) === 10) break
    await first.close()
    await using second = new Sink<number>({ codec: json() })
    await second.bind(endpoint)
    for await (const { result } of second) {
      seen.push(result)
      if (new Set(seen).size === 50) break
    }
    await all
    expect([...new Set(seen)].sort((a, b) => a - b)).toEqual(numbers(50))
  })

  it("hands out once what workers send twice", async () => {
    await using sink = new Sink()
    await using worker = new Dealer()
    worker.connect(await sink.bind("inproc://sink-twice"))
    const parcel = { epoch: "ventilat", id: 5, key: "", body: Buffer.from("five") }
    await worker.send(encodeResults([{ ...parcel, token: 1 }]))
    await worker.send(encodeResults([{ ...parcel, token: 2 }]))
    await worker.send(encodeResults([{ ...parcel, token: 3, id: 6, body: Buffer.from("six") }]))
    const seen: string[] = []
    for await (const { result } of sink) if (seen.push(String(result)) === 2) break
    expect(seen).toEqual(["five", "six"])
    expect(sink.stats).toMatchObject({ received: 2, duplicates: 1 })
  })

  it("answers what comes again of a result that was taken, although no loop runs any more", async () => {
    await using sink = new Sink()
    await using worker = new Dealer()
    await using other = new Dealer()
    const endpoint = await sink.bind("inproc://sink-again")
    worker.connect(endpoint)
    other.connect(endpoint)
    const parcel = { epoch: "ventilat", id: 5, key: "", body: Buffer.from("five") }
    await worker.send(encodeResults([{ ...parcel, token: 1 }]))
    expect(String(await next(sink))).toBe("five")
    expect(decodeTaken(await worker.receive())?.tokens).toEqual([1])
    await other.send(encodeResults([{ ...parcel, token: 2 }]))
    expect(decodeTaken(await other.receive())?.tokens).toEqual([2])
    expect(sink.stats).toMatchObject({ received: 1, duplicates: 1 })
  })

  it("answers what came again while a loop had it when the loop takes it, not before, and to each", async () => {
    await using sink = new Sink()
    await using worker = new Dealer()
    await using other = new Dealer()
    const endpoint = await sink.bind("inproc://sink-in-hand")
    worker.connect(endpoint)
    other.connect(endpoint)
    const parcel = { epoch: "ventilat", id: 5, key: "", body: Buffer.from("five") }
    await worker.send(encodeResults([{ ...parcel, token: 1 }]))
    const first = sink[Symbol.asyncIterator]()
    const second = sink[Symbol.asyncIterator]()
    expect(String((await first.next()).value?.result)).toBe("five")
    const six = second.next()
    const again = sink.events.once("result:duplicate")
    await other.send(encodeResults([{ ...parcel, token: 2 }]))
    await again
    expect(other.tryReceive()).toBeUndefined()
    await other.send(encodeResults([{ ...parcel, token: 3, id: 6, body: Buffer.from("six") }]))
    expect(String((await six).value?.result)).toBe("six")
    await first.return(undefined)
    expect(decodeTaken(await worker.receive())?.tokens).toEqual([1])
    expect(decodeTaken(await other.receive())?.tokens).toEqual([2])
    await second.return(undefined)
    expect(decodeTaken(await other.receive())?.tokens).toEqual([3])
  })

  it("ends a loop that waits when it is closed", async () => {
    const sink = new Sink()
    const waiting = sink[Symbol.asyncIterator]().next()
    await sink.close()
    expect(await waiting).toEqual({ value: undefined, done: true })
    expect(await sink[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true })
  })

  it("parts with peers that do not speak the protocol, and passes over results that do not decode", async () => {
    await using sink = new Sink<number>({ codec: json() })
    const endpoint = await sink.bind("inproc://sink-invalid")
    await using worker = new Dealer()
    await using stranger = new Dealer()
    worker.connect(endpoint)
    stranger.connect(endpoint)
    await stranger.send("what is this?")
    const parcel = { epoch: "ventilat", key: "" }
    await worker.send(encodeResults([{ ...parcel, token: 1, id: 1, body: Buffer.from("{") }]))
    await worker.send(encodeResults([{ ...parcel, token: 2, id: 2, body: Buffer.from("2") }]))
    expect(await next(sink)).toBe(2)
    await until(() => sink.stats.invalid === 2, "both are counted")
    expect(() => new Sink({ remembered: 0 })).toThrow(OptionError)
  })

  it("loses nothing when a worker is killed with results on their way", async () => {
    await using ventilator = new Ventilator<Order, undefined>({ codec: json() })
    const work = await ventilator.bind("ipc://*")
    await using sink = new Sink<Report>({ codec: json() })
    const endpoint = await sink.bind("ipc://*")
    const name = "../../patterns/tasks/test/programs/worker"
    await using victim = new Program<string>(name, work, 4, endpoint)
    await victim.next()
    const all = Promise.all(numbers(300).map((n) => ventilator.run({ do: "square", n })))
    const seen = new Set<number>()
    let killed = false
    let other: Program<string> | undefined
    for await (const { result } of sink) {
      expect(seen.has(result.n)).toBe(false)
      seen.add(result.n)
      if (seen.size === 300) break
      if (seen.size < 20 || killed) continue
      killed = true
      victim.process.kill("SIGKILL")
      other = new Program<string>(name, work, 4, endpoint)
    }
    await all
    expect(killed).toBe(true)
    expect(ventilator.stats).toMatchObject({ done: 300, failed: 0 })
    await other?.[Symbol.asyncDispose]()
  })
})
