// Octets that no peer of good will sends: whatever comes, nothing throws, nothing grows, and honest clients are served.

import { Dealer, type Frame, Publisher, Router, Subscriber } from "brokerless"
import { describe, expect, it } from "vitest"
import { Random } from "../../../test/support/random.ts"
import { turns } from "../../../test/support/sockets.ts"
import { portsOf } from "../ports.ts"
import { vacant } from "./relay.ts"
import { Stage } from "./stage.ts"

/** A message that looks like one of the protocol, more or less. */
function noise(random: Random): Frame[] {
  const word = (): Frame =>
    random.choose(
      [3, () => Buffer.from(random.pick(["HUGZ", "KTHXBAI", "ICANHAZ?", "MIRROR?", "HOWRU?", "IAM", "/a/1", ""]))],
      [2, () => random.octets(random.size(2000))],
    )
  if (random.once(3)) return random.list(1, 7, word)
  const sequence = Buffer.alloc(random.once(5) ? random.below(10) : 8)
  if (sequence.length === 8) sequence.writeUInt32BE(random.below(1000), random.once(10) ? 0 : 4)
  const properties = random.pick([
    "",
    "ttl=1\n",
    "ttl=-1\n",
    "ttl=1e9\n",
    "ttl=99999999999999999999\n",
    "x".repeat(300),
    "=",
  ])
  return [word(), sequence, random.octets(random.once(3) ? 16 : random.below(20)), Buffer.from(properties), word()]
}

describe("a server under noise", () => {
  it.each([1, 2, 3])("goes on serving, within its bounds (seed %i)", async (seed) => {
    const random = new Random(seed)
    await using stage = new Stage()
    const server = stage.server({ maxKeys: 30, maxBytes: 20_000, maxValueBytes: 1000 })
    const endpoint = await server.bind("tcp://127.0.0.1:*")
    const [snapshots, updates, collector] = portsOf(endpoint)
    const honest = await stage.follower([endpoint])
    await honest.set("honest", 0)
    const asker = stage.use(new Dealer())
    const writer = stage.use(new Publisher())
    const subscriber = stage.use(new Subscriber())
    asker.connect(snapshots)
    subscriber.connect(updates)
    writer.connect(collector)
    await writer.waitForSubscribers("")
    for (let i = 1; i <= 300; i++) {
      await asker.send(noise(random))
      await writer.send(noise(random))
      if (random.once(3)) subscriber.subscribe(random.octets(random.below(40)))
      if (i % 30 === 0) {
        await honest.set("honest", i)
        expect(honest.get("honest")).toBe(i)
      }
      if (i % 10 === 0) await turns(2)
    }
    const { keys, bytes, invalid } = server.stats
    expect(keys).toBeLessThanOrEqual(30)
    expect(bytes).toBeLessThanOrEqual(20_000)
    expect(invalid).toBeGreaterThan(20)
    const late = await stage.follower([endpoint])
    expect(late.get("honest")).toBe(300)
  })
})

describe("a client under the noise of a server", () => {
  it.each([1, 2])("throws nothing, and finds the honest one behind it (seed %i)", async (seed) => {
    const random = new Random(seed)
    await using stage = new Stage()
    const endpoint = await vacant()
    const ports = portsOf(endpoint)
    const router = stage.use(new Router())
    const publisher = stage.use(new Publisher())
    await router.bind(ports[0])
    await publisher.bind(ports[1])
    const honest = stage.server()
    const client = stage.client([endpoint, await honest.bind("tcp://127.0.0.1:*")], { maxKeys: 20, serverTimeout: 300 })
    void (async () => {
      for await (const [from] of router) {
        for (let i = 0; i < 20; i++) await router.send([from as Frame, ...noise(random)])
      }
    })()
    for (let i = 0; i < 200; i++) {
      await publisher.send(noise(random))
      if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
      expect(client.size).toBeLessThanOrEqual(20)
    }
    while (client.endpoint === endpoint || !client.synchronized) await client.events.once("synchronized")
    await client.set("a", 1)
    expect(Object.fromEntries(client)).toEqual({ a: 1 })
  })
})
