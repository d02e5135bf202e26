// Against peers made by hand of sockets of libzmq: every frame as RFC 12 has it, in both directions.

import { json } from "brokerless/codec"
import { CloneClient, CloneServer } from "brokerless/patterns/clone"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { Meeting } from "../../../test/support/meeting.ts"
import { until } from "../../../test/support/until.ts"
import { portsOf } from "../ports.ts"
import { vacant } from "./relay.ts"

const say = (frames: Buffer[]): string[] =>
  frames.map((frame, i) => (i === 1 && frame.length === 8 ? `#${frame.readBigUInt64BE()}` : frame.toString("latin1")))

function number(sequence: number): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(BigInt(sequence))
  return octets
}

const HUGZ = ["HUGZ", number(0), "", "", ""]
const UUID = "0123456789abcdef"

/** The next update that is not HUGZ. */
async function hear(subscriber: zmq.Subscriber): Promise<string[]> {
  for (;;) {
    const frames = say(await subscriber.receive())
    if (frames[0] !== "HUGZ") return frames
    expect(frames).toEqual(["HUGZ", "#0", "", "", ""])
  }
}

describe("our server", () => {
  it("serves a client of theirs", async () => {
    await using meeting = new Meeting()
    const server = meeting.use(new CloneServer({ heartbeatInterval: 50 }))
    const [snapshots, updates, collector] = portsOf(await server.bind("tcp://127.0.0.1:*"))
    const subscriber = meeting.theirs(new zmq.Subscriber())
    const dealer = meeting.theirs(new zmq.Dealer())
    const publisher = meeting.theirs(new zmq.Publisher())
    subscriber.subscribe()
    subscriber.connect(updates)
    dealer.connect(snapshots)
    publisher.connect(collector)
    expect(say(await subscriber.receive())).toEqual(["HUGZ", "#0", "", "", ""])
    await dealer.send(["ICANHAZ?", ""])
    expect(say(await dealer.receive())).toEqual(["KTHXBAI", "#0", "", "", ""])
    // A publisher of theirs drops what comes before the subscription.
    while (server.stats.updates === 0) {
      await publisher.send(["/a/1", number(77), "", "", "first"])
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await hear(subscriber)).toEqual(["/a/1", "#1", "", "", "first"])
    await until(() => server.stats.unheard + server.stats.updates >= 1, "it is there")
    const before = server.stats.sequence
    await publisher.send(["/a/2", number(0), UUID, "ttl=1\ncolour=red\n", "second"])
    await publisher.send(["/b/1", number(0), `${UUID.slice(1)}x`, "", "third"])
    await publisher.send(["/b/1", number(0), `${UUID.slice(1)}y`, "", ""])
    let heard = await hear(subscriber)
    while (heard[0] === "/a/1") heard = await hear(subscriber)
    expect(heard).toEqual(["/a/2", `#${server.stats.sequence - 2}`, UUID, "ttl=1\ncolour=red\n", "second"])
    expect((await hear(subscriber)).slice(2)).toEqual([`${UUID.slice(1)}x`, "", "third"])
    expect((await hear(subscriber)).slice(2)).toEqual([`${UUID.slice(1)}y`, "", ""])
    expect(server.stats.sequence).toBeGreaterThanOrEqual(before + 3)
    await dealer.send(["ICANHAZ?", "/a/"])
    const snapshot = [say(await dealer.receive()), say(await dealer.receive()), say(await dealer.receive())]
    expect(snapshot.map(([key]) => key)).toEqual(["/a/1", "/a/2", "KTHXBAI"])
    expect(snapshot[1]).toEqual(["/a/2", snapshot[1]?.[1], "", "", "second"])
    expect(snapshot[2]).toEqual(["KTHXBAI", `#${server.stats.sequence}`, "", "", "/a/"])
    // The end of its life is published as a deletion.
    expect(await hear(subscriber)).toEqual(["/a/2", `#${server.stats.sequence}`, "", "", ""])
  })
})

/** A server of theirs, or its ruin. */
async function theirServer(meeting: Meeting) {
  const endpoint = await vacant()
  const ports = portsOf(endpoint)
  const router = meeting.theirs(new zmq.Router())
  const publisher = meeting.theirs(new zmq.Publisher())
  const collector = meeting.theirs(new zmq.Subscriber())
  collector.subscribe()
  await router.bind(ports[0])
  await publisher.bind(ports[1])
  await collector.bind(ports[2])
  const hugs = setInterval(() => void publisher.send(HUGZ).catch(() => {}), 30)
  meeting.use({ close: () => clearInterval(hugs) })
  return { endpoint, router, publisher, collector, silence: () => clearInterval(hugs) }
}

describe("our client", () => {
  it("follows a server of theirs", async () => {
    await using meeting = new Meeting()
    const { endpoint, router, publisher, collector } = await theirServer(meeting)
    const client = meeting.use(new CloneClient({ codec: json<number>(), subtree: "/a/" }))
    client.connect(endpoint)
    const [from, ...question] = await router.receive()
    expect(question.map(String)).toEqual(["ICANHAZ?", "/a/"])
    await router.send([from as Buffer, "/a/1", number(3), "", "", "1"])
    // These come before the end of the snapshot: one is older than that, one is newer.
    await publisher.send(["/a/1", number(4), "", "", "0"])
    await publisher.send(["/a/2", number(6), "", "", "2"])
    await publisher.send(HUGZ)
    await router.send([from as Buffer, "KTHXBAI", number(5), "", "", "/a/"])
    await client.ready()
    await publisher.send(["/a/3", number(7), "", "", "3"])
    await publisher.send(["/a/3", number(7), "", "", "4"])
    await publisher.send(["HUGZ and not", number(8), "", "", "5"])
    await publisher.send(["/a/4", number(9), "", "", "4"])
    await until(() => client.has("/a/4"), "all is there")
    expect(Object.fromEntries(client)).toMatchObject({ "/a/2": 2, "/a/3": 3, "/a/4": 4 })
    expect(client.size).toBe(4)
    // What it sets comes as KVSET, and is true when it is published.
    const setting = client.set("/a/5", 5, { ttl: 1500 })
    const [key, sequence, uuid, properties, value] = (await collector.receive()) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    expect([key, sequence, properties, value].map(String)).toEqual(["/a/5", "\0".repeat(8), "ttl=2\n", "5"])
    expect(uuid).toHaveLength(16)
    expect(client.has("/a/5")).toBe(false)
    await publisher.send(["/a/5", number(10), uuid, properties, value])
    await setting
    expect(client.get("/a/5")).toBe(5)
    const deleting = client.delete("/a/5")
    const deletion = (await collector.receive()) as [Buffer, Buffer, Buffer, Buffer, Buffer]
    expect([deletion[0], deletion[3], deletion[4]].map(String)).toEqual(["/a/5", "", ""])
    await publisher.send([deletion[0], number(11), deletion[2], "", ""])
    await deleting
    expect(client.has("/a/5")).toBe(false)
  })

  it("asks for a new snapshot when an update is missing, and drops what that does not have", async () => {
    await using meeting = new Meeting()
    const { endpoint, router, publisher } = await theirServer(meeting)
    const client = meeting.use(new CloneClient({ codec: json<number>() }))
    client.connect(endpoint)
    const [from] = (await router.receive()) as [Buffer]
    await router.send([from, "a", number(1), "", "", "1"])
    await router.send([from, "b", number(2), "", "", "2"])
    await router.send([from, "KTHXBAI", number(2), "", "", ""])
    await client.ready()
    await publisher.send(["c", number(4), "", "", "4"])
    expect((await router.receive()).slice(1).map(String)).toEqual(["ICANHAZ?", ""])
    expect(client.get("c")).toBe(4)
    await router.send([from, "b", number(2), "", "", "2"])
    await router.send([from, "c", number(4), "", "", "4"])
    const synchronized = client.events.once("synchronized")
    await router.send([from, "KTHXBAI", number(4), "", "", ""])
    await synchronized
    expect(Object.fromEntries(client)).toEqual({ b: 2, c: 4 })
  })

  it("goes to the next server when the first falls silent, and sends there what was not published", async () => {
    await using meeting = new Meeting()
    const first = await theirServer(meeting)
    const second = await theirServer(meeting)
    const client = meeting.use(new CloneClient({ codec: json<number>(), serverTimeout: 400 }))
    client.connect(first.endpoint, second.endpoint)
    const [from] = (await first.router.receive()) as [Buffer]
    await first.router.send([from, "KTHXBAI", number(100), "", "", ""])
    await client.ready()
    const setting = client.set("a", 1)
    const sent = await first.collector.receive()
    const lost = client.events.once("lost")
    first.silence()
    expect(await lost).toMatchObject({ endpoint: first.endpoint, reason: "silent" })
    const [again] = (await second.router.receive()) as [Buffer]
    await second.router.send([again, "KTHXBAI", number(7), "", "", ""])
    const repeated = await second.collector.receive()
    expect(repeated).toEqual(sent)
    await second.publisher.send(["a", number(8), ...repeated.slice(2)])
    await setting
    expect(client.get("a")).toBe(1)
    expect(client.stats).toMatchObject({ lost: 1, repeated: 1, snapshots: 2 })
  })
})
