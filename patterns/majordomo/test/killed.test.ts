// Processes that are killed in the middle: a worker, the broker, a client. They have to be built:
// `npm run build && npm run build:programs`.

import { once } from "node:events"
import { json } from "brokerless/codec"
import { MajordomoBroker, MajordomoClient } from "brokerless/patterns/majordomo"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { Program } from "../../../test/support/program.ts"
import { until } from "../../../test/support/until.ts"

const PROGRAMS = "../../patterns/majordomo/test/programs"

async function kill(program: Program<unknown>): Promise<void> {
  const ended = once(program.process, "exit")
  program.process.kill("SIGKILL")
  await ended
}

describe("when a process is killed", () => {
  it("that works: its request is done by another worker, and the client sees nothing of it", async () => {
    await using broker = new MajordomoBroker()
    const endpoint = await broker.bind("tcp://127.0.0.1:*")
    await using client = new MajordomoClient({ codec: json<number>(), timeout: -1 })
    client.connect(endpoint)
    await using doomed = new Program<number>(`${PROGRAMS}/worker`, endpoint, "hang")
    const answer = client.request("square", 12)
    expect(await doomed.next()).toBe(12)
    const left = broker.events.once("worker:leave")
    await kill(doomed)
    expect((await left).reason).toBe("connection")
    await using heir = new Program<number>(`${PROGRAMS}/worker`, endpoint, "work")
    expect(await answer).toBe(144)
    expect(await heir.next()).toBe(12)
    expect(client.stats.retries).toBe(0)
    expect(broker.stats).toMatchObject({ again: 1, finals: 1 })
  })

  it("that is the broker: workers and clients find the next one, and requests are asked again", async () => {
    await using first = new Program<string>(`${PROGRAMS}/broker`, `tcp://${LOOPBACK}:*`)
    const endpoint = await first.next()
    await using client = new MajordomoClient({ codec: json<number>(), timeout: 15_000, retries: 3 })
    client.connect(endpoint)
    // Nobody offers it yet, so that the request is held by the one that dies.
    const answer = client.request("square", 12)
    await expect.poll(() => client.offers("square")).toBe(false)
    await using worker = new Program<number>(`${PROGRAMS}/worker`, endpoint, "hang")
    expect(await worker.next()).toBe(12)
    const retried = client.events.once("retry")
    await kill(first)
    expect((await retried).error).toMatchObject({ code: "EHOSTUNREACH" })
    await using second = new Program<string>(`${PROGRAMS}/broker`, endpoint)
    expect(await second.next()).toBe(endpoint)
    await using heir = new Program<number>(`${PROGRAMS}/worker`, endpoint, "work")
    await heir.next()
    expect(await answer).toBe(144)
  })

  it("that asks: what waits of it is forgotten, and what is at work is answered to nobody", async () => {
    await using broker = new MajordomoBroker()
    const endpoint = await broker.bind("tcp://127.0.0.1:*")
    await using asker = new Program<string>(`${PROGRAMS}/client`, endpoint)
    await using other = new Program<string>(`${PROGRAMS}/client`, endpoint)
    await until(() => broker.stats.waiting === 2, "both ask")
    await kill(asker)
    await until(() => broker.stats.waiting === 1, "the first is forgotten")
    expect(broker.stats.droppedRequests["client-left"]).toBe(1)
    await using worker = new Program<number>(`${PROGRAMS}/worker`, endpoint, "work")
    expect(await worker.next()).toBe(12)
    expect([await other.next(), await other.next()]).toEqual(["asking", 144])
    expect(broker.stats).toMatchObject({ finals: 1, bytes: 0 })
  })
})
