// Reply.serve(): handlers at work, and what becomes of their answers.

import { ClosedError, CodecError, Dealer, OptionError, Reply, Request, StateError } from "brokerless"
import { describe, expect, it } from "vitest"
import { json } from "../../support/json.ts"
import { join, link, receiveText, take, text, turns, untilPeers, waits } from "../../support/sockets.ts"
import { TRANSPORTS, transport } from "../../support/transports.ts"

const { any } = transport("inproc")

/** Something that happens once. */
function moment<T = void>() {
  let resolve!: (value: T) => void
  const reached = new Promise<T>((settle) => {
    resolve = settle
  })
  return { reached, resolve }
}

describe.each(TRANSPORTS)("serve() over $name", ({ any: some }) => {
  it("runs 100 handlers at once at concurrency 100, and all are answered", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, some())
    const all = moment()
    let running = 0
    const service = reply.serve(
      async ([question]) => {
        if (++running === 100) all.resolve()
        // Nobody is done before all are running.
        await all.reached
        return `re ${question}`
      },
      { concurrency: 100 },
    )
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => request.request(`${i}`)))
    expect(answers.map(text)).toEqual(Array.from({ length: 100 }, (_, i) => [`re ${i}`]))
    expect(running).toBe(100)
    await reply.close()
    await service
  })

  it("answers requests of one peer with equal envelopes in order; others overtake", async () => {
    await using reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, some())
    const first = moment()
    const service = reply.serve(
      async ([question]) => {
        if (String(question) === "slow") await first.reached
        return question as Buffer
      },
      { concurrency: 10 },
    )
    await dealer.send(["lane", "", "slow"])
    await dealer.send(["lane", "", "quick"])
    await dealer.send(["other lane", "", "overtakes"])
    expect(await receiveText(dealer)).toEqual(["other lane", "", "overtakes"])
    await turns()
    expect(dealer.tryReceive()).toBeUndefined()
    first.resolve()
    expect((await take(dealer, 2)).map(text)).toEqual([
      ["lane", "", "slow"],
      ["lane", "", "quick"],
    ])
    await reply.close()
    await service
  })

  it("aborts the signal of a handler whose asker leaves, and drops its answer, counted", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, some())
    const started = moment()
    const told = moment<unknown>()
    const service = reply.serve(async (_question, { signal, peer }) => {
      started.resolve()
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      told.resolve(peer)
      return "nobody waits"
    })
    const asked = expect(request.request("x")).rejects.toBeInstanceOf(ClosedError)
    await started.reached
    const [peer] = reply.peers
    await request.close()
    await asked
    expect(await told.reached).toBe(peer)
    while (reply.stats.dropped.unroutable === 0) await turns(1)
    await reply.close()
    await service
  })
})

describe("serve()", () => {
  it("runs one at a time by default", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    let running = 0
    let most = 0
    const service = reply.serve(async () => {
      most = Math.max(most, ++running)
      await turns(2)
      running--
      return null
    })
    await Promise.all(Array.from({ length: 10 }, () => request.request("x")))
    expect(most).toBe(1)
    await reply.close()
    await service
  })

  it("takes no more than concurrency allows; the rest waits in the queue", async () => {
    await using reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    const go = moment()
    let running = 0
    const service = reply.serve(
      async () => {
        running++
        await go.reached
        return null
      },
      { concurrency: 3 },
    )
    for (let i = 0; i < 10; i++) await dealer.send([`${i}`, "", "x"])
    await turns()
    expect([running, reply.stats.queuedMessages]).toEqual([3, 7])
    go.resolve()
    await take(dealer, 10)
    await reply.close()
    await service
  })

  it("a handler may answer at once", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    const service = reply.serve(([question], { peer }) => [question as Buffer, peer.socketType])
    expect(text(await request.request("x"))).toEqual(["x", "REQ"])
    await reply.close()
    await service
  })

  it.each([
    [
      "throws",
      () => {
        throw new Error("broken")
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("broken")
      },
    ],
    ["returns what is no message", () => 5 as never],
  ])("a handler that %s answers nobody, is counted and announced, and the service goes on", async (_how, broken) => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    const told = reply.events.once("message:invalid")
    const service = reply.serve(([question]): string | Promise<string> =>
      String(question) === "bad" ? broken() : "fine",
    )
    const aborter = new AbortController()
    const bad = expect(request.request("bad", { signal: aborter.signal })).rejects.toMatchObject({ code: "ABORT_ERR" })
    expect(text(await request.request("good"))).toEqual(["fine"])
    expect(await told).toMatchObject({ error: expect.any(Error), count: 1, peer: reply.peers[0] })
    expect(reply.stats.invalid).toBe(1)
    aborter.abort()
    await bad
    await reply.close()
    await service
  })

  it("onError is given the error and the request, and may return the answer, now or later", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    const service = reply.serve(
      ([question]) => {
        throw new Error(`no ${question}`)
      },
      {
        onError: (error, asked) => {
          const answer = ["sorry", (error as Error).message, ...(asked as Buffer[])]
          return String(asked?.[0]) === "now" ? answer : Promise.resolve(answer)
        },
      },
    )
    expect(text(await request.request("now"))).toEqual(["sorry", "no now", "now"])
    expect(text(await request.request("later"))).toEqual(["sorry", "no later", "later"])
    expect(reply.stats.invalid).toBe(2)
    await reply.close()
    await service
  })

  it.each([
    ["nothing", () => undefined],
    ["what is no message", () => 5 as never],
    ["a promise that rejects", () => Promise.reject(new Error("again"))],
    [
      "never, it throws",
      () => {
        throw new Error("again")
      },
    ],
  ])("when onError returns %s, nobody is answered and the service goes on", async (_what, onError) => {
    await using reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    const service = reply.serve(
      ([question]) => {
        if (String(question) === "bad") throw new Error("broken")
        return question as Buffer
      },
      { onError },
    )
    await dealer.send(["", "bad"])
    await dealer.send(["", "good"])
    expect(await receiveText(dealer)).toEqual(["", "good"])
    await reply.close()
    await service
  })

  it("a request that does not decode goes to onError without it", async () => {
    await using reply = new Reply({ codec: json<number>() })
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    const seen: unknown[][] = []
    const service = reply.serve((n) => n + 1, {
      onError: (...args) => {
        seen.push(args)
        return -1
      },
    })
    await dealer.send(["", "{"])
    await dealer.send(["", "1"])
    await dealer.send(["", "1", "2"])
    expect((await take(dealer, 3)).map(text)).toEqual([
      ["", "-1"],
      ["", "2"],
      ["", "-1"],
    ])
    expect(seen).toEqual([[expect.any(CodecError)], [expect.any(CodecError)]])
    await reply.close()
    await service
  })

  it("on abort finishes what runs, answers it, resolves, and leaves the socket to others", async () => {
    await using reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    const aborter = new AbortController()
    const go = moment()
    const started = moment()
    const service = reply.serve(
      async ([question]) => {
        started.resolve()
        await go.reached
        return question as Buffer
      },
      { signal: aborter.signal },
    )
    await dealer.send(["", "runs"])
    await dealer.send(["", "waits"])
    await started.reached
    aborter.abort()
    expect(await waits(service)).toBe(true)
    go.resolve()
    await service
    expect(await receiveText(dealer)).toEqual(["", "runs"])
    // What was not taken is there for whoever receives next.
    expect(await receiveText(reply)).toEqual(["waits"])
    await reply.send("lock step")
    expect(await receiveText(dealer)).toEqual(["", "lock step"])
  })

  it("aborted in the very turn in which a request comes, it loses none", async () => {
    await using reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    for (let i = 0; i < 10; i++) {
      const aborter = new AbortController()
      const service = reply.serve(([question]) => `served ${question}`, { signal: aborter.signal })
      await turns(1)
      await dealer.send(["", `${i}`])
      aborter.abort()
      await service
      const answer = dealer.tryReceive()
      if (answer === undefined) {
        expect(await receiveText(reply)).toEqual([`${i}`])
        await reply.send("x")
        await dealer.receive()
      } else {
        expect(text(answer)).toEqual(["", `served ${i}`])
      }
    }
  })

  it("with a signal that was aborted before, takes nothing", async () => {
    await using reply = new Reply()
    await expect(reply.serve(() => null, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORT_ERR" })
    const service = reply.serve(() => null)
    await reply.close()
    await service
  })

  it("excludes send, receive, iteration and a second serve, until it has ended", async () => {
    await using reply = new Reply()
    const aborter = new AbortController()
    const service = reply.serve(() => null, { signal: aborter.signal })
    await expect(reply.receive()).rejects.toBeInstanceOf(StateError)
    await expect(reply.send("x")).rejects.toBeInstanceOf(StateError)
    expect(() => reply.tryReceive()).toThrow(StateError)
    expect(() => reply.trySend("x")).toThrow(StateError)
    await expect(reply[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(StateError)
    await expect(reply.serve(() => null)).rejects.toMatchObject({ code: "EFSM" })
    aborter.abort()
    await service
    expect(reply.tryReceive()).toBeUndefined()
  })

  it("is refused while an answer is owed", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    await request.send("x")
    await reply.receive()
    await expect(reply.serve(() => null)).rejects.toBeInstanceOf(StateError)
    await reply.send("y")
    expect(await receiveText(request)).toEqual(["y"])
  })

  it.each([
    ["a handler that is none", 5, {}],
    ["no concurrency", () => null, { concurrency: 0 }],
    ["half a handler", () => null, { concurrency: 1.5 }],
    ["an onError that is none", () => null, { onError: "x" }],
    ["a signal that is none", () => null, { signal: "x" }],
  ])("refuses %s, and nothing has changed", async (_what, handler, options) => {
    await using reply = new Reply()
    await expect(reply.serve(handler as never, options as never)).rejects.toBeInstanceOf(OptionError)
    expect(reply.tryReceive()).toBeUndefined()
  })

  it("ends with the socket; a running handler's signal is aborted", async () => {
    const reply = new Reply()
    await using request = new Request()
    await link(reply, request, any())
    const started = moment()
    const service = reply.serve(async (_question, { signal }) => {
      started.resolve()
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      return null
    })
    const asked = request.request("x").catch((error: Error) => error.name)
    await started.reached
    await reply.close()
    await service
    expect(await asked).toBe("UnreachableError")
    await expect(reply.serve(() => null)).rejects.toBeInstanceOf(ClosedError)
  })

  it("drain answers what runs and what waits, then closes", async () => {
    const reply = new Reply()
    await using dealer = new Dealer()
    await link(reply, dealer, any())
    const go = moment()
    const service = reply.serve(
      async ([question]) => {
        await go.reached
        return question as Buffer
      },
      { concurrency: 2 },
    )
    for (let i = 0; i < 5; i++) await dealer.send([`${i}`, "", `${i}`])
    await turns()
    const drained = reply.drain()
    // What comes now is too late.
    await dealer.send(["late", "", "late"])
    expect(await waits(drained)).toBe(true)
    go.resolve()
    expect((await take(dealer, 5)).map(text)).toEqual(Array.from({ length: 5 }, (_, i) => [`${i}`, "", `${i}`]))
    await drained
    await service
    expect(reply.closed).toBe(true)
    await untilPeers(dealer, 0)
    expect(dealer.tryReceive()).toBeUndefined()
    await dealer.close({ linger: 0 })
  })

  it("an answer that finds no room waits for it, and counts as running", async () => {
    await using reply = new Reply({ sendHighWaterMark: 1 })
    const endpoint = await reply.bind(any())
    await using slow = new Dealer({ receiveHighWaterMark: 1 })
    await using quick = new Dealer()
    await join(slow, endpoint, reply)
    await join(quick, endpoint, reply)
    let handled = 0
    const service = reply.serve(
      ([question]) => {
        handled++
        return question as Buffer
      },
      { concurrency: 2 },
    )
    for (let i = 0; i < 6; i++) await slow.send(["", `${i}`])
    await turns()
    // Two answers in the queues, two that wait for room.
    expect(handled).toBe(4)
    expect((await take(slow, 6)).map(text)).toEqual(Array.from({ length: 6 }, (_, i) => ["", `${i}`]))
    await quick.send(["", "x"])
    expect(await receiveText(quick)).toEqual(["", "x"])
    expect(Object.values(reply.stats.dropped).every((count) => count === 0)).toBe(true)
    await reply.close()
    await service
  })

  it("an answer that finds no room within sendTimeout is dropped and counted, and the service goes on", async () => {
    await using reply = new Reply({ sendHighWaterMark: 1, sendTimeout: 1 })
    await using dealer = new Dealer({ receiveHighWaterMark: 1 })
    await link(reply, dealer, any())
    const service = reply.serve(([question]) => question as Buffer)
    for (let i = 0; i < 4; i++) await dealer.send(["", `${i}`])
    while (reply.stats.dropped["high-water-mark"] < 2) await new Promise((resolve) => setImmediate(resolve))
    expect((await take(dealer, 2)).map(text)).toEqual([
      ["", "0"],
      ["", "1"],
    ])
    await dealer.send(["", "again"])
    expect(await receiveText(dealer)).toEqual(["", "again"])
    await reply.close()
    await service
  })

  it("each answer that finds no room in time is counted once, however many wait behind it", async () => {
    await using reply = new Reply({ sendHighWaterMark: 1, sendTimeout: 1 })
    await using dealer = new Dealer({ receiveHighWaterMark: 1 })
    await link(reply, dealer, any())
    const service = reply.serve(([question]) => question as Buffer, { concurrency: 3 })
    for (let i = 0; i < 8; i++) await dealer.send(["", `${i}`])
    while (reply.stats.dropped["high-water-mark"] < 6) await new Promise((resolve) => setImmediate(resolve))
    expect((await take(dealer, 2)).map(text)).toEqual([
      ["", "0"],
      ["", "1"],
    ])
    await dealer.send(["", "again"])
    expect(await receiveText(dealer)).toEqual(["", "again"])
    expect(reply.stats.dropped["high-water-mark"]).toBe(6)
    await reply.close()
    await service
  })
})
