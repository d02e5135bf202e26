// Questions and answers with theirs: many in flight, lost peers, envelopes, order, and who is known by which name.

import { Dealer, Reply, Request, Router } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { frames, Meeting, once } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

/** Answers with "re" and the question, until the socket is closed. */
async function answer(reply: zmq.Reply): Promise<void> {
  for await (const question of reply) await reply.send(["re", ...question])
}

/** Returns every message to whoever sent it, whatever its envelope. */
async function mirror(router: zmq.Router): Promise<void> {
  for await (const message of router) await router.send(message)
}

/** Asks so many questions at once, and tells how many got the answer to their own. */
async function askMany(
  ours: Request,
  count: number,
  own: (answer: Buffer[], i: number) => boolean,
  options?: Parameters<Request["request"]>[1],
): Promise<number> {
  const answers = await Promise.all(Array.from({ length: count }, (_, i) => ours.request([`${i}`, ""], options)))
  return answers.filter(own).length
}

const echoed = (answer: Buffer[], i: number): boolean => answer.length === 2 && String(answer[0]) === `${i}`
const answered = (answer: Buffer[], i: number): boolean => answer.length === 3 && String(answer[1]) === `${i}`

describe("our Request", () => {
  it("REQREP-9: has hundreds in flight at their Reply, each answer for its own caller", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const theirs = meeting.theirs(new zmq.Reply())
    await meeting.join(theirs, ours)
    void answer(theirs)
    expect(await askMany(ours, 500, answered)).toBe(500)
    expect(ours.stats.dropped.unexpected).toBe(0)
  })

  it("REQREP-20: has hundreds in flight at their Router, which returns the envelope", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const theirs = meeting.theirs(new zmq.Router())
    await meeting.join(ours, theirs)
    void mirror(theirs)
    expect(await askMany(ours, 500, echoed)).toBe(500)
  })

  it("matches answers that come in another order than the questions", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const theirs = meeting.theirs(new zmq.Router())
    await meeting.join(theirs, ours)
    const asking = askMany(ours, 100, echoed)
    const questions: Buffer[][] = []
    while (questions.length < 100) questions.push(await theirs.receive())
    for (const question of questions.reverse()) await theirs.send(question)
    expect(await asking).toBe(100)
  })

  it("REQREP-2, REQREP-6: asks the other of two when one goes away with questions unanswered", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const staying = meeting.theirs(new zmq.Reply())
    const going = meeting.theirs(new zmq.Router())
    await meeting.join(ours, staying)
    await meeting.join(ours, going)
    void answer(staying)
    const asking = askMany(ours, 200, answered, { retries: 1 })
    // It takes its questions, and answers none of them.
    for (let i = 0; i < 50; i++) await going.receive()
    going.close()
    expect(await asking).toBe(200)
    expect(await ours.request("still there")).toEqual(frames("re", "still there"))
  })

  it("REQREP-6: without retries is told when the one it asked goes away", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const theirs = meeting.theirs(new zmq.Reply())
    await meeting.join(ours, theirs)
    const asking = ours.request("question")
    await theirs.receive()
    theirs.close()
    await expect(asking).rejects.toMatchObject({ code: "EHOSTUNREACH" })
  })

  it("REQREP-8: drops an answer that comes too late, and goes on", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request())
    const theirs = meeting.theirs(new zmq.Router())
    await meeting.join(ours, theirs)
    const given = new AbortController()
    const asking = ours.request("abandoned", { signal: given.signal })
    const late = await theirs.receive()
    given.abort()
    await expect(asking).rejects.toMatchObject({ code: "ABORT_ERR" })
    const next = ours.request("next")
    const question = await theirs.receive()
    await theirs.send(late)
    await theirs.send(question)
    expect(await next).toEqual(frames("next"))
    expect(ours.stats.dropped.unexpected).toBe(1)
  })

  it("REQREP-1: with correlate off sends no id, and has one question in flight at each of theirs", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request({ correlate: false }))
    const routers = [meeting.theirs(new zmq.Router()), meeting.theirs(new zmq.Router())] as const
    for (const router of routers) await meeting.join(ours, router)
    const asking = askMany(ours, 20, echoed)
    for (let i = 0; i < 10; i++) {
      // Both have exactly one question, though all were asked at once.
      const held = await Promise.all(routers.map((router) => router.receive()))
      for (const [at, question] of held.entries()) {
        expect(question.map((frame) => frame.length > 0)).toEqual([true, false, true, false])
        expect(ours.peers[at]?.stats.messagesSent).toBe(i + 1)
      }
      await Promise.all(routers.map((router, at) => router.send(held[at] as Buffer[])))
    }
    expect(await asking).toBe(20)
  })

  it("REQREP-10: with correlate off is answered by their Reply in the order of the questions", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Request({ correlate: false }))
    const theirs = meeting.theirs(new zmq.Reply())
    await meeting.join(theirs, ours)
    void answer(theirs)
    expect(await askMany(ours, 100, answered)).toBe(100)
  })
})

describe("our Reply", () => {
  it("REQREP-15: serves their Dealer in order though handlers finish out of order", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Reply())
    const theirs = meeting.theirs(new zmq.Dealer())
    await meeting.join(ours, theirs)
    const waiting: (() => void)[] = []
    const ending = new AbortController()
    const serving = ours.serve(
      async ([question]) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return `re ${question}`
      },
      { concurrency: 10, signal: ending.signal },
    )
    for (let i = 0; i < 100; i++) await theirs.send(["", String(i)])
    let served = 0
    for (let i = 0; i < 100; i++) {
      const receiving = theirs.receive()
      let arrived = false
      void receiving.then(() => {
        arrived = true
      })
      // The newest first.
      while (!arrived) {
        const finish = waiting.pop()
        if (finish !== undefined) served++
        finish?.()
        await turns(1)
      }
      expect(await receiving).toEqual(frames("", `re ${i}`))
    }
    expect(served).toBe(100)
    ending.abort()
    await serving
  })

  it("REQREP-13, REQREP-16: serves many of their Requests at once, each its own answer", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Reply())
    const endpoint = await meeting.bind(ours)
    const theirs = Array.from({ length: 20 }, () => meeting.theirs(new zmq.Request()))
    for (const request of theirs) request.connect(endpoint)
    let running = 0
    let most = 0
    const ending = new AbortController()
    const serving = ours.serve(
      async ([question]) => {
        most = Math.max(most, ++running)
        await turns(1)
        running--
        return `re ${question}`
      },
      { concurrency: 5, signal: ending.signal },
    )
    await Promise.all(
      theirs.map(async (request, who) => {
        for (let i = 0; i < 10; i++) {
          await request.send(`${who}.${i}`)
          expect(await request.receive()).toEqual(frames(`re ${who}.${i}`))
        }
      }),
    )
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(5)
    ending.abort()
    await serving
  })

  it("REQREP-17, REQREP-19: goes on when the asker has gone, or sent no delimiter", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Reply())
    const going = meeting.theirs(new zmq.Request())
    const endpoint = await meeting.join(ours, going)
    await going.send("question")
    expect(await ours.receive()).toEqual(frames("question"))
    const left = ours.events.once("peer:leave")
    going.close()
    await left
    await ours.send("to nobody")
    expect(ours.stats.dropped.unroutable).toBe(1)
    const dealer = meeting.theirs(new zmq.Dealer())
    dealer.connect(endpoint)
    await dealer.send(["no", "delimiter"])
    await dealer.send(["id", "", "question"])
    expect(await ours.receive()).toEqual(frames("question"))
    await ours.send("answer")
    expect(await dealer.receive()).toEqual(frames("id", "", "answer"))
    expect(ours.stats.dropped.unexpected).toBe(1)
  })
})

describe("routing ids", () => {
  it.each(["ours", "theirs"])("REQREP-32, REQREP-30: %s is a Router and knows the other by its name", async (side) => {
    await using meeting = new Meeting()
    const router = side === "ours" ? meeting.ours(new Router()) : meeting.theirs(new zmq.Router())
    const named =
      side === "ours"
        ? [meeting.theirs(new zmq.Dealer({ routingId: "Ann" })), meeting.theirs(new zmq.Dealer({ routingId: "Bob" }))]
        : [meeting.ours(new Dealer({ routingId: "Ann" })), meeting.ours(new Dealer({ routingId: "Bob" }))]
    for (const dealer of named) {
      await meeting.join(router, dealer)
      await dealer.send("here")
      await router.receive()
    }
    await router.send(["Bob", "for Bob"])
    await router.send(["Ann", "for Ann"])
    await router.send(["Nobody", "for nobody"])
    expect(await Promise.all(named.map((dealer) => dealer.receive()))).toEqual([frames("for Ann"), frames("for Bob")])
  })

  it("REQREP-33: gives their nameless ones five octets of its own, and lets it name whom it connects to", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Router({ mandatory: true }))
    const nameless = meeting.theirs(new zmq.Dealer())
    await meeting.join(ours, nameless)
    await nameless.send("here")
    const [id] = await ours.receive()
    expect([id?.length, id?.[0]]).toEqual([5, 0])
    await expect(ours.send(["unknown", "x"])).rejects.toMatchObject({ code: "EHOSTUNREACH" })
    const theirs = meeting.theirs(new zmq.Dealer({ routingId: "its own name" }))
    ours.connect(await meeting.bind(theirs), { routingId: "our name for it" })
    await ours.waitForPeers(2)
    await ours.send(["our name for it", "hello"])
    expect(await theirs.receive()).toEqual(frames("hello"))
    await theirs.send("from it")
    expect(await ours.receive()).toEqual(frames("our name for it", "from it"))
  })

  it("REQREP-43: a probe of either is an empty message at the other's Router", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Router({ routingId: "ours", probeRouter: true }))
    const theirs = meeting.theirs(new zmq.Router({ routingId: "theirs", probeRouter: true }))
    const endpoint = await meeting.bind(theirs)
    ours.connect(endpoint)
    expect(await Promise.all([ours.receive(), theirs.receive()])).toEqual([frames("theirs", ""), frames("ours", "")])
    const dealer = meeting.theirs(new zmq.Dealer({ routingId: "dealer", probeRouter: true }))
    dealer.connect(await meeting.bind(ours))
    expect(await ours.receive()).toEqual(frames("dealer", ""))
  })

  it("REQREP-39, REQREP-41: refuses a second of theirs with the name of the first, and says so", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Router())
    const [first, second] = [0, 1].map(() => meeting.theirs(new zmq.Dealer({ routingId: "same" }))) as [
      zmq.Dealer,
      zmq.Dealer,
    ]
    const endpoint = await meeting.join(ours, first)
    const refused = ours.events.once("handshake:error")
    second.connect(endpoint)
    expect((await refused).error.message).toMatch(/routing id/)
    await ours.send(["same", "for the first"])
    expect(await first.receive()).toEqual(frames("for the first"))
    await first.send("from the first")
    expect(await ours.receive()).toEqual(frames("same", "from the first"))
  })

  it("REQREP-40: with handover a newcomer of theirs takes the name", async () => {
    await using meeting = new Meeting()
    const ours = meeting.ours(new Router({ handover: true }))
    const first = meeting.theirs(new zmq.Dealer({ routingId: "same", reconnectInterval: -1 }))
    const second = meeting.theirs(new zmq.Dealer({ routingId: "same" }))
    const endpoint = await meeting.join(ours, first)
    const gone = once(first, "disconnect")
    second.connect(endpoint)
    await gone
    await ours.send(["same", "for the second"])
    expect(await second.receive()).toEqual(frames("for the second"))
    expect(ours.peers).toHaveLength(1)
  })

  it("REQREP-40: a newcomer of ours takes the name at their Router with handover", async () => {
    await using meeting = new Meeting()
    const theirs = meeting.theirs(new zmq.Router({ handover: true }))
    const first = meeting.ours(new Dealer({ routingId: "same" }))
    const second = meeting.ours(new Dealer({ routingId: "same" }))
    const endpoint = await meeting.join(theirs, first)
    await first.send("from the first")
    expect(await theirs.receive()).toEqual(frames("same", "from the first"))
    second.connect(endpoint)
    await second.send("from the second")
    expect(await theirs.receive()).toEqual(frames("same", "from the second"))
    await theirs.send(["same", "for the second"])
    expect(await second.receive()).toEqual(frames("for the second"))
  })
})
