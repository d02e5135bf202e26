// The proxy between two sockets: what passes, when it reads, and how it ends.

import {
  Dealer,
  Publisher,
  Pull,
  Push,
  proxy,
  Reply,
  Request,
  Router,
  type Proxy as RunningProxy,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { json } from "../support/json.ts"
import { link, takeText, text, turns, waits } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"
import { until } from "../support/until.ts"

const QUICK = { reconnectInterval: 1, receiveTimeout: 30_000 } as const

/** Ends a proxy before its sockets are closed, whatever became of the test. */
function ending(running: RunningProxy): AsyncDisposable & { readonly running: RunningProxy } {
  return {
    running,
    async [Symbol.asyncDispose]() {
      running.terminate()
      await running.finished
    },
  }
}

describe.each(TRANSPORTS)("a proxy over $name", (over) => {
  it("forwards: XSubscriber and XPublisher, subscriptions up and messages down", async () => {
    await using source = new Publisher()
    await using other = new Publisher()
    await using front = new XSubscriber(QUICK)
    await using back = new XPublisher(QUICK)
    await using sink = new Subscriber(QUICK)
    await link(source, front, over.any())
    await link(other, front, over.any())
    await link(back, sink, over.any())
    await using end = ending(proxy(front, back))
    sink.subscribe("A", "B")
    await Promise.all([source.waitForSubscribers("A"), other.waitForSubscribers("B")])
    await source.send(["A1", "", "body"])
    expect(text(await sink.receive())).toEqual(["A1", "", "body"])
    await source.send("C, which nobody asked for")
    await other.send("B1")
    expect(text(await sink.receive())).toEqual(["B1"])
    expect(source.stats.messagesSent).toBe(1)
    sink.unsubscribe("A")
    while (source.subscriptions.length > 1) await turns(1)
    expect(source.subscriptions.map(String)).toEqual(["B"])
    // A message and a subscription each way are counted as what they are.
    expect(end.running.stats).toEqual({ forward: 2, backward: 3, bytes: 8 + 6, missed: 0 })
  })

  it("queues: Router and Dealer, REQREP-20: envelopes survive the way there and back", async () => {
    await using front = new Router()
    await using back = new Dealer()
    await using one = new Request(QUICK)
    await using two = new Request(QUICK)
    const endpoint = await link(front, one, over.any())
    two.connect(endpoint)
    await using left = new Reply()
    await using right = new Reply()
    await link(left, back, over.any())
    await link(right, back, over.any())
    await using _ = ending(proxy(front, back))
    const serving = [
      left.serve((question) => ["left", ...question], { concurrency: 4 }),
      right.serve((question) => ["right", ...question], { concurrency: 4 }),
    ]
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 ? one : two).request([`${i}`, "", "body"])),
    )
    for (const [i, answer] of answers.entries()) expect(text(answer).slice(1)).toEqual([`${i}`, "", "body"])
    const names = answers.map((answer) => String(answer[0]))
    expect([names.filter((name) => name === "left").length, names.length]).toEqual([20, 40])
    await one.send(["lock", "step"])
    expect(text(await one.receive()).slice(1)).toEqual(["lock", "step"])
    await Promise.all([left.close(), right.close()])
    await Promise.all(serving)
  })

  it("streams: Pull and Push, whichever way round they are given", async () => {
    for (const reversed of [false, true]) {
      await using source = new Push()
      await using front = new Pull()
      await using back = new Push()
      await using sink = new Pull(QUICK)
      await link(front, source, over.any())
      await link(back, sink, over.any())
      await using end = ending(reversed ? proxy(back, front) : proxy(front, back))
      for (let i = 0; i < 500; i++) await source.send([`${i}`, "body"])
      const received = await takeText(sink, 500)
      expect(received).toEqual(Array.from({ length: 500 }, (_, i) => `${i}|body`))
      const { forward, backward } = end.running.stats
      expect([forward, backward]).toEqual(reversed ? [0, 500] : [500, 0])
    }
  })

  it("reads only when the other side has room", async () => {
    await using source = new Push({ sendHighWaterMark: 4, linger: 0 })
    await using front = new Pull({ receiveHighWaterMark: 4 })
    await using back = new Push({ sendHighWaterMark: 4, linger: 0 })
    await using sink = new Pull({ ...QUICK, receiveHighWaterMark: 4 })
    await link(front, source, over.any())
    await link(back, sink, over.any())
    await using end = ending(proxy(front, back))
    const load = Buffer.alloc(over.name === "inproc" ? 1 : 64 * 1024)
    let sent = 0
    for (let idle = 0; idle < 50; idle++) {
      for (; source.trySend([`${sent}`, load]); sent++) idle = 0
      await turns(1)
    }
    // All of it is somewhere between the ends, and the proxy holds one message in its hand at most.
    expect(front.stats.queuedMessages).toBeGreaterThan(0)
    expect(front.stats.messagesReceived - front.stats.queuedMessages - end.running.stats.forward).toBe(1)
    if (over.name === "inproc") expect(sent).toBe(4 * 4 + 1)
    for (let i = 0; i < sent; i++) expect(String((await sink.receive())[0])).toBe(`${i}`)
    while (end.running.stats.forward < sent) await turns(1)
    expect(end.running.stats.forward).toBe(sent)
  })
})

describe("a proxy", () => {
  const over = transport("inproc")

  interface Streamer extends AsyncDisposable {
    readonly source: Push
    readonly front: Pull
    readonly back: Push
    readonly sink: Pull
  }

  /** source ─▶ front, back ─▶ sink; the test puts a proxy between front and back. */
  async function streamer(): Promise<Streamer> {
    const [source, front, back, sink] = [new Push(), new Pull(), new Push(), new Pull(QUICK)] as const
    await link(front, source, over.any())
    await link(back, sink, over.any())
    return {
      source,
      front,
      back,
      sink,
      async [Symbol.asyncDispose]() {
        await Promise.all([source, front, back, sink].map((socket) => socket.close({ linger: 0 })))
      },
    }
  }

  it("gives a copy of everything to the capture socket, both ways", async () => {
    await using front = new Router()
    await using back = new Dealer()
    await using asker = new Dealer(QUICK)
    await using answerer = new Dealer(QUICK)
    await using capture = new Push()
    await using tap = new Pull(QUICK)
    await link(front, asker, over.any())
    await link(back, answerer, over.any())
    await link(capture, tap, over.any())
    await using end = ending(proxy(front, back, { capture }))
    await asker.send(["question", ""])
    const [id, ...question] = await answerer.receive()
    expect(text(question)).toEqual(["question", ""])
    await answerer.send([id as Buffer, "answer"])
    expect(text(await asker.receive())).toEqual(["answer"])
    expect((await tap.receive()).slice(1).map(String)).toEqual(["question", ""])
    expect((await tap.receive()).slice(1).map(String)).toEqual(["answer"])
    expect(end.running.stats).toMatchObject({ forward: 1, backward: 1, missed: 0 })
  })

  it("is not held up by a capture socket without room, and counts what that has missed", async () => {
    await using all = await streamer()
    await using capture = new Push({ sendHighWaterMark: 2, linger: 0 })
    await using tap = new Pull({ ...QUICK, receiveHighWaterMark: 1 })
    await link(capture, tap, over.any())
    await using end = ending(proxy(all.front, all.back, { capture }))
    for (let i = 0; i < 50; i++) await all.source.send(`${i}`)
    expect((await takeText(all.sink, 50)).at(-1)).toBe("49")
    while (end.running.stats.forward < 50) await turns(1)
    expect(end.running.stats.missed).toBe(47)
    expect(await takeText(tap, 3)).toEqual(["0", "1", "2"])
  })

  it("gives a Publisher as capture what it can sort by topic", async () => {
    await using all = await streamer()
    await using capture = new Publisher()
    await using tap = new Subscriber(QUICK)
    await link(capture, tap, over.any())
    tap.subscribe("A")
    await using _ = ending(proxy(all.front, all.back, { capture }))
    for (const topic of ["B", "A1"]) await all.source.send(topic)
    expect(text(await tap.receive())).toEqual(["A1"])
  })

  it("pauses: messages wait in the sockets until it is resumed", async () => {
    await using all = await streamer()
    await using end = ending(proxy(all.front, all.back))
    await all.source.send("before")
    expect(text(await all.sink.receive())).toEqual(["before"])
    end.running.pause()
    end.running.pause()
    await all.source.send("first")
    await all.source.send("second")
    await turns()
    await until(() => all.front.stats.queuedMessages === 2, "both wait at the front")
    expect(end.running.stats.forward).toBe(1)
    end.running.resume()
    end.running.resume()
    expect(await takeText(all.sink, 2)).toEqual(["first", "second"])
  })

  it("pauses one way, while the other goes on", async () => {
    await using front = new Router()
    await using back = new Dealer()
    await using asker = new Dealer(QUICK)
    await using answerer = new Dealer(QUICK)
    await link(front, asker, over.any())
    await link(back, answerer, over.any())
    await using end = ending(proxy(front, back))
    await asker.send("1")
    const [id] = await answerer.receive()
    end.running.pause("forward")
    await asker.send("2")
    await asker.send("3")
    await answerer.send([id as Buffer, "answer"])
    expect(text(await asker.receive())).toEqual(["answer"])
    end.running.resume("backward")
    await turns()
    expect(end.running.stats.forward).toBe(1)
    end.running.resume("forward")
    for (const question of ["2", "3"]) expect((await answerer.receive()).map(String)[1]).toBe(question)
    expect(() => end.running.pause("sideways" as never)).toThrow(/"forward", "backward"/)
  })

  it("is terminated, paused or not, and leaves the sockets open and everything in them", async () => {
    for (const paused of [false, true]) {
      await using all = await streamer()
      const running = proxy(all.front, all.back)
      expect(await waits(running.finished)).toBe(true)
      if (paused) running.pause()
      running.terminate()
      running.terminate()
      await running.finished
      await all.source.send("to the front itself")
      expect(text(await all.front.receive())).toEqual(["to the front itself"])
      await all.back.send("from the back itself")
      expect(text(await all.sink.receive())).toEqual(["from the back itself"])
      // And another proxy can stand there.
      await using _ = ending(proxy(all.front, all.back))
      await all.source.send("again")
      expect(text(await all.sink.receive())).toEqual(["again"])
    }
  })

  it("ends by its signal, at once if that is aborted already", async () => {
    await using all = await streamer()
    const stop = new AbortController()
    const running = proxy(all.front, all.back, { signal: stop.signal })
    await all.source.send("message")
    expect(text(await all.sink.receive())).toEqual(["message"])
    stop.abort()
    await running.finished
    expect(() => proxy(all.front, all.back, { signal: stop.signal })).toThrow(
      expect.objectContaining({ code: "ABORT_ERR" }),
    )
    expect([all.front.closed, all.back.closed]).toEqual([false, false])
  })

  it("ends when either side is closed, and leaves the other open", async () => {
    for (const side of ["front", "back"] as const) {
      await using all = await streamer()
      const running = proxy(all.front, all.back)
      await all.source.send("message")
      expect(text(await all.sink.receive())).toEqual(["message"])
      await all[side].close()
      await running.finished
      expect(all[side === "front" ? "back" : "front"].closed).toBe(false)
    }
  })

  it("ends when a side is closed while it waits for room there", async () => {
    await using front = new Pull()
    await using source = new Push()
    await using back = new Push()
    await link(front, source, over.any())
    const running = proxy(front, back)
    await source.send("nobody can take it")
    expect(await waits(running.finished)).toBe(true)
    await back.close()
    await running.finished
    // It had been taken from the front, and is not lost in silence.
    expect(back.stats.dropped.linger).toBe(1)
  })

  it("refuses at once what cannot work, and leaves the sockets as they were", async () => {
    await using all = await streamer()
    await using typed = new Pull({ codec: json<number>() })
    await using pull = new Pull()
    const refused = (front: unknown, back: unknown, options?: object): unknown => {
      try {
        ;(proxy as (...args: unknown[]) => unknown)(front, back, options)
      } catch (error) {
        return error
      }
      throw new Error("The proxy was not refused")
    }
    expect(refused(all.front, all.front)).toMatchObject({ code: "EINVAL", option: "backend" })
    expect(refused(all.front, pull)).toMatchObject({ code: "EINVAL", option: "backend" })
    expect(refused(all.back, all.source)).toMatchObject({ code: "EINVAL", option: "backend" })
    expect(refused(typed, all.back)).toMatchObject({ code: "EINVAL", option: "frontend" })
    for (const wrong of [undefined, null, 5, "socket", {}, { receive() {} }]) {
      expect(refused(wrong, all.back)).toMatchObject({ code: "EINVAL", option: "frontend" })
      expect(refused(all.front, wrong)).toMatchObject({ code: "EINVAL", option: "backend" })
    }
    expect(refused(all.front, all.back, { capture: pull })).toMatchObject({ code: "EINVAL", option: "capture" })
    expect(refused(all.front, all.back, { capture: {} })).toMatchObject({ code: "EINVAL", option: "capture" })
    expect(refused(all.front, all.back, { signal: "now" })).toMatchObject({ code: "EINVAL", option: "signal" })
    expect(refused(all.front, all.back, null as never)).toMatchObject({ code: "EINVAL", option: "options" })
    const closed = new Push()
    await closed.close()
    expect(refused(all.front, closed)).toMatchObject({ code: "EBADF" })
    expect(refused(all.front, all.back, { capture: closed })).toMatchObject({ code: "EBADF" })
    await using _ = ending(proxy(all.front, all.back))
    await all.source.send("message")
    expect(text(await all.sink.receive())).toEqual(["message"])
  })
})
