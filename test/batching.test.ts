// How messages share writes, that nobody starves the event loop, and that a flood stays within its banks.

import { type Message, Publisher, Pull, Push, type Socket, Subscriber } from "brokerless"
import { afterEach, describe, expect, it, vi } from "vitest"
import { RawServer } from "./support/raw-peer.ts"
import { fill, join, take, turns, waits } from "./support/sockets.ts"
import { TRANSPORTS } from "./support/transports.ts"

const STREAMS = TRANSPORTS.filter(({ name }) => name !== "inproc")
const OCTETS_16 = Buffer.alloc(16, "x")

function perWrite({ stats }: Socket): number {
  return stats.messagesSent / stats.writes
}

/** Resolves when everything that was accepted is with the system. */
async function untilWritten(socket: Socket, messages: number): Promise<void> {
  while (socket.stats.messagesSent < messages) await turns(1)
}

/** Reads so many messages, one at a time. */
async function readEach(pull: Pull, messages: number): Promise<void> {
  let received = 0
  for await (const message of pull) if (message[0]?.length === 16 && ++received === messages) break
}

afterEach(() => {
  vi.useRealTimers()
})

describe.each(STREAMS)("a tight loop of small messages over $name", ({ any }) => {
  it("to one peer has at least 500 of them in a write", async () => {
    const messages = 100_000
    await using pull = new Pull()
    await using push = new Push()
    await join(push, await pull.bind(any()), pull)
    const reading = readEach(pull, messages)
    for (let i = 0; i < messages; i++) await push.send(OCTETS_16)
    await reading
    expect(perWrite(push)).toBeGreaterThanOrEqual(500)
  })

  it("to a peer that reads as fast as the system allows has at least 500 of them in a write", async () => {
    const messages = 200_000
    await using push = new Push()
    const endpoint = await push.bind(any())
    // Many at a time, so that the reader is never what the sender waits for.
    await using pull = new Pull()
    await join(pull, endpoint, push)
    const reading = take(pull, messages)
    for (let i = 0; i < messages; i++) await push.send(OCTETS_16)
    expect(await reading).toHaveLength(messages)
    expect(perWrite(push)).toBeGreaterThanOrEqual(500)
  })

  it("to a hundred has at least 50 of them in each write", async () => {
    // A burst also ends after 2 ms, which on a busy machine are soon over.
    vi.useFakeTimers({ toFake: ["performance"] })
    const peers = 100
    const messages = 200_000
    await using push = new Push()
    const endpoint = await push.bind(any())
    const pulls = Array.from({ length: peers }, () => new Pull())
    for (const pull of pulls) pull.connect(endpoint)
    await push.waitForPeers(peers)
    let received = 0
    for (const pull of pulls) {
      void (async () => {
        for (;;) {
          const { length } = await pull.receiveMany()
          received += length
        }
      })().catch(() => {})
    }
    for (let i = 0; i < messages; i++) await push.send(OCTETS_16)
    while (received < messages) await turns(1)
    expect(perWrite(push)).toBeGreaterThanOrEqual(50)
    for (const { stats } of push.peers) expect(stats.messagesSent / stats.writes).toBeGreaterThanOrEqual(50)
    await Promise.all(pulls.map((pull) => pull.close()))
  })

  it("to subscribers has at least 100 of them in each write", async () => {
    const messages = 50_000
    await using publisher = new Publisher({ overflow: "wait" })
    const endpoint = await publisher.bind(any())
    const subscribers = Array.from({ length: 5 }, () => new Subscriber())
    for (const subscriber of subscribers) {
      subscriber.subscribe("")
      subscriber.connect(endpoint)
    }
    await publisher.waitForSubscribers("", 5)
    const reading = Promise.all(subscribers.map((subscriber) => take(subscriber, messages)))
    for (let i = 0; i < messages; i++) await publisher.send(OCTETS_16)
    await reading
    expect(publisher.stats.messagesSent).toBe(5 * messages)
    expect(perWrite(publisher)).toBeGreaterThanOrEqual(100)
    await Promise.all(subscribers.map((subscriber) => subscriber.close()))
  })
})

describe.each(STREAMS)("what is sent in one tick over $name", ({ any }) => {
  it("leaves in one write per peer, at the end of the tick", async () => {
    await using push = new Push()
    const endpoint = await push.bind(any())
    const pulls = [0, 1, 2].map(() => new Pull())
    for (const pull of pulls) await join(pull, endpoint, push)
    for (let i = 0; i < 300; i++) expect(push.trySend([`${i}`, "and more"])).toBe(true)
    expect(push.stats.writes).toBe(0)
    await turns(1)
    expect(push.stats.writes).toBe(3)
    expect(push.stats.messagesSent).toBe(300)
    for (const { stats } of push.peers) expect([stats.messagesSent, stats.writes]).toEqual([100, 1])
    await Promise.all(pulls.map((pull) => pull.close()))
  })

  it("is awaited or not, it is the same", async () => {
    await using push = new Push()
    await using pull = new Pull()
    await join(push, await pull.bind(any()), pull)
    for (let i = 0; i < 100; i++) await push.send(`${i}`)
    await untilWritten(push, 100)
    expect(push.stats.writes).toBe(1)
  })

  it("to subscribers as well", async () => {
    await using publisher = new Publisher()
    const endpoint = await publisher.bind(any())
    const subscribers = [0, 1, 2].map(() => new Subscriber())
    for (const subscriber of subscribers) {
      subscriber.subscribe("a", "b")
      subscriber.connect(endpoint)
    }
    await publisher.waitForSubscribers("a", 3)
    await publisher.waitForSubscribers("b", 3)
    for (let i = 0; i < 100; i++) publisher.trySend([i % 2 === 0 ? "a" : "b", `${i}`])
    await untilWritten(publisher, 300)
    expect(publisher.stats.writes).toBe(3)
    await Promise.all(subscribers.map((subscriber) => subscriber.close()))
  })

  it("does not wait for a tick to end when there is a lot of it", async () => {
    await using push = new Push({ linger: 0 })
    await using pull = new Pull()
    await join(push, await pull.bind(any()), pull)
    for (let i = 0; i < 20; i++) push.trySend(Buffer.alloc(16 * 1024))
    expect(push.stats.writes).toBeGreaterThan(0)
  })
})

describe("batchDelay", () => {
  const delayed = async (options: { batchDelay: number; batchBytes?: number }): Promise<{ push: Push; pull: Pull }> => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    const pull = new Pull()
    const push = new Push({ ...options, heartbeatInterval: 0 })
    await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    // The handshake itself asks for a write.
    vi.advanceTimersByTime(options.batchDelay)
    return { push, pull }
  }

  it("gathers what is sent within it", async () => {
    const { push, pull } = await delayed({ batchDelay: 50 })
    for (let i = 0; i < 5; i++) {
      await push.send(`${i}`)
      await turns(3)
    }
    expect(push.stats.writes).toBe(0)
    vi.advanceTimersByTime(49)
    expect(push.stats.writes).toBe(0)
    vi.advanceTimersByTime(1)
    expect(push.stats.writes).toBe(1)
    expect(push.stats.messagesSent).toBe(5)
    vi.useRealTimers()
    expect(await take(pull, 5)).toHaveLength(5)
    await Promise.all([push.close(), pull.close()])
  })

  it("is cut short when batchBytes have gathered", async () => {
    const { push, pull } = await delayed({ batchDelay: 50, batchBytes: 4096 })
    const kibibyte = Buffer.alloc(1024)
    await push.send(kibibyte)
    await push.send(kibibyte)
    await turns(3)
    expect(push.stats.writes).toBe(0)
    await push.send(kibibyte)
    await push.send(kibibyte)
    await turns(3)
    expect(push.stats.messagesSent).toBe(4)
    expect(push.stats.writes).toBe(1)
    vi.useRealTimers()
    expect(await take(pull, 4)).toHaveLength(4)
    await Promise.all([push.close(), pull.close()])
  })
})

describe("the event loop", () => {
  /** Counts turns of the event loop while `work` runs. */
  async function turnsDuring(work: () => Promise<void>): Promise<number> {
    let count = 0
    let running = true
    const tick = (): void => {
      count++
      if (running) setImmediate(tick)
    }
    setImmediate(tick)
    await work()
    running = false
    return count
  }

  it("turns at least once in 8192 sends that act at once, however fast they are", async () => {
    vi.useFakeTimers({ toFake: ["performance"] })
    await using push = new Push({ sendHighWaterMark: 0, linger: 0 })
    push.connect("inproc://nobody-listens")
    const count = await turnsDuring(async () => {
      for (let i = 0; i < 50 * 1024; i++) await push.send(OCTETS_16)
    })
    expect(count).toBeGreaterThanOrEqual(6)
    expect(push.stats.queuedMessages).toBe(50 * 1024)
  })

  it("turns at least once in 8192 messages that a loop finds there, however fast it is", async () => {
    vi.useFakeTimers({ toFake: ["performance"] })
    await using push = new Push({ sendHighWaterMark: 0, linger: 0 })
    await using pull = new Pull({ receiveHighWaterMark: 0 })
    await join(push, await pull.bind("inproc://busy-reader"), pull)
    for (let i = 0; i < 50 * 1024; i++) push.trySend(OCTETS_16)
    let received = 0
    const count = await turnsDuring(async () => {
      for await (const message of pull) {
        if (message.length === 1 && ++received === 50 * 1024) break
      }
    })
    expect(count).toBeGreaterThanOrEqual(6)
  })

  it("lets timers fire while sender and receiver never rest", async () => {
    await using push = new Push()
    await using pull = new Pull()
    await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    let resting = false
    const sending = (async () => {
      while (!resting) await push.send(OCTETS_16)
    })()
    const receiving = (async () => {
      for await (const message of pull) if (message.length === 0) break
    })()
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1))
    resting = true
    await sending
    expect(push.stats.messagesSent).toBeGreaterThan(1000)
    await pull.close()
    await receiving
  })
})

describe.each(TRANSPORTS)("a flood over $name", ({ any, name }) => {
  it("for a reader that does not read is bounded from end to end, and the sender waits", async () => {
    const [sendHighWaterMark, receiveHighWaterMark] = [50, 20]
    await using push = new Push({ sendHighWaterMark, linger: 0 })
    await using pull = new Pull({ receiveHighWaterMark })
    await join(push, await pull.bind(any()), pull)
    const large = Buffer.alloc(100_000)
    const accepted = await fill(push, large)
    // A queue that was full takes no more until it is half empty.
    expect(push.stats.queuedMessages).toBeGreaterThan(sendHighWaterMark / 2)
    expect(push.stats.queuedMessages).toBeLessThanOrEqual(sendHighWaterMark)
    expect(pull.stats.queuedMessages).toBe(receiveHighWaterMark)
    if (name === "inproc") expect(accepted).toBe(sendHighWaterMark + receiveHighWaterMark)
    // What is not in either queue is with the operating system, which swallows some megabytes, or in one write.
    else expect((accepted - sendHighWaterMark - receiveHighWaterMark) * large.length).toBeLessThan(16 * 2 ** 20)

    const waiting = push.send("the one too many")
    expect(await waits(waiting)).toBe(true)
    expect(push.trySend("no")).toBe(false)
    const got: Message[] = await take(pull, accepted)
    expect(got.every((message) => message[0]?.length === large.length)).toBe(true)
    await waiting
    expect(String((await pull.receive())[0])).toBe("the one too many")
    expect(push.stats.queuedMessages + pull.stats.queuedMessages).toBe(0)
    expect(push.stats.queuedBytes + pull.stats.queuedBytes).toBe(0)
  })
})

describe("a flood", () => {
  it("for a raw reader that does not read waits too", async () => {
    await using server = await RawServer.listen()
    await using push = new Push({ linger: 0 })
    push.connect(server.endpoint)
    using peer = await server.admit("PULL")
    peer.socket.pause()
    await push.waitForPeers(1)
    const accepted = await fill(push, Buffer.alloc(20_000))
    expect(push.stats.queuedMessages).toBeGreaterThan(500)
    expect(push.stats.queuedMessages).toBeLessThanOrEqual(1000)
    expect(push.stats.queuedBytes).toBeLessThanOrEqual(1000 * (20_000 + 64))
    expect((accepted - 1000) * 20_000).toBeLessThan(16 * 2 ** 20)
    expect(await waits(push.send("x").catch(() => {}))).toBe(true)
  })
})
