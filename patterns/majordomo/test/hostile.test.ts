// Octets that no peer of good will sends: whatever comes, nothing throws, nothing grows, and honest peers are served.

import { Dealer, type Frame, Router } from "brokerless"
import { json } from "brokerless/codec"
import { MajordomoBroker, MajordomoClient, MajordomoWorker } from "brokerless/patterns/majordomo"
import { describe, expect, it } from "vitest"
import { Random } from "../../../test/support/random.ts"
import { turns } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"

/** A message that begins like one of the protocol, more or less. */
function noise(random: Random): Frame[] {
  const frames = random.list(1, 7, () =>
    random.choose(
      [3, () => Buffer.from(random.pick(["MDPC02", "MDPW02", "MDPC01", "echo", "mmi.service", "mmi.", ""]))],
      [3, () => Buffer.of(random.below(9))],
      [2, () => random.octets(random.size(300))],
    ),
  )
  if (random.once(2)) frames.unshift(Buffer.from(random.pick(["MDPC02", "MDPW02"])), Buffer.of(random.below(8)))
  return frames
}

describe("a broker under noise", () => {
  it.each([1, 2, 3])("goes on serving (seed %i)", async (seed) => {
    const random = new Random(seed)
    await using broker = new MajordomoBroker({ maxServices: 20, maxWaiting: 20, requestTimeout: 300 })
    const endpoint = await broker.bind("inproc://noisy-broker")
    await using worker = new MajordomoWorker("honest", (n) => n + 1, { codec: json<number>() })
    await using client = new MajordomoClient({ codec: json<number>() })
    worker.connect(endpoint)
    client.connect(endpoint)
    const noisy = new Dealer({ reconnectInterval: 1 })
    noisy.connect(endpoint)
    for (let i = 0; i < 400; i++) {
      await noisy.send(noise(random))
      if (i % 20 === 0) expect(await client.request("honest", i)).toBe(i + 1)
      if (i % 10 === 0) await turns(2)
    }
    await noisy.close({ linger: 0 })
    await until(() => broker.stats.workers === 1, "only the honest worker is left")
    await until(() => broker.stats.waiting === 0, "nothing waits for ever")
    const { invalid, bytes, services } = broker.stats
    expect(invalid).toBeGreaterThan(50)
    expect({ bytes, services }).toEqual({ bytes: 0, services: 1 })
    expect(await client.request("honest", 1)).toBe(2)
    await broker.close({ linger: 0 })
  })

  it("takes names for services that are text and not too long, and no others", async () => {
    await using broker = new MajordomoBroker()
    const endpoint = await broker.bind("inproc://names-of-services")
    for (const name of ["", "a\0b", "\u0007", "x".repeat(256), Buffer.of(0xff, 0xfe)]) {
      const invalid = broker.events.once("invalid")
      const dealer = new Dealer()
      dealer.connect(endpoint)
      await dealer.send(["MDPC02", "\x01", name, "body"])
      expect((await invalid).type).toBe("invalid")
      await dealer.close({ linger: 0 })
    }
    const dealer = new Dealer()
    dealer.connect(endpoint)
    await dealer.send(["MDPC02", "\x01", "🜁".repeat(63), "body"])
    await until(() => broker.stats.waiting === 1, "a long name of another script is known")
    await dealer.close({ linger: 0 })
    expect(broker.stats.invalid).toBe(5)
  })

  it("disconnects who says what is no command, and gives away what that one worked on", async () => {
    await using broker = new MajordomoBroker()
    const endpoint = await broker.bind("inproc://a-worker-gone-mad")
    await using client = new MajordomoClient({ codec: json<number>() })
    client.connect(endpoint)
    const mad = new Dealer({ reconnectInterval: -1 })
    mad.connect(endpoint)
    const joined = broker.events.once("worker:join")
    await mad.send(["MDPW02", "\x01", "honest"])
    await joined
    const answer = client.request("honest", 1)
    expect((await mad.receive())[1]).toEqual(Buffer.of(2))
    const left = broker.events.once("worker:leave")
    await mad.send(["MDPW02", "\x04"])
    expect((await left).reason).toBe("invalid")
    await using worker = new MajordomoWorker("honest", (n) => n + 1, { codec: json<number>() })
    worker.connect(endpoint)
    expect(await answer).toBe(2)
    await mad.close({ linger: 0 })
  })
})

describe("under the noise of a broker", () => {
  it.each([1, 2])("a worker and a client go on (seed %i)", async (seed) => {
    const random = new Random(seed)
    const broker = new Router()
    const endpoint = await broker.bind("tcp://127.0.0.1:*")
    const worker = new MajordomoWorker("echo", (n) => n, {
      codec: json<number>(),
      reconnectInterval: 1,
      heartbeatInterval: 10,
      liveness: 100,
    })
    const client = new MajordomoClient({ codec: json<number>(), timeout: 50, retries: 1000 })
    worker.connect(endpoint)
    client.connect(endpoint)
    const answer = client.request("echo", 1)
    answer.catch(() => {})
    let noisy = 0
    // Whoever says anything is answered with noise; what it says is of no interest.
    for await (const [from] of broker) {
      for (let i = 0; i < 5; i++) await broker.send([from as Frame, ...noise(random)])
      if (++noisy === 60) break
    }
    const heard = worker.stats.invalid + client.stats.invalid
    expect(heard).toBeGreaterThan(10)
    await Promise.all([worker.close({ linger: 0 }), client.close({ linger: 0 })])
    await broker.close({ linger: 0 })
  })
})
