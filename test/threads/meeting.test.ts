// Sockets of different threads: every pair of types, whoever binds, whoever comes first; and names, which belong to the
// process.

import { Pull, Push, Request } from "brokerless"
import { describe, expect, it } from "vitest"
import { receiveText } from "../support/sockets.ts"
import { type TalkingType, Thread } from "../support/thread.ts"

let count = 0
const fresh = (): string => `inproc://threads-${process.pid}-${++count}`

/** Who speaks first, who hears, and whether there is an answer. */
const PAIRS: readonly (readonly [TalkingType, TalkingType, boolean])[] = [
  ["Push", "Pull", false],
  ["Publisher", "Subscriber", false],
  ["XPublisher", "Subscriber", false],
  ["Publisher", "XSubscriber", false],
  ["XPublisher", "XSubscriber", false],
  ["Request", "Reply", true],
  ["Request", "Router", true],
  ["Dealer", "Reply", true],
  ["Dealer", "Router", true],
  ["Dealer", "Dealer", true],
  ["Pair", "Pair", true],
]

describe("sockets of two threads", () => {
  it.each(PAIRS)("%s and %s talk, whoever of them binds", async (speaks, hears, answers) => {
    for (const speakerBinds of [true, false]) {
      const endpoint = fresh()
      await using speaker = new Thread({ name: "talk", endpoint, type: speaks, bind: speakerBinds, first: true })
      await using hearer = new Thread({ name: "talk", endpoint, type: hears, bind: !speakerBinds, first: false })
      expect(await hearer.next()).toBe("question")
      if (answers) expect(await speaker.next()).toBe("answer")
      expect([await speaker.next(), await hearer.next()]).toEqual(["closed", "closed"])
    }
  })

  it("ZMTP-65: connect comes before bind, and before the other thread is there", async () => {
    const endpoint = fresh()
    await using push = new Push()
    push.connect(endpoint)
    await push.send("early")
    await using thread = new Thread({ name: "pull", endpoint, count: 1, bind: true })
    expect([await thread.next(), await thread.next()]).toEqual(["ready", ["early"]])
  })

  it("a name that one thread has bound is taken for all, until it is given back", async () => {
    const endpoint = fresh()
    await using first = new Thread({ name: "claim", endpoint })
    expect(await first.next()).toBe(true)
    await using pull = new Pull()
    await expect(pull.bind(endpoint)).rejects.toMatchObject({ code: "EADDRINUSE", endpoint })
    await using second = new Thread({ name: "claim", endpoint })
    expect(await second.next()).toBe("EADDRINUSE")
    first.say("go")
    expect(await first.next()).toBe("closed")
    expect(await pull.bind(endpoint)).toBe(endpoint)
  })

  it("the name of a thread that was ended is free, though nobody was connected to it", async () => {
    const endpoint = fresh()
    const thread = new Thread({ name: "claim", endpoint })
    expect(await thread.next()).toBe(true)
    await thread.worker.terminate()
    await using pull = new Pull()
    expect(await pull.bind(endpoint)).toBe(endpoint)
  })

  it("of many threads that bind one name at the same time one gets it, and it alone", async () => {
    const endpoint = fresh()
    for (let round = 0; round < 5; round++) {
      const threads = Array.from({ length: 4 }, () => new Thread({ name: "claim", endpoint }))
      const outcomes = await Promise.all(threads.map((thread) => thread.next()))
      expect(outcomes.filter((outcome) => outcome === true)).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === "EADDRINUSE")).toHaveLength(3)
      for (const thread of threads) thread.say("go")
      await Promise.all(threads.map((thread) => thread.ended()))
    }
  })

  it("many threads connect to many names of many threads", async () => {
    const endpoints = [fresh(), fresh(), fresh()]
    const replies = endpoints.map((endpoint) => new Thread({ name: "reply", endpoint, bind: true }))
    const request = new Request()
    for (const endpoint of endpoints) request.connect(endpoint)
    await request.waitForPeers(3)
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => request.request(`question ${i}`)))
    expect(answers.map(String)).toEqual(Array.from({ length: 300 }, (_, i) => `QUESTION ${i}`))
    expect(request.peers.every(({ stats }) => stats.messagesSent === 100)).toBe(true)
    await request.close()
    await Promise.all(replies.map((thread) => thread.worker.terminate()))
  })

  it("large messages of many frames arrive as they were, in order with small ones", async () => {
    const endpoint = fresh()
    await using pull = new Pull()
    await pull.bind(endpoint)
    await using _thread = new Thread({ name: "flood", endpoint, frames: 3, octets: 200_000 })
    for (let number = 0; number < 100; number++) {
      const [, which, ...bodies] = await pull.receive()
      expect(String(which)).toBe(`${number}`)
      expect(bodies.map((body) => body.length)).toEqual([200_000, 200_000, 200_000])
      expect(bodies.every((body) => body.every((octet) => octet === (number & 255)))).toBe(true)
    }
  })

  it("a socket that closes sends what it was given first", async () => {
    const endpoint = fresh()
    await using pull = new Pull({ receiveHighWaterMark: 10 })
    await pull.bind(endpoint)
    await using thread = new Thread({ name: "push", endpoint, count: 5000 })
    for (let number = 0; number < 5000; number++) expect(await receiveText(pull)).toEqual([`${number}`])
    expect(await thread.next()).toBe("closed")
  })

  it.each([
    { window: 1, sendHighWaterMark: 1000, receiveHighWaterMark: 1000 },
    { window: 3, sendHighWaterMark: 1, receiveHighWaterMark: 1 },
    { window: 256, sendHighWaterMark: 2, receiveHighWaterMark: 3 },
  ])("never wait for each other, however little may be under way: %o", async (marks) => {
    const endpoint = fresh()
    const { window, sendHighWaterMark, receiveHighWaterMark } = marks
    await using push = new Push({ balance: "least-loaded", window, sendHighWaterMark })
    await push.bind(endpoint)
    const threads = [0, 1].map(() => new Thread({ name: "count", endpoint, options: { receiveHighWaterMark } }))
    await push.waitForPeers(2)
    for (let i = 0; i < 20_000; i++) await push.send(`${i}`)
    await push.close()
    const counts = await Promise.all(threads.map((thread) => thread.next()))
    expect(counts.reduce<number>((sum, count) => sum + (count as number), 0)).toBe(20_000)
    await Promise.all(threads.map((thread) => thread.ended()))
  })
})
