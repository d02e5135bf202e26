// What every socket that receives promises: waiting in order, giving up, fairness, iteration, streams.

import { AbortError, ClosedError, type Message, merge, OptionError, Pull, Push, TimeoutError } from "brokerless"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { join, link, takeText, text, turns, waits } from "../support/sockets.ts"
import { TRANSPORTS, transport } from "../support/transports.ts"

const { any } = transport("inproc")

let pull: Pull
let push: Push
let endpoint: string

beforeEach(async () => {
  pull = new Pull()
  push = new Push()
  endpoint = await link(pull, push, any())
})

afterEach(async () => {
  await Promise.all([push.close({ linger: 0 }), pull.close()])
})

const send = async (...messages: string[]) => {
  for (const message of messages) await push.send(message)
}

describe("several receives", () => {
  it("may wait, and are served in order", async () => {
    const order: string[] = []
    const waiting = [1, 2, 3].map(async (who) => order.push(`${who} ${text(await pull.receive())}`))
    await send("a", "b", "c")
    await Promise.all(waiting)
    expect(order).toEqual(["1 a", "2 b", "3 c"])
  })

  it("of different kinds keep their order among each other", async () => {
    const first = pull.receive()
    const second = pull.receiveFrom()
    const third = pull.receiveMany(2)
    const fourth = pull.receive()
    await send("a", "b", "c", "d")
    expect(text(await first)).toEqual(["a"])
    expect(text((await second).message)).toEqual(["b"])
    expect((await third).map(text)).toEqual([["c"]])
    expect(text(await fourth)).toEqual(["d"])
  })

  it("who gives up is passed over", async () => {
    const aborter = new AbortController()
    const first = pull.receive({ signal: aborter.signal })
    const second = pull.receive()
    aborter.abort(new Error("changed my mind"))
    await expect(first).rejects.toMatchObject({ code: "ABORT_ERR", cause: { message: "changed my mind" } })
    await send("a")
    expect(text(await second)).toEqual(["a"])
  })
})

describe.each([
  ["receive", (options?: object) => pull.receive(options)],
  ["receiveFrom", (options?: object) => pull.receiveFrom(options)],
  ["receiveMany", (options?: object) => pull.receiveMany(10, options)],
] as const)("%s", (_name, receive) => {
  it("gives up after its timeout; 0 does not wait", async () => {
    await expect(receive({ timeout: 0 })).rejects.toBeInstanceOf(TimeoutError)
    await expect(receive({ timeout: 5 })).rejects.toMatchObject({ code: "EAGAIN", message: expect.stringMatching("5") })
  })

  it("with timeout 0 takes what is there", async () => {
    await send("a")
    await expect(receive({ timeout: 0 })).resolves.toBeDefined()
  })

  it("takes nothing when its signal has been aborted already", async () => {
    await send("a")
    const reason = new Error("over")
    await expect(receive({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({ cause: reason })
    expect(await takeText(pull, 1)).toEqual(["a"])
  })

  it("loses no message when it is aborted while it waits", async () => {
    for (let i = 0; i < 20; i++) {
      const aborter = new AbortController()
      const waiting = receive({ signal: aborter.signal })
      expect(await waits(waiting)).toBe(true)
      const outcome = expect(waiting).rejects.toBeInstanceOf(AbortError)
      aborter.abort()
      await send(`${i}`)
      await outcome
      expect(text(await pull.receive())).toEqual([`${i}`])
    }
  })

  it("does not look at its signal any more once it is served", async () => {
    const aborter = new AbortController()
    const served = receive({ signal: aborter.signal })
    await send("a")
    aborter.abort()
    await expect(served).resolves.toBeDefined()
  })

  it("ends with the socket, and is refused afterwards", async () => {
    const waiting = expect(receive()).rejects.toMatchObject({ name: "ClosedError", code: "EBADF" })
    await pull.close()
    await waiting
    await expect(receive()).rejects.toBeInstanceOf(ClosedError)
    expect(() => pull.tryReceive()).toThrow(ClosedError)
  })

  it.each([-2, Number.NaN, "5", null])("refuses a timeout of %s", async (timeout) => {
    await expect(receive({ timeout })).rejects.toBeInstanceOf(OptionError)
  })

  it.each([1, "signal", {}])("refuses a signal of %s", async (signal) => {
    await expect(receive({ signal })).rejects.toMatchObject({ name: "OptionError", option: "signal" })
  })
})

describe("receiveTimeout", () => {
  it("is what a receive without a timeout of its own keeps to", async () => {
    await using impatient = new Pull({ receiveTimeout: 5 })
    await expect(impatient.receive()).rejects.toBeInstanceOf(TimeoutError)
    await expect(impatient.receiveMany()).rejects.toBeInstanceOf(TimeoutError)
    expect(await waits(impatient.receive({ timeout: -1 }).catch(() => {}))).toBe(true)
  })
})

describe("tryReceive and readable", () => {
  it("tell what is there now", async () => {
    expect([pull.readable, pull.tryReceive()]).toEqual([false, undefined])
    await send("a")
    expect([pull.readable, pull.readable]).toEqual([true, true])
    expect(text(pull.tryReceive() as Message)).toEqual(["a"])
    expect([pull.readable, pull.tryReceive()]).toEqual([false, undefined])
    await pull.close()
    expect(pull.readable).toBe(false)
  })

  it("looking takes nothing, counts nothing, and changes no order", async () => {
    await using other = new Push()
    await join(other, endpoint, pull)
    for (const message of ["a1", "a2"]) await push.send(message)
    for (const message of ["b1", "b2"]) await other.send(message)
    const order: string[] = []
    for (let i = 0; i < 4; i++) {
      expect(pull.readable).toBe(true)
      expect(pull.stats.queuedMessages).toBe(4 - i)
      order.push(...text(await pull.receive()))
    }
    expect(order).toEqual(["a1", "b1", "a2", "b2"])
  })
})

describe("receiveFrom", () => {
  it.each(TRANSPORTS)("tells who sent it, over $name", async ({ any: some }) => {
    await using here = new Pull()
    const at = await here.bind(some())
    await using one = new Push({ metadata: { "X-Name": "one" } })
    await using two = new Push({ metadata: { "X-Name": "two" } })
    await join(one, at, here)
    await join(two, at, here)
    await one.send("one")
    await two.send("two")
    for (let i = 0; i < 2; i++) {
      const { message, peer } = await here.receiveFrom()
      expect(String(peer.metadata.get("x-name"))).toBe(text(message)[0])
      expect(here.peers).toContain(peer)
    }
    const waiting = here.receiveFrom()
    await two.send("two")
    expect(String((await waiting).peer.metadata.get("x-name"))).toBe("two")
  })
})

describe("receiveMany", () => {
  it("takes everything that waits, up to max", async () => {
    await send("a", "b", "c", "d", "e")
    expect((await pull.receiveMany(2)).map(text)).toEqual([["a"], ["b"]])
    expect((await pull.receiveMany()).map(text)).toEqual([["c"], ["d"], ["e"]])
  })

  it("waits for one", async () => {
    const waiting = pull.receiveMany()
    expect(await waits(waiting)).toBe(true)
    await send("a")
    expect((await waiting).map(text)).toEqual([["a"]])
  })

  it("is fair over peers", async () => {
    const others = [new Push(), new Push()]
    for (const other of others) await join(other, endpoint, pull)
    for (let i = 0; i < 50; i++) await push.send("busy")
    for (const [i, other] of others.entries()) {
      await other.send(`quiet ${i}`)
      await other.send(`quiet ${i}`)
    }
    const got = (await pull.receiveMany(6)).map((message) => String(message[0]))
    expect(got.sort()).toEqual(["busy", "busy", "quiet 0", "quiet 0", "quiet 1", "quiet 1"])
    expect(await pull.receiveMany()).toHaveLength(48)
    await Promise.all(others.map((other) => other.close()))
  })

  it.each([0, -1, Number.NaN, "1"])("refuses a max of %s", async (max) => {
    await expect(pull.receiveMany(max as number)).rejects.toMatchObject({ name: "OptionError", option: "max" })
  })
})

describe("iteration", () => {
  it("ends when the socket closes", async () => {
    const got: string[] = []
    const loop = (async () => {
      for await (const message of pull) got.push(...text(message))
    })()
    await send("a", "b")
    await turns()
    await pull.close()
    await loop
    expect(got).toEqual(["a", "b"])
    for await (const message of pull) expect.unreachable(`${message}`)
  })

  it("break leaves the socket open and loses nothing", async () => {
    await send("a", "b", "c", "d")
    const got: string[] = []
    for await (const message of pull) {
      got.push(...text(message))
      break
    }
    expect(pull.closed).toBe(false)
    for await (const message of pull) {
      got.push(...text(message))
      if (got.length === 3) break
    }
    expect(text(await pull.receive())).toEqual(["d"])
    expect(got).toEqual(["a", "b", "c"])
  })

  it("an exception in the loop leaves the socket open", async () => {
    await send("a", "b")
    const loop = async () => {
      for await (const message of pull) throw new Error(text(message)[0])
    }
    await expect(loop()).rejects.toThrow("a")
    expect(text(await pull.receive())).toEqual(["b"])
  })

  it("several loops share the messages", async () => {
    const got: string[] = []
    const loop = async () => {
      for await (const message of pull) got.push(...text(message))
    }
    const loops = [loop(), loop(), loop()]
    for (let i = 0; i < 300; i++) await push.send(`${i}`)
    while (got.length < 300) await turns(1)
    await pull.close()
    await Promise.all(loops)
    expect(got).toEqual(Array.from({ length: 300 }, (_, i) => `${i}`))
  })

  it("keeps no receiveTimeout", async () => {
    await using impatient = new Pull({ receiveTimeout: 0 })
    const iterator = impatient[Symbol.asyncIterator]()
    expect(await waits(iterator.next())).toBe(true)
  })

  it("lets timers and I/O have their turn however much there is to read", async () => {
    await using plenty = new Pull({ receiveHighWaterMark: 0 })
    await using source = new Push({ sendHighWaterMark: 0 })
    await link(plenty, source, any())
    for (let i = 0; i < 100_000; i++) source.trySend("x")
    let read = 0
    let atTimer = 0
    setTimeout(() => {
      atTimer = read
    }, 0)
    for await (const _ of plenty) if (++read === 100_000) break
    expect(atTimer).toBeGreaterThan(0)
    expect(atTimer).toBeLessThan(100_000)
  })
})

describe("merge", () => {
  let news: Pull
  let writer: Push

  beforeEach(async () => {
    news = new Pull()
    writer = new Push()
    await link(news, writer, any())
  })

  afterEach(async () => {
    await Promise.all([writer.close({ linger: 0 }), news.close()])
  })

  it("iterates several sockets, by name, fairly", async () => {
    for (let i = 0; i < 10; i++) await push.send(`job ${i}`)
    for (let i = 0; i < 3; i++) await writer.send(`news ${i}`)
    const got: string[] = []
    for await (const [name, message] of merge({ jobs: pull, news })) {
      got.push(`${name}: ${text(message)}`)
      if (got.length === 13) break
    }
    expect(got.slice(0, 6).filter((line) => line.startsWith("news"))).toHaveLength(3)
    expect(got.filter((line) => line.startsWith("jobs"))).toEqual(
      Array.from({ length: 10 }, (_, i) => `jobs: job ${i}`),
    )
  })

  it("waits for whichever comes", async () => {
    const iterator = merge({ jobs: pull, news })
    const first = iterator.next()
    expect(await waits(first)).toBe(true)
    await writer.send("flash")
    expect((await first).value).toMatchObject(["news", [Buffer.from("flash")]])
    const second = iterator.next()
    await push.send("job")
    expect((await second).value).toMatchObject(["jobs", [Buffer.from("job")]])
  })

  it("loses nothing on break, even while it waits", async () => {
    await push.send("1")
    await writer.send("2")
    await push.send("3")
    const got: string[] = []
    for await (const [, message] of merge({ jobs: pull, news })) {
      got.push(...text(message))
      break
    }
    expect(got).toEqual(["1"])
    expect(text(await news.receive())).toEqual(["2"])
    const iterator = merge({ jobs: pull, news })
    expect((await iterator.next()).value).toMatchObject(["jobs", [Buffer.from("3")]])
    await iterator.return()
    await push.send("4")
    await writer.send("5")
    expect(text(await pull.receive())).toEqual(["4"])
    expect(text(await news.receive())).toEqual(["5"])
    expect([pull.closed, news.closed]).toEqual([false, false])
  })

  it("ends when all its sockets are closed", async () => {
    const got: string[] = []
    const loop = (async () => {
      for await (const [name] of merge({ jobs: pull, news })) got.push(name)
    })()
    await turns()
    await pull.close()
    await writer.send("still")
    while (got.length === 0) await turns(1)
    await news.close()
    await loop
    expect(got).toEqual(["news"])
  })

  it("refuses what does not receive, at once", () => {
    expect(() => merge({ push: push as unknown as Pull })).toThrow(OptionError)
  })
})

describe("toReadableStream", () => {
  it("yields messages, and ends with the socket", async () => {
    await send("a", "b")
    const reader = pull.toReadableStream().getReader()
    expect(text((await reader.read()).value as Message)).toEqual(["a"])
    expect(text((await reader.read()).value as Message)).toEqual(["b"])
    const last = reader.read()
    await pull.close()
    expect((await last).done).toBe(true)
    await reader.closed
  })

  it("takes a message only when it is read", async () => {
    await send("a", "b")
    const stream = pull.toReadableStream()
    await turns()
    expect(pull.stats.queuedMessages).toBe(2)
    const reader = stream.getReader()
    await reader.read()
    await turns()
    expect(pull.stats.queuedMessages).toBe(1)
    await reader.cancel()
    expect(text(await pull.receive())).toEqual(["b"])
  })

  it("cancelled while it waits, it loses nothing and leaves the socket open", async () => {
    const reader = pull.toReadableStream().getReader()
    const waiting = reader.read()
    await turns()
    await reader.cancel()
    expect((await waiting).done).toBe(true)
    await send("a")
    expect(text(await pull.receive())).toEqual(["a"])
  })

  it("can be piped into a writable stream, with back-pressure from end to end", async () => {
    await using far = new Pull({ receiveHighWaterMark: 2 })
    await using relay = new Push({ sendHighWaterMark: 2, linger: 0 })
    await link(far, relay, any())
    const aborter = new AbortController()
    const piping = pull
      .toReadableStream()
      .pipeTo(relay.toWritableStream(), { signal: aborter.signal })
      .catch((error: Error) => error.name)
    for (let i = 0; i < 20; i++) await push.send(`${i}`)
    await turns()
    // Two here, two there, one or two on the way between the streams: the rest has not been taken.
    expect(pull.stats.queuedMessages).toBeGreaterThanOrEqual(14)
    expect(await takeText(far, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    aborter.abort()
    expect(await piping).toBe("AbortError")
  })
})
