// Partings at odd moments, found by the simulation and told here by hand: what they leave behind, and what they must not
// keep from going on.

import { Pull, Push, Reply, Request, Subscriber, XPublisher } from "brokerless"
import { afterEach, describe, expect, it, vi } from "vitest"

let count = 0
const name = (): string => `inproc://partings-${++count}`

describe("a socket that parts with an endpoint", () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it("B11: leaves no timer behind, whether its peer was there or not", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval"] })
    const [there, nowhere] = [name(), name()]
    const pull = new Pull()
    const push = new Push()
    await pull.bind(there)
    push.connect(there)
    await push.send("to somebody")
    expect((await pull.receive()).toString()).toBe("to somebody")
    push.disconnect(there)
    push.connect(nowhere)
    await push.send("to whoever comes")
    push.disconnect(nowhere)
    await Promise.all([push.close({ linger: 0 }), pull.close()])
    expect(vi.getTimerCount()).toBe(0)
  })

  it("PIPE-10: with immediate and nobody there, still gives what it keeps to the next who comes", async () => {
    const [nowhere, there] = [name(), name()]
    await using push = new Push({ immediate: true })
    push.connect(nowhere)
    push.disconnect(nowhere)
    await push.bind(there)
    const first = new Pull({ receiveHighWaterMark: 1 })
    first.connect(there)
    for (const text of ["read by nobody", "kept", "kept too"]) await push.send(text)
    await first.close()
    await using second = new Pull()
    second.connect(there)
    expect((await second.receive({ timeout: 5000 })).toString()).toBe("kept")
    expect((await second.receive({ timeout: 5000 })).toString()).toBe("kept too")
  })
})

describe("a Pull that is closed", () => {
  it("takes nothing more through one connection while it parts with another", async () => {
    const pull = new Pull({ receiveHighWaterMark: 1 })
    await using push = new Push({ sendHighWaterMark: 3, reconnectInterval: -1, linger: 0 })
    const endpoint = await pull.bind(name())
    for (let peers = 1; peers <= 3; peers++) {
      push.connect(endpoint)
      await push.waitForPeers(peers)
    }
    let sent = 0
    while (push.trySend(`${sent}`)) sent++
    expect(sent).toBe(12)
    await pull.close()
    const { messagesReceived, dropped, queuedMessages } = pull.stats
    expect({ messagesReceived, unread: dropped.unread, queuedMessages }).toEqual({
      messagesReceived: 3,
      unread: 3,
      queuedMessages: 0,
    })
  })
})

describe("an XPublisher that is closed", () => {
  it("holds nothing, though subscriptions end by that", async () => {
    const there = name()
    const publisher = new XPublisher()
    await publisher.bind(there)
    await using subscriber = new Subscriber()
    subscriber.subscribe("a", "b")
    subscriber.connect(there)
    expect(await publisher.receive()).toEqual([Buffer.from("\x01a")])
    await publisher.close()
    expect(publisher.stats.queuedMessages).toBe(0)
    expect(publisher.stats.dropped.unread).toBe(1)
  })
})

describe("a Reply whose waiting requests take up all it may hold", () => {
  const tight = { maxBufferedBytes: 100 }

  async function askers(reply: Reply): Promise<{ answers: Promise<string[]>; close(): Promise<void> }> {
    const there = name()
    await reply.bind(there)
    const requests = [1, 2, 3].map(() => new Request())
    for (const request of requests) request.connect(there)
    const answers = Promise.all(
      requests.map(async (request, n) => String(await request.request(`${"x".repeat(60)}${n}`, { timeout: 5000 }))),
    )
    return {
      answers,
      async close() {
        await Promise.all(requests.map((request) => request.close()))
      },
    }
  }

  it("T14: answers all the same, in lock step", async () => {
    await using reply = new Reply(tight)
    const { answers, close } = await askers(reply)
    for (let n = 0; n < 3; n++) await reply.send(`answer to ${String(await reply.receive()).slice(-1)}`)
    expect(await answers).toEqual(["answer to 0", "answer to 1", "answer to 2"])
    await close()
  })

  it("T14: answers all the same, by a handler", async () => {
    await using reply = new Reply(tight)
    const { answers, close } = await askers(reply)
    void reply.serve((request) => `answer to ${String(request).slice(-1)}`)
    expect(await answers).toEqual(["answer to 0", "answer to 1", "answer to 2"])
    await close()
  })
})
