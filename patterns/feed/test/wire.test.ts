// The octets of a feed, read and written with plain sockets by hand, as a program in another language would; and
// octets that make no sense, which harm nobody.

import { createHash } from "node:crypto"
import { Reply, Request, Subscriber, XPublisher } from "brokerless"
import { FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { describe, expect, it } from "vitest"
import { Random } from "../../../test/support/random.ts"
import { command, message, RawPeer } from "../../../test/support/raw-peer.ts"
import { collect, converged, follow, publish, stateOf, until } from "./stage.ts"

const EVERYTHING = Buffer.from([0, 0])

function idOf(list: Buffer): Buffer {
  return createHash("sha256").update(list).digest().subarray(0, 16)
}

function u64(value: number | bigint): Buffer {
  const octets = Buffer.alloc(8)
  octets.writeBigUInt64BE(BigInt(value))
  return octets
}

/** The second frame of an update. */
function header(
  kind: number,
  epoch: Buffer,
  feed: number | bigint,
  previous: number,
  sequence: number | bigint,
): Buffer {
  return Buffer.concat([Buffer.from([kind]), epoch, u64(feed), u64(previous), u64(sequence)])
}

function heartbeat(list: Buffer, epoch: Buffer, sequence: number | bigint, count: number, registration = 1): Buffer[] {
  const first = Buffer.concat([Buffer.from("H"), idOf(list), u64(sequence)])
  const rest = [u64(sequence), u64(count), u64(registration), Buffer.from([0, 0, 3, 0xe8, 0])]
  return [first, Buffer.concat([Buffer.from([3]), epoch, ...rest])]
}

/** Updates in an answer. */
function record(topic: string, value: string, feed: number, previous: number, sequence: number): Buffer {
  const sizes = Buffer.alloc(7)
  sizes[0] = 1
  sizes.writeUInt16BE(topic.length, 1)
  sizes.writeUInt32BE(value.length, 3)
  return Buffer.concat([sizes, u64(feed), u64(previous), u64(sequence), Buffer.from(topic + value)])
}

/** A publisher made of plain sockets, which says what a test tells it to. */
class ByHand implements AsyncDisposable {
  readonly updates = new XPublisher({ verbosity: "allSubs", maxTopicSize: 65_536 })
  readonly recovery = new Reply()
  readonly epoch = Buffer.alloc(16, 7)
  readonly questions: Buffer[][] = []
  answers: (question: Buffer[]) => Buffer[] | Promise<Buffer[]> = () => this.snapshot(0)
  endpoints = { updates: "", recovery: "" }

  async open(): Promise<void> {
    this.endpoints = {
      updates: await this.updates.bind("tcp://127.0.0.1:*"),
      recovery: await this.recovery.bind("tcp://127.0.0.1:*"),
    }
    void this.recovery.serve((question) => {
      this.questions.push(question)
      return this.answers(question)
    })
  }

  snapshot(sequence: number | bigint, ...records: Buffer[]): Buffer[] {
    return [
      Buffer.concat([Buffer.from([2, 0]), this.epoch, u64(sequence), u64(1), u64(records.length)]),
      Buffer.concat(records),
    ]
  }

  changes(through: number, ...records: Buffer[]): Buffer[] {
    return [Buffer.concat([Buffer.from([1, 0]), this.epoch, u64(through)]), Buffer.concat(records)]
  }

  /** Resolves when a subscriber has told what it wants. */
  async asked(): Promise<Buffer> {
    for await (const [frame] of this.updates) {
      if (frame?.[0] === 1 && frame[1] === 0x49) return frame.subarray(2)
    }
    throw new Error("closed")
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.updates.close({ linger: 0 }), this.recovery.close({ linger: 0 })])
  }
}

async function byHand(): Promise<ByHand> {
  const publisher = new ByHand()
  await publisher.open()
  return publisher
}

describe("the frames of a publisher", () => {
  it("are, for updates, the topic behind a D, a header of 41 octets, and the value", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const epoch = Buffer.from(publisher.epoch, "hex")
    await using subscriber = new Subscriber()
    subscriber.subscribe("Dä")
    subscriber.connect(endpoints.updates)
    await publisher.events.once("join")
    await publisher.publish("before", 0)
    // Any SUB will do for who needs no recovery; wait until this one gets what it asked for.
    let received = subscriber.tryReceive()
    for (let i = 1; received === undefined; i++) {
      await publisher.publish("ä/1", i)
      await new Promise((resolve) => setImmediate(resolve))
      received = subscriber.tryReceive()
    }
    const first = received[1]?.readBigUInt64BE(17) ?? 0n
    const value = Number(first) - 1
    const previous = value === 1 ? 0 : value
    expect(received).toEqual([Buffer.from("Dä/1"), header(1, epoch, first, previous, value), Buffer.from(`${value}`)])
    const { sequence } = publisher
    await publisher.delete("ä/1")
    let last = await subscriber.receive()
    while (last.length === 3) last = await subscriber.receive()
    expect(last).toEqual([Buffer.from("Dä/1"), header(2, epoch, sequence + 1, sequence, sequence)])
  })

  it("are, for heartbeats, what the interest has to have received", async () => {
    const { publisher, endpoints } = await publish({ heartbeatInterval: 50 })
    await using _ = publisher
    const list = Buffer.from("\0\x02a/\0\x01b", "latin1")
    await using subscriber = new Subscriber()
    subscriber.subscribe("Da/", "Db", Buffer.concat([Buffer.from("H"), idOf(list)]))
    subscriber.subscribe(Buffer.concat([Buffer.from("I"), list]))
    subscriber.connect(endpoints.updates)
    const epoch = Buffer.from(publisher.epoch, "hex")
    const interval = Buffer.from([0, 0, 0, 50, 0])
    const first = await subscriber.receive()
    // A number like no other, below 2^53; it stays the same.
    const registration = Number(first[1]?.readBigUInt64BE(33))
    expect(Number.isSafeInteger(registration)).toBe(true)
    const beat = (sequence: number, count: number): Buffer[] => [
      Buffer.concat([Buffer.from("H"), idOf(list), u64(sequence)]),
      Buffer.concat([Buffer.from([3]), epoch, u64(sequence), u64(count), u64(registration), interval]),
    ]
    expect(first).toEqual(beat(0, 0))
    for (const topic of ["a/1", "b", "c", "a"]) await publisher.publish(topic, 1)
    // Heartbeats come at any time; whenever they do, what they count has been received.
    const counts = new Map([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
    ])
    const got: string[] = []
    let next = await subscriber.receive()
    for (; !next[1]?.equals(beat(4, 2)[1] as Buffer); next = await subscriber.receive()) {
      if (next.length === 3) {
        got.push(String(next[0]))
        continue
      }
      const sequence = Number(next[1]?.readBigUInt64BE(17))
      expect(counts.get(sequence)).toBe(got.length)
      expect(next).toEqual(beat(sequence, got.length))
    }
    expect(got).toEqual(["Da/1", "Db"])
    expect(next).toEqual(beat(4, 2))
    await publisher.close()
    let farewell = next
    while (farewell[1]?.at(-1) !== 1) farewell = await subscriber.receive()
    expect(farewell[1]?.subarray(0, 41)).toEqual(beat(4, 2)[1]?.subarray(0, 41))
  })

  it("are, for answers, a header and updates one behind the other", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const epoch = Buffer.from(publisher.epoch, "hex")
    for (const [topic, value] of [
      ["a", 1],
      ["b", 2],
      ["a", 3],
    ] as const)
      await publisher.publish(topic, value)
    await using request = new Request()
    request.connect(endpoints.recovery)
    const list = Buffer.from([0, 1, 0x61])
    const snapshot = await request.request([Buffer.from([2]), EVERYTHING])
    // A snapshot has a number like no other.
    const id = snapshot[0]?.subarray(26, 34) ?? Buffer.alloc(0)
    expect(snapshot).toEqual([
      Buffer.concat([Buffer.from([2, 0]), epoch, u64(3), id, u64(2)]),
      Buffer.concat([record("a", "3", 3, 1, 2), record("b", "2", 2, 0, 1)]),
    ])
    const since = (sequence: number, flags = 0): Buffer =>
      Buffer.concat([Buffer.from([1, flags]), epoch, u64(sequence)])
    expect(await request.request([since(0), list])).toEqual([
      Buffer.concat([Buffer.from([1, 0]), epoch, u64(3)]),
      Buffer.concat([record("a", "1", 1, 0, 1), record("a", "3", 3, 1, 2)]),
    ])
    expect((await request.request([since(0, 1), list]))[1]).toEqual(record("a", "3", 3, 1, 2))
    expect(await request.request([since(3), list])).toEqual([since(3), Buffer.alloc(0)])
    const gone = Buffer.concat([Buffer.from([3, 0]), epoch, u64(99), u64(0)])
    expect(await request.request([gone, list])).toEqual([Buffer.from([4, 2])])
  })

  it("refuse what makes no sense, and harm nobody else", async () => {
    const { publisher, endpoints } = await publish()
    await using _ = publisher
    const random = new Random(Number(process.env.FEED_SEED ?? 5))
    await using request = new Request()
    request.connect(endpoints.recovery)
    for (let i = 0; i < 300; i++) {
      const question = random.list(1, 4, () => random.octets(random.size(80)))
      const answer = await request.request(question)
      // By chance it may ask for something.
      expect([1, 2, 4]).toContain(answer[0]?.[0])
    }
    using peer = await RawPeer.join(endpoints.updates, "SUB")
    for (let i = 0; i < 200; i++) {
      const octets = random.octets(random.size(300))
      peer.send(random.once(2) ? command("SUBSCRIBE", octets) : message(octets))
      peer.send(command("SUBSCRIBE", Buffer.concat([Buffer.from("I"), octets])))
    }
    peer.send(message(Buffer.from([9, 9])))
    await until(() => publisher.stats.invalid > 100, "most of it was counted")
    await using honest = follow([endpoints])
    honest.subscribe()
    await publisher.publish("a", 1)
    await honest.ready()
    await converged(honest, publisher)
    expect(stateOf(honest)).toEqual({ a: 1 })
  })
})

describe("a subscriber of a publisher made by hand", () => {
  it("tells it what it wants, waits for a heartbeat, and asks for the state", async () => {
    await using publisher = await byHand()
    publisher.answers = () => publisher.snapshot(5, record("b", "5", 5, 0, 1))
    await using subscriber = follow([publisher.endpoints])
    subscriber.subscribe("b", "a", "ab")
    const list = await publisher.asked()
    expect(list).toEqual(Buffer.from("\0\x01a\0\x01b", "latin1"))
    expect(publisher.questions).toEqual([])
    await publisher.updates.send(heartbeat(list, publisher.epoch, 5, 0))
    await subscriber.ready()
    expect(publisher.questions).toEqual([[Buffer.from([2]), list]])
    expect(stateOf(subscriber)).toEqual({ b: 5 })
    expect(subscriber.epoch).toBe("07".repeat(16))
  })

  it("holds back what follows a gap until it is filled, and tells the rest at once", async () => {
    await using publisher = await byHand()
    const { epoch } = publisher
    await using subscriber = follow([publisher.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    const list = await publisher.asked()
    await publisher.updates.send(heartbeat(list, epoch, 0, 0))
    await subscriber.ready()
    let answer: (frames: Buffer[]) => void = () => {}
    publisher.answers = () =>
      new Promise<Buffer[]>((resolve) => {
        answer = resolve
      })
    const gap = subscriber.events.once("gap")
    await publisher.updates.send(["Da", header(1, epoch, 1, 0, 1), "1"])
    // 2 and 3 of a are missing.
    await publisher.updates.send(["Da", header(1, epoch, 4, 3, 4), "4"])
    await publisher.updates.send(["Db", header(1, epoch, 5, 0, 1), "5"])
    await publisher.updates.send(["Da", header(1, epoch, 6, 4, 5), "6"])
    expect(await gap).toMatchObject({ topic: "a", from: 2, to: 3 })
    await until(() => updates.length === 2, "the others are told")
    expect(updates.map(({ topic, value }) => `${topic}${value}`)).toEqual(["a1", "b5"])
    expect(subscriber.stats.held).toBe(2)
    await until(() => publisher.questions.length === 2, "the gap is asked for")
    expect(publisher.questions[1]).toEqual([
      Buffer.concat([Buffer.from([1, 0]), epoch, u64(1)]),
      Buffer.from([0, 1, 0x61]),
    ])
    answer(publisher.changes(6, record("a", "2", 2, 1, 2), record("a", "3", 3, 2, 3), record("a", "4", 4, 3, 4)))
    await until(() => updates.length === 6, "all are told")
    expect(updates.map(({ topic, value }) => `${topic}${value}`)).toEqual(["a1", "b5", "a2", "a3", "a4", "a6"])
    expect(subscriber.stats).toMatchObject({ gaps: 1, recovered: 3, live: 3, held: 0, lost: 0 })
  })

  it("counts beyond 2^32, up to 2^53 - 1, and takes nothing beyond", async () => {
    await using publisher = await byHand()
    const { epoch } = publisher
    const far = 2 ** 53 - 10
    publisher.answers = () => publisher.snapshot(far, record("a", "1", 2 ** 32 + 1, 2 ** 32, 2 ** 32 - 1))
    await using subscriber = follow([publisher.endpoints])
    const updates = collect(subscriber)
    subscriber.subscribe()
    const list = await publisher.asked()
    await publisher.updates.send(heartbeat(list, epoch, far, 0))
    await subscriber.ready()
    await publisher.updates.send(["Da", header(1, epoch, far + 1, 2 ** 32 + 1, 2 ** 32), "2"])
    await publisher.updates.send(["Da", header(1, epoch, far + 9, far + 1, 2 ** 32 + 1), "3"])
    await publisher.updates.send(["Da", header(1, epoch, 2n ** 53n, far + 9, 2 ** 32 + 2), "4"])
    await publisher.updates.send(["Da", header(1, epoch, 2n ** 64n - 1n, far + 9, 2 ** 32 + 2), "5"])
    await until(() => subscriber.stats.invalid === 2, "the last two are refused")
    expect(updates.map(({ sequence, feedSequence }) => [sequence, feedSequence])).toEqual([
      [2 ** 32 - 1, 2 ** 32 + 1],
      [2 ** 32, far + 1],
      [2 ** 32 + 1, 2 ** 53 - 1],
    ])
    await publisher.updates.send(heartbeat(list, epoch, 2 ** 53 - 1, 2))
    await until(() => subscriber.stats.position === 2 ** 53 - 1, "the heartbeat proves it")
  })

  it("survives whatever it sends and answers, and takes what makes sense afterwards", async () => {
    const random = new Random(Number(process.env.FEED_SEED ?? 7))
    await using publisher = await byHand()
    const { epoch } = publisher
    const garbage = (): Buffer[] => random.list(1, 4, () => random.octets(random.size(100)))
    const failures: Error[] = []
    await using subscriber = new FeedSubscriber({ sources: [publisher.endpoints] })
    subscriber.events.on("recovery:failed", ({ error }) => failures.push(error))
    subscriber.subscribe()
    const list = await publisher.asked()
    let answered = 0
    publisher.answers = () =>
      answered++ < 5 ? garbage() : publisher.snapshot(answered === 6 ? 2n ** 60n : 1, record("a", "1", 1, 0, 1))
    await publisher.updates.send(heartbeat(list, epoch, 1, 0))
    for (let i = 0; i < 300; i++) {
      const frames = garbage()
      frames[0] = Buffer.concat([Buffer.from(random.pick(["D", "H", ""])), frames[0] ?? Buffer.alloc(0)])
      // A subscriber to everything is sent only what is an update or its own heartbeat.
      if (random.once(2)) frames[0] = heartbeat(list, epoch, 0, 0)[0] as Buffer
      await publisher.updates.send(frames)
    }
    // Whoever is silent for too long is not asked again; the pauses between all these failures are about as long.
    const beating = setInterval(() => void publisher.updates.send(heartbeat(list, epoch, 1, 0)), 200)
    await subscriber.ready().finally(() => clearInterval(beating))
    expect(failures.length).toBeGreaterThanOrEqual(5)
    expect(String(subscriber.get("a"))).toBe("1")
    expect(subscriber.stats.invalid).toBeGreaterThan(100)
    await publisher.updates.send(heartbeat(list, epoch, 1, 0))
    await publisher.updates.send(["Da", header(1, epoch, 2, 1, 2), "2"])
    await until(() => String(subscriber.get("a")) === "2", "it goes on")
  })

  it("asks one again that failed and then was silent for too long, when it is heard", async () => {
    await using publisher = await byHand()
    const { epoch } = publisher
    publisher.answers = () => [Buffer.from("?")]
    await using subscriber = follow([publisher.endpoints], { staleAfter: 100 })
    const stale = subscriber.events.once("stale")
    subscriber.subscribe("a")
    const list = await publisher.asked()
    await publisher.updates.send(heartbeat(list, epoch, 1, 0))
    await stale
    expect(subscriber.complete).toBe(false)
    publisher.answers = () => publisher.snapshot(1, record("a", "1", 1, 0, 1))
    const beating = setInterval(() => void publisher.updates.send(heartbeat(list, epoch, 1, 0)), 20)
    await subscriber.ready().finally(() => clearInterval(beating))
    expect(stateOf(subscriber)).toEqual({ a: 1 })
  })

  it("is asked for prefixes that were added while it was silent, although nothing else is new", async () => {
    await using publisher = await byHand()
    const { epoch } = publisher
    publisher.answers = () => publisher.snapshot(1, record("a", "1", 1, 0, 1))
    await using subscriber = follow([publisher.endpoints], { staleAfter: 100 })
    const stale = subscriber.events.once("stale")
    subscriber.subscribe("a")
    await publisher.updates.send(heartbeat(await publisher.asked(), epoch, 1, 0))
    await subscriber.ready()
    await stale
    publisher.answers = () => publisher.snapshot(1)
    subscriber.subscribe("b")
    const list = await publisher.asked()
    // It finds nobody to ask.
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(publisher.questions.length).toBe(1)
    await publisher.updates.send(heartbeat(list, epoch, 1, 0))
    await subscriber.ready()
    expect(publisher.questions.at(-1)).toEqual([Buffer.from([2]), Buffer.from([0, 1, 0x62])])
    expect(stateOf(subscriber)).toEqual({ a: 1 })
  })

  it("has nothing more to say when the prefixes that it is asked about are taken back", async () => {
    await using publisher = await byHand()
    const { epoch } = publisher
    publisher.answers = () => publisher.snapshot(1, record("a", "1", 1, 0, 1))
    await using subscriber = follow([publisher.endpoints])
    subscriber.subscribe("a")
    await publisher.updates.send(heartbeat(await publisher.asked(), epoch, 1, 0))
    await subscriber.ready()
    publisher.answers = () => new Promise<Buffer[]>(() => {})
    subscriber.subscribe("b")
    const ready = subscriber.ready()
    await until(() => publisher.questions.length === 2, "it asks about b")
    subscriber.unsubscribe("b")
    await ready
    expect(subscriber.complete).toBe(true)
  })

  it("believes a publisher, and not its answers, that it has begun another epoch", async () => {
    await using publisher = await byHand()
    const [first, second, third] = [1, 2, 3].map((octet) => Buffer.alloc(16, octet)) as [Buffer, Buffer, Buffer]
    const answering = (epoch: Buffer) => (): Buffer[] => [
      Buffer.concat([Buffer.from([2, 0]), epoch, u64(1), u64(1), u64(1)]),
      record("a", "1", 1, 0, 1),
    ]
    // It has begun twice again, but what it said of that is still on its way.
    publisher.answers = answering(third)
    await using subscriber = follow([publisher.endpoints])
    subscriber.subscribe()
    const list = await publisher.asked()
    await publisher.updates.send(heartbeat(list, first, 9, 0))
    await until(() => publisher.questions.length > 0, "it was asked")
    await publisher.updates.send(heartbeat(list, second, 5, 0))
    await until(() => subscriber.epoch === second.toString("hex"), "the second epoch is followed")
    await publisher.updates.send(heartbeat(list, third, 1, 0))
    await subscriber.ready({ timeout: 10_000 })
    expect(subscriber.epoch).toBe(third.toString("hex"))
    expect(stateOf(subscriber)).toEqual({ a: 1 })
  })

  it("believes no answer about topics that it did not ask for", async () => {
    await using publisher = await byHand()
    let honest = false
    publisher.answers = () =>
      honest ? publisher.snapshot(1, record("a", "1", 1, 0, 1)) : publisher.snapshot(1, record("b", "1", 1, 0, 1))
    await using subscriber = follow([publisher.endpoints])
    subscriber.subscribe("a")
    const failed = subscriber.events.once("recovery:failed")
    await publisher.updates.send(heartbeat(await publisher.asked(), publisher.epoch, 1, 0))
    expect((await failed).error.message).toMatch(/nobody asked for/)
    honest = true
    await subscriber.ready()
    expect(stateOf(subscriber)).toEqual({ a: 1 })
  })
})

describe("a publisher", () => {
  it("goes on with numbers that need more than 32 bits", async () => {
    await using other = await byHand()
    other.answers = () => other.snapshot(2 ** 40, record("a", "1", 2 ** 40, 0, 2 ** 33))
    await using publisher = new FeedPublisher()
    await publisher.catchUp(other.endpoints.recovery)
    expect(publisher.sequence).toBe(2 ** 40)
    const source = await publisher.bind({ updates: "tcp://127.0.0.1:*", recovery: "tcp://127.0.0.1:*" })
    await using subscriber = new FeedSubscriber({ sources: [source] })
    subscriber.subscribe()
    await subscriber.ready()
    const loop = subscriber[Symbol.asyncIterator]()
    await publisher.publish("a", "2")
    const numbers = [await loop.next(), await loop.next()].map(({ value }) => [value?.sequence, value?.feedSequence])
    expect(numbers).toEqual([
      [2 ** 33, 2 ** 40],
      [2 ** 33 + 1, 2 ** 40 + 1],
    ])
  })
})
