// What an application may do at an odd moment, or throw, without harm to the socket.

import { Dealer, Publisher, Pull, Push, proxy, Reply, Request, Router, StateError, Subscriber } from "brokerless"
import { describe, expect, it } from "vitest"

describe("odd moments", () => {
  it("a peer expelled by a listener of its arrival leaves no ghost behind over inproc", async () => {
    await using pull = new Pull()
    let arrivals = 0
    pull.events.on("peer:join", ({ peer }) => {
      if (arrivals++ === 0) peer.disconnect()
    })
    await pull.bind("inproc://expelled-on-arrival")
    await using push = new Push({ reconnectInterval: 1 })
    push.connect("inproc://expelled-on-arrival")
    const returned = push.events.once("peer:join")
    expect(push.peers).toHaveLength(0)
    await returned
    expect(push.peers).toHaveLength(1)
    for (const text of ["a", "b", "c"]) await push.send(text)
    expect((await pull.receiveMany()).map(String)).toEqual(["a", "b", "c"])
  })

  for (const Asker of [Request, Dealer]) {
    it(`the probe of a ${Asker.name} is for its own peer, and goes with it`, async () => {
      await using router = new Router()
      const asker = new Asker({ probeRouter: true, reconnectInterval: -1 })
      asker.events.on("peer:join", ({ peer }) => peer.disconnect())
      const left = asker.events.once("peer:leave")
      asker.connect(await router.bind("tcp://127.0.0.1:*"))
      await left
      expect(asker.stats.queuedMessages).toBe(0)
      await asker.close({ linger: 0 })
    })
  }

  it("serve() refuses while somebody waits in receive()", async () => {
    await using reply = new Reply()
    await using request = new Request()
    request.connect(await reply.bind("tcp://127.0.0.1:*"))
    const received = reply.receive()
    await expect(reply.serve((message) => message)).rejects.toBeInstanceOf(StateError)
    await request.send("question")
    expect(String(await received)).toBe("question")
  })

  it("a relaxed Request that sends again takes back what still waits for a peer", async () => {
    await using request = new Request({ relaxed: true })
    const endpoint = await request.bind("tcp://127.0.0.1:*")
    const first = request.send("first")
    const second = request.send("second")
    await expect(first).rejects.toBeInstanceOf(StateError)
    await using reply = new Reply()
    reply.connect(endpoint)
    void reply.serve((message) => message)
    await second
    expect(String(await request.receive())).toBe("second")
  })

  it("a service survives a handler that throws what cannot be printed", async () => {
    await using reply = new Reply()
    await using request = new Request()
    request.connect(await reply.bind("tcp://127.0.0.1:*"))
    const onError = (error: unknown): string => (Object.getPrototypeOf(error) === null ? "bare" : "other")
    void reply.serve(() => Promise.reject(Object.create(null)), { onError })
    expect(String(await request.request("question"))).toBe("bare")
  })

  it("close() waits for what is still being bound, so that the port is free", async () => {
    const first = new Pull()
    const endpoint = await first.bind("tcp://127.0.0.1:*")
    await first.close()
    const second = new Pull()
    const binding = second.bind(endpoint)
    const refused = expect(binding).rejects.toMatchObject({ code: "EBADF" })
    await second.close()
    await using third = new Pull()
    expect(await third.bind(endpoint)).toBe(endpoint)
    await refused
  })

  it("a proxy goes on when the peer of a mandatory Router has left", async () => {
    await using front = new Router({ mandatory: true })
    await using back = new Dealer()
    await using worker = new Dealer()
    worker.connect(await back.bind("tcp://127.0.0.1:*"))
    await using client = new Dealer({ routingId: "stays" })
    client.connect(await front.bind("tcp://127.0.0.1:*"))
    await Promise.all([front.waitForPeers(), back.waitForPeers()])
    const running = proxy(front, back)
    await worker.send(["has left", "answer"])
    await worker.send(["stays", "answer"])
    expect(String(await client.receive())).toBe("answer")
    expect(front.stats.dropped.unroutable).toBe(1)
    running.terminate()
    await running.finished
  })

  it("a listener that publishes disturbs no message that is being published", async () => {
    await using publisher = new Publisher({ overflow: "disconnect", sendHighWaterMark: 1 })
    const endpoint = await publisher.bind("inproc://published-by-a-listener")
    await using slow = new Subscriber({ receiveHighWaterMark: 1, reconnectInterval: -1 })
    await using news = new Subscriber()
    await using others = new Subscriber()
    await using another = new Subscriber()
    slow.connect(endpoint)
    slow.subscribe("news")
    await publisher.waitForSubscribers("news", 1)
    for (const each of [news, others, another]) each.connect(endpoint)
    news.subscribe("news")
    others.subscribe("left")
    another.subscribe("left")
    await publisher.waitForSubscribers("news", 2)
    await publisher.waitForSubscribers("left", 2)
    publisher.events.on("peer:leave", () => publisher.trySend("left"))
    const COUNT = 4
    for (let n = 0; n < COUNT; n++) publisher.trySend(`news ${n}`)
    expect((await news.receiveMany()).map(String)).toEqual(["news 0", "news 1", "news 2", "news 3"])
    expect((await others.receiveMany()).map(String)).toEqual(["left"])
    expect((await another.receiveMany()).map(String)).toEqual(["left"])
  })
})
