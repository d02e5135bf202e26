// Request.request(): many questions in flight, each answer to its own caller.

import {
  AbortError,
  ClosedError,
  CodecError,
  Dealer,
  MessageError,
  OptionError,
  Reply,
  Request,
  Router,
  StateError,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { describe, expect, it, vi } from "vitest"
import { json } from "../../support/json.ts"
import { join, link, receiveText, take, text, turns, untilPeers, waits } from "../../support/sockets.ts"
import { stopClock } from "../../support/stopped-clock.ts"
import { TRANSPORTS, transport } from "../../support/transports.ts"
import { until } from "../../support/until.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const
const { any, named } = transport("inproc")

/** The body of a request as a Router receives it: routing id, id, delimiter, body. */
const bodyOf = (message: readonly Buffer[]) => String(message.at(-1))

describe.each(TRANSPORTS)("request() over $name", ({ any: some, named: name }) => {
  it("has hundreds in flight, each answer to its own caller, in whatever order they come", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, some())
    const answers = Array.from({ length: 500 }, (_, i) => request.request(`${i}`))
    const asked = await take(router, 500)
    expect(asked.map(bodyOf)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`))
    for (const message of asked.reverse()) await router.send([...message.slice(0, -1), `answer ${bodyOf(message)}`])
    expect((await Promise.all(answers)).map(text)).toEqual(Array.from({ length: 500 }, (_, i) => [`answer ${i}`]))
    expect(Object.values(request.stats.dropped).every((count) => count === 0)).toBe(true)
  })

  it("is answered by any REP, several of them, as frames", async () => {
    await using request = new Request()
    const endpoint = await request.bind(some())
    const replies = [new Reply(), new Reply()]
    const served = [0, 0]
    const services: Promise<void>[] = []
    for (const [i, reply] of replies.entries()) {
      await join(reply, endpoint, request)
      services.push(
        reply.serve((question) => {
          served[i] = (served[i] as number) + 1
          return ["re", ...question]
        }),
      )
    }
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => request.request([`${i}`, "", "x"])))
    expect(answers.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => ["re", `${i}`, "", "x"]))
    expect(served).toEqual([50, 50])
    await Promise.all(replies.map((reply) => reply.close()))
    await Promise.all(services)
  })

  it("without retries rejects at once when the asked peer leaves", async () => {
    await using request = new Request(QUICK)
    await using reply = new Reply()
    await link(reply, request, some())
    const asked = request.request("x")
    await reply.receive()
    const outcome = expect(asked).rejects.toMatchObject({ name: "UnreachableError", code: "EHOSTUNREACH" })
    await reply.close()
    await outcome
  })

  it("with retries asks another when the asked peer leaves", async () => {
    await using request = new Request(QUICK)
    const endpoint = await request.bind(some())
    await using leaver = new Reply()
    await join(leaver, endpoint, request)
    const asked = Array.from({ length: 20 }, (_, i) => request.request(`${i}`, { retries: 1 }))
    await leaver.receive()
    await using stayer = new Reply()
    await join(stayer, endpoint, request)
    const service = stayer.serve(([question]) => `stayer ${question}`)
    await leaver.close()
    expect((await Promise.all(asked)).map(text)).toEqual(Array.from({ length: 20 }, (_, i) => [`stayer ${i}`]))
    await stayer.close()
    await service
  })

  it("waits for a server that is not there yet", async () => {
    const endpoint = await name()
    await using request = new Request(QUICK)
    request.connect(endpoint)
    const asked = request.request("early")
    expect(await waits(asked)).toBe(true)
    await using reply = new Reply()
    await reply.bind(endpoint)
    const service = reply.serve(() => "answer")
    expect(text(await asked)).toEqual(["answer"])
    await reply.close()
    await service
  })
})

describe("the time of request()", () => {
  it("is per attempt, and every attempt is a question of its own", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, any())
    const asked = request.request("x", { timeout: 5, retries: 2 })
    const outcome = expect(asked).rejects.toMatchObject({ name: "TimeoutError", code: "EAGAIN" })
    const attempts = await take(router, 3)
    expect(attempts.map(bodyOf)).toEqual(["x", "x", "x"])
    expect(new Set(attempts.map(([, id]) => id?.toString("hex"))).size).toBe(3)
    await outcome
  })

  it("an answer to an attempt that was given up is dropped and counted; the last one's counts", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, any())
    stopClock()
    const asked = request.request("x", { timeout: 20, retries: 1 })
    const first = await router.receive()
    vi.advanceTimersByTime(20)
    const second = await router.receive()
    await router.send([...first.slice(0, -1), "late"])
    await until(() => request.stats.dropped.unexpected === 1, "the late one is dropped")
    await router.send([...second.slice(0, -1), "in time"])
    expect(text(await asked)).toEqual(["in time"])
  })

  it("defaults to receiveTimeout", async () => {
    await using request = new Request({ receiveTimeout: 5 })
    await using router = new Router()
    await link(router, request, any())
    await expect(request.request("x")).rejects.toBeInstanceOf(TimeoutError)
  })

  it("0 fails at once", async () => {
    await using request = new Request({ linger: 0 })
    request.connect(await named())
    await expect(request.request("x", { timeout: 0 })).rejects.toBeInstanceOf(TimeoutError)
  })

  it("counts while it waits for room, too", async () => {
    await using request = new Request()
    await request.bind(any())
    await expect(request.request("x", { timeout: 5 })).rejects.toBeInstanceOf(TimeoutError)
    // It does not come back when somebody is there.
    await using router = new Router()
    const endpoint = await router.bind(any())
    await join(request, endpoint, router)
    await turns()
    expect(router.tryReceive()).toBeUndefined()
  })
})

describe("the signal of request()", () => {
  it("refuses what has been aborted already", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, any())
    await expect(request.request("x", { signal: AbortSignal.abort("why") })).rejects.toMatchObject({ cause: "why" })
    await turns()
    expect(router.tryReceive()).toBeUndefined()
  })

  it("bounds all attempts", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, any())
    const aborter = new AbortController()
    const asked = request.request("x", { timeout: 2, retries: Number.POSITIVE_INFINITY, signal: aborter.signal })
    const outcome = expect(asked).rejects.toBeInstanceOf(AbortError)
    await take(router, 3)
    aborter.abort()
    await outcome
    while (router.tryReceive() !== undefined);
    await turns(50)
    expect(router.tryReceive()).toBeUndefined()
  })

  it("ends a request that waits for a peer", async () => {
    await using request = new Request()
    await request.bind(any())
    const aborter = new AbortController()
    const outcome = expect(request.request("x", { signal: aborter.signal })).rejects.toBeInstanceOf(AbortError)
    await turns()
    aborter.abort()
    await outcome
  })

  it("frees the place of the request that it ends", async () => {
    await using request = new Request({ sendHighWaterMark: 1 })
    await using router = new Router()
    await link(router, request, any())
    const aborter = new AbortController()
    const outcome = expect(request.request("1", { signal: aborter.signal })).rejects.toBeInstanceOf(AbortError)
    const second = request.request("2")
    expect(await waits(second)).toBe(true)
    aborter.abort()
    await outcome
    const [, message] = await take(router, 2)
    expect(bodyOf(message as Buffer[])).toBe("2")
    await router.send(message as Buffer[])
    expect(text(await second)).toEqual(["2"])
  })
})

describe("request()", () => {
  it("is bounded by the send mark: the next waits for an answer", async () => {
    await using request = new Request({ sendHighWaterMark: 3 })
    await using router = new Router()
    await link(router, request, any())
    const asked = Array.from({ length: 5 }, (_, i) => request.request(`${i}`))
    const first = await take(router, 3)
    await turns()
    expect([router.tryReceive(), request.writable]).toEqual([undefined, false])
    for (const message of first) await router.send(message)
    for (const message of await take(router, 2)) await router.send(message)
    expect((await Promise.all(asked)).flatMap(text)).toEqual(["0", "1", "2", "3", "4"])
  })

  it("an answer nobody waits for is dropped and counted", async () => {
    await using request = new Request({ routingId: "R" })
    await using router = new Router()
    await link(router, request, any())
    await router.send(["R", Buffer.alloc(4), "", "unasked"])
    const asked = request.request("x")
    const message = await router.receive()
    await router.send(message)
    await router.send(message)
    expect(text(await asked)).toEqual(["x"])
    await turns()
    expect(request.stats.dropped.unexpected).toBe(2)
    expect(request.readable).toBe(false)
  })

  it("rejects when the socket is closed, whether sent or waiting", async () => {
    const request = new Request({ sendHighWaterMark: 1 })
    await using router = new Router()
    await link(router, request, any())
    const outcomes = ["sent", "waiting"].map((body) =>
      expect(request.request(body, { retries: 5 })).rejects.toBeInstanceOf(ClosedError),
    )
    await router.receive()
    await request.close({ linger: 0 })
    await Promise.all(outcomes)
    await expect(request.request("late")).rejects.toBeInstanceOf(ClosedError)
  })

  it.each([-1, 1.5, Number.NaN, "1"])("refuses %s retries", async (retries) => {
    await using request = new Request()
    await expect(request.request("x", { retries: retries as number })).rejects.toMatchObject({ option: "retries" })
  })

  it("refuses what is no message, and a timeout that is none", async () => {
    await using request = new Request()
    await expect(request.request(1 as never)).rejects.toBeInstanceOf(MessageError)
    await expect(request.request("x", { timeout: -5 })).rejects.toBeInstanceOf(OptionError)
  })

  it("an answer that does not decode rejects with CodecError, and is not asked again", async () => {
    await using request = new Request({ codec: json<number>() })
    await using router = new Router()
    await link(router, request, any())
    const asked = request.request(1, { retries: 3 })
    const message = await router.receive()
    expect(bodyOf(message)).toBe("1")
    await router.send([...message.slice(0, -1), "{"])
    await expect(asked).rejects.toBeInstanceOf(CodecError)
    const again = request.request(2)
    const second = await router.receive()
    expect(bodyOf(second)).toBe("2")
    await router.send([...second.slice(0, -1), "3"])
    expect(await again).toBe(3)
  })

  it("a value that cannot be encoded rejects, and nothing is sent", async () => {
    await using request = new Request({ codec: json<unknown>() })
    await using router = new Router()
    await link(router, request, any())
    await expect(request.request(() => {})).rejects.toBeInstanceOf(CodecError)
    await turns()
    expect(router.tryReceive()).toBeUndefined()
  })

  it("mixes with lock step, each getting its own answers", async () => {
    await using request = new Request()
    await using router = new Router()
    await link(router, request, any())
    const before = request.request("before")
    await request.send("lock step")
    const after = request.request("after")
    await expect(request.send("too early")).rejects.toBeInstanceOf(StateError)
    const asked = await take(router, 3)
    for (const message of asked.reverse()) await router.send([...message.slice(0, -1), `re ${bodyOf(message)}`])
    expect(await receiveText(request)).toEqual(["re lock step"])
    expect(text(await before)).toEqual(["re before"])
    expect(text(await after)).toEqual(["re after"])
  })

  it("balances by load over what is unanswered", async () => {
    await using request = new Request({ balance: "least-loaded" })
    const endpoint = await request.bind(any())
    await using busy = new Router()
    await using idle = new Router()
    await join(busy, endpoint, request)
    await join(idle, endpoint, request)
    const asked: Promise<unknown>[] = []
    const answer = async (message: Buffer[]) => idle.send(message)
    let atBusy = 0
    for (let i = 0; i < 20; i++) {
      asked.push(request.request(`${i}`).catch(() => "lost"))
      await turns(2)
      const message = idle.tryReceive()
      if (message !== undefined) await answer(message)
      if (busy.tryReceive() !== undefined) atBusy++
      await turns(2)
    }
    // The one that never answers is asked once or twice, while the other is busy.
    expect(atBusy).toBeLessThanOrEqual(2)
    expect(idle.stats.messagesReceived).toBe(20 - atBusy)
    await request.close({ linger: 0 })
    await Promise.all(asked)
  })
})

describe("request() with correlate: false", () => {
  it("carries no id, and has one in flight per peer", async () => {
    await using request = new Request({ correlate: false })
    const endpoint = await request.bind(any())
    await using one = new Router()
    await using two = new Router()
    await join(one, endpoint, request)
    await join(two, endpoint, request)
    const asked = Array.from({ length: 4 }, (_, i) => request.request(`${i}`))
    const first = [await one.receive(), await two.receive()]
    expect(first.map((message) => text(message).slice(1))).toEqual([
      ["", "0"],
      ["", "1"],
    ])
    await turns()
    expect([one.tryReceive(), two.tryReceive()]).toEqual([undefined, undefined])
    await two.send(first[1] as Buffer[])
    const third = await two.receive()
    expect(text(third).slice(1)).toEqual(["", "2"])
    await two.send(third)
    await two.send(await two.receive())
    await one.send(first[0] as Buffer[])
    expect((await Promise.all(asked)).flatMap(text)).toEqual(["0", "1", "2", "3"])
  })

  it("after a timeout the peer's late answer is not taken for the next question's", async () => {
    await using request = new Request({ correlate: false })
    await using router = new Router()
    await link(router, request, any())
    await expect(request.request("first", { timeout: 2 })).rejects.toBeInstanceOf(TimeoutError)
    const first = await router.receive()
    const second = request.request("second")
    await turns()
    // The peer still owes an answer, so it is not asked.
    expect(router.tryReceive()).toBeUndefined()
    await router.send([...first.slice(0, -1), "late"])
    const message = await router.receive()
    await router.send([...message.slice(0, -1), "in time"])
    expect(text(await second)).toEqual(["in time"])
    expect(request.stats.dropped.unexpected).toBe(1)
  })

  it("a peer that leaves without its answer rejects, and the next is asked", async () => {
    await using request = new Request({ correlate: false })
    const endpoint = await request.bind(any())
    await using leaver = new Dealer()
    leaver.connect(await named())
    await using router = new Router()
    await join(router, endpoint, request)
    const first = request.request("first")
    const second = request.request("second")
    await router.receive()
    const outcome = expect(first).rejects.toBeInstanceOf(UnreachableError)
    await router.close()
    await outcome
    await untilPeers(request, 0)
    await using other = new Router()
    await join(other, endpoint, request)
    await other.send(await other.receive())
    expect(text(await second)).toEqual(["second"])
    await leaver.close({ linger: 0 })
  })
})
