// Processes that are killed while messages are on their way.

import { once } from "node:events"
import { json } from "brokerless/codec"
import { Consumer, Exchange } from "brokerless/patterns/exchange"
import { describe, expect, it } from "vitest"
import { Meeting } from "../../../test/support/meeting.ts"
import { Program } from "../../../test/support/program.ts"
import { until } from "../../../test/support/until.ts"
import type { Said } from "./programs/consumer.ts"

const CONSUMER = "../../patterns/exchange/test/programs/consumer"
const PUBLISHER = "../../patterns/exchange/test/programs/publisher"
const codec = json<number>()

describe("killed", () => {
  it("consumers, one after the other: nothing that was published is lost", async () => {
    await using exchange = new Exchange({ codec, keepQueues: 60_000, maxDeliveries: 0 })
    const endpoint = await exchange.bind("tcp://127.0.0.1:*")
    const rounds = 3
    const each = 100
    for (let round = 0; round < rounds; round++) {
      // One that acknowledges and one that holds all it gets, and both are killed in the middle.
      await using holder = new Program<Said>(CONSUMER, endpoint, "jobs", "job.#", "hold")
      await using worker = new Program<Said>(CONSUMER, endpoint, "jobs", "job.#", "acknowledge")
      await until(() => exchange.stats.consumers === 2 && exchange.stats.bindings === 1, "both are there")
      for (let i = 0; i < each; i++) await exchange.publish("job.x", round * each + i)
      await holder.next()
      for (let i = 0; i < 20; i++) await worker.next()
      const ended = Promise.all([once(holder.process, "exit"), once(worker.process, "exit")])
      holder.process.kill("SIGKILL")
      worker.process.kill("SIGKILL")
      await ended
      await until(() => exchange.stats.consumers === 0, "both are gone")
    }
    const before = exchange.stats
    expect(before.acknowledged + before.waiting).toBe(rounds * each)
    expect(before.waiting).toBeGreaterThan(0)
    await using last = new Program<Said>(CONSUMER, endpoint, "jobs", "job.#", "acknowledge")
    const seen = new Set<number>()
    for (let i = 0; i < before.waiting; i++) seen.add(await last.next())
    expect(seen.size).toBe(before.waiting)
    await until(() => exchange.stats.acknowledged === rounds * each, "all are acknowledged")
    const { redelivered, dropped, waiting, unacknowledged } = exchange.stats
    expect({ waiting, unacknowledged, dropped }).toEqual({
      waiting: 0,
      unacknowledged: 0,
      dropped: { overflow: 0, deliveries: 0, rejected: 0, gone: 0, closed: 0 },
    })
    expect(redelivered).toBeGreaterThan(0)
  })

  it("consumers that had been stopped while they held messages: others do what they held, once each", async () => {
    await using exchange = new Exchange({ codec, keepQueues: 60_000, maxDeliveries: 0 })
    const endpoint = await exchange.bind("tcp://127.0.0.1:*")
    await using stopped = new Program<Said>(CONSUMER, endpoint, "jobs", "job.#", "hold")
    await using goesOn = new Program<Said>(CONSUMER, endpoint, "jobs", "job.#", "acknowledge")
    await until(() => exchange.stats.consumers === 2 && exchange.stats.bindings === 1, "both are there")
    for (let i = 0; i < 20; i++) await exchange.publish("job.x", i)
    const first = [await stopped.next(), await goesOn.next()]
    expect(new Set(first).size).toBe(2)
    stopped.process.kill("SIGSTOP")
    goesOn.process.kill("SIGSTOP")
    for (let i = 20; i < 200; i++) await exchange.publish("job.x", i)
    goesOn.process.kill("SIGCONT")
    const ended = once(stopped.process, "exit")
    stopped.process.kill("SIGKILL")
    await ended
    await until(() => exchange.stats.acknowledged === 200, "all is done")
    const seen = new Set([first[1] as number])
    while (seen.size < 200) {
      const value = await goesOn.next()
      expect(seen.has(value)).toBe(false)
      seen.add(value)
    }
    expect(exchange.stats).toMatchObject({ consumers: 1, waiting: 0, unacknowledged: 0 })
    expect(Object.values(exchange.stats.dropped)).toEqual([0, 0, 0, 0, 0])
  })

  it("an exchange: its consumers bind again at its successor, and what it held is gone", async () => {
    await using meeting = new Meeting()
    const endpoint = await meeting.vacant("ipc")
    await using consumer = new Consumer({
      codec,
      queue: "numbers",
      socket: { reconnectInterval: 20, reconnectMaxInterval: 100 },
    })
    consumer.bindQueue("number")
    consumer.connect(endpoint)
    for (let life = 0; life < 3; life++) {
      await using publisher = new Program<never>(PUBLISHER, endpoint, "number")
      // Each begins anew, and in order.
      let first = (await consumer.receive()).value
      while (first !== 0) first = (await consumer.receive()).value
      for (let i = 1; i < 50; i++) expect((await consumer.receive()).value).toBe(i)
      const ended = once(publisher.process, "exit")
      const left = consumer.events.once("leave")
      publisher.process.kill("SIGKILL")
      await Promise.all([ended, left])
    }
  })
})
