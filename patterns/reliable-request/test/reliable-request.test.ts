// Requests to servers that come, go, fall silent and talk nonsense, within one process.

import {
  AbortError,
  ClosedError,
  CodecError,
  Reply,
  Router,
  StateError,
  TimeoutError,
  UnreachableError,
} from "brokerless"
import { json } from "brokerless/codec"
import { ReliableRequest } from "brokerless/patterns/reliable-request"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { deferred } from "../../../test/support/deferred.ts"
import { Meeting } from "../../../test/support/meeting.ts"
import { waits } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()
const LONG = 60_000
const QUICK = { reconnectInterval: 10, reconnectMaxInterval: 50 }

/** A server that answers by its name, or never. */
async function server(meeting: Meeting, name: string, answers = true, endpoint = "tcp://127.0.0.1:*"): Promise<string> {
  const reply = meeting.ours(new Reply({ codec }))
  const bound = await reply.bind(endpoint)
  void reply.serve((question) => (answers ? `${question} by ${name}` : new Promise<string>(() => {})), {
    concurrency: 1000,
  })
  return bound
}

describe("failover", () => {
  it("asks one server, many questions at once", async () => {
    await using meeting = new Meeting()
    const endpoints = [await server(meeting, "a"), await server(meeting, "b")]
    await using requests = new ReliableRequest({ codec, endpoints, timeout: LONG })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => requests.request(`${i}`)))
    expect(new Set(answers.map((answer) => answer.split(" ").at(-1))).size).toBe(1)
    expect(answers.map((answer) => answer.split(" ")[0])).toEqual(Array.from({ length: 100 }, (_, i) => `${i}`))
    expect(requests.stats).toMatchObject({ requests: 100, answered: 100, asked: 100, retries: 0, pending: 0 })
  })

  it("asks again over a fresh connection, while answers over the old one still count", async () => {
    await using meeting = new Meeting()
    const router = meeting.ours(new Router())
    const endpoint = await router.bind("tcp://127.0.0.1:*")
    await using requests = new ReliableRequest({ endpoints: [endpoint], retries: 1 })
    const patient = requests.request("patient", { timeout: LONG })
    const first = await router.receiveFrom()
    const renewed = requests.events.once("renew")
    // A fresh connection takes as long as it takes; each attempt finds it made sooner or later.
    const hasty = requests.request("hasty", { timeout: 100, retries: 1000 })
    expect(await renewed).toMatchObject({ endpoint })
    let again = await router.receiveFrom()
    while (again.peer === first.peer) again = await router.receiveFrom()
    expect(String(again.message.at(-1))).toBe("hasty")
    let answered = false
    const done = hasty.then((answer) => {
      answered = true
      return answer
    })
    while (!answered) {
      await router.send([...again.message.slice(0, -1), "fresh"])
      const next = await Promise.race([router.receiveFrom(), done])
      if ("peer" in next) again = next
    }
    expect(String(await done)).toBe("fresh")
    await router.send([...first.message.slice(0, -1), "old"])
    expect(String(await patient)).toBe("old")
    await until(() => !router.peers.includes(first.peer), "the old connection is closed")
    expect(requests.stats.renewals).toBeGreaterThanOrEqual(1)
    expect(requests.stats).toMatchObject({ answered: 2, failed: 0 })
  })

  it("turns to the next server when one falls silent, and stays there", async () => {
    await using meeting = new Meeting()
    const endpoints = [await server(meeting, "silent", false), await server(meeting, "b")]
    await using requests = new ReliableRequest({ codec, endpoints, retries: 1000 })
    await until(() => requests.servers.every(({ up }) => up), "both are there")
    const turned = requests.events.once("failover")
    expect(await requests.request("1", { timeout: 100 })).toBe("1 by b")
    expect(await turned).toMatchObject({ from: endpoints[0], to: endpoints[1] })
    expect(await requests.request("2", { timeout: LONG })).toBe("2 by b")
    expect(requests.stats.failovers).toBeGreaterThanOrEqual(1)
    expect(requests.servers[0]?.endpoint).toBe(endpoints[1])
  })

  it("turns to the next server at once when one leaves", async () => {
    await using meeting = new Meeting()
    const leaver = meeting.ours(new Router())
    const endpoints = [await leaver.bind("tcp://127.0.0.1:*"), await server(meeting, "b")]
    await using requests = new ReliableRequest({ codec, endpoints, timeout: LONG })
    await until(() => requests.servers.every(({ up }) => up), "both are there")
    const answer = requests.request("1")
    await leaver.receive()
    await leaver.close()
    expect(await answer).toBe("1 by b")
  })

  it("does not wait for servers that are not there while another is", async () => {
    await using meeting = new Meeting()
    const endpoints = [await meeting.vacant("tcp"), await meeting.vacant("tcp"), await server(meeting, "c")]
    await using requests = new ReliableRequest({ codec, endpoints, timeout: LONG, retries: 0 })
    expect(await requests.request("1")).toBe("1 by c")
  })

  it("waits for the first server to come", async () => {
    await using meeting = new Meeting()
    const endpoint = await meeting.vacant("ipc")
    await using requests = new ReliableRequest({ codec, endpoints: [endpoint], timeout: LONG, socket: QUICK })
    const answer = requests.request("1")
    expect(await waits(answer)).toBe(true)
    await server(meeting, "late", true, endpoint)
    expect(await answer).toBe("1 by late")
  })

  it("gives up after so many attempts, and says how it ended", async () => {
    await using meeting = new Meeting()
    await using nobody = new ReliableRequest({ codec, endpoints: [await meeting.vacant("tcp")] })
    const failures: number[] = []
    nobody.events.on("failure", ({ attempt }) => failures.push(attempt))
    await expect(nobody.request("?", { timeout: 10, retries: 2 })).rejects.toThrow(UnreachableError)
    expect(failures).toEqual([0, 1, 2])
    await using silent = new ReliableRequest({ codec, endpoints: [await server(meeting, "silent", false)] })
    await until(() => silent.servers.every(({ up }) => up), "it is there")
    const giving = await silent.request("?", { timeout: 50, retries: 0 }).catch((error: unknown) => error)
    expect(giving).toBeInstanceOf(TimeoutError)
    expect(giving).toMatchObject({ message: "No answer in 1 attempt of 50 ms" })
    expect(silent.stats).toMatchObject({ failed: 1, asked: 1, retries: 0, renewals: 1, pending: 0 })
  })

  it("takes an answer that does not decode for none", async () => {
    await using meeting = new Meeting()
    const broken = meeting.ours(new Reply())
    const endpoints = [await broken.bind("tcp://127.0.0.1:*"), await server(meeting, "b")]
    void broken.serve(() => "{ no JSON")
    await using requests = new ReliableRequest({ codec, endpoints, timeout: LONG })
    await until(() => requests.servers.every(({ up }) => up), "both are there")
    expect(await requests.request("1")).toBe("1 by b")
    await using alone = new ReliableRequest({ codec, endpoints: endpoints.slice(0, 1), timeout: LONG })
    await expect(alone.request("1", { retries: 2 })).rejects.toThrow(CodecError)
    expect(alone.stats.asked).toBe(3)
  })

  it("asks servers of theirs", async () => {
    await using meeting = new Meeting()
    const reply = meeting.theirs(new zmq.Reply())
    const endpoint = await meeting.bind(reply)
    void (async () => {
      for await (const [question] of reply) await reply.send(JSON.stringify(`theirs: ${JSON.parse(String(question))}`))
    })()
    await using requests = new ReliableRequest({ codec, endpoints: [endpoint], timeout: LONG })
    for (let i = 0; i < 10; i++) expect(await requests.request(`${i}`)).toBe(`theirs: ${i}`)
  })
})

describe("shotgun", () => {
  it("asks all that are there, and the first answer wins", async () => {
    await using meeting = new Meeting()
    const broken = meeting.ours(new Reply())
    const endpoints = [
      await server(meeting, "silent", false),
      await broken.bind("tcp://127.0.0.1:*"),
      await meeting.vacant("tcp"),
      await server(meeting, "d"),
    ]
    void broken.serve(() => "{ no JSON")
    await using requests = new ReliableRequest({ codec, endpoints, strategy: "shotgun", timeout: LONG, retries: 0 })
    await until(() => requests.servers.filter(({ up }) => up).length === 3, "three are there")
    for (let i = 0; i < 20; i++) expect(await requests.request(`${i}`)).toBe(`${i} by d`)
    expect(requests.stats).toMatchObject({ asked: 60, answered: 20 })
  })

  it("fails when all have, and asks again if it may", async () => {
    await using meeting = new Meeting()
    const endpoints = [await server(meeting, "silent", false), await server(meeting, "mute", false)]
    await using requests = new ReliableRequest({ codec, endpoints, strategy: "shotgun" })
    await until(() => requests.servers.every(({ up }) => up), "both are there")
    await expect(requests.request("?", { timeout: 30, retries: 1 })).rejects.toThrow()
    expect(requests.stats.retries).toBe(1)
    expect(requests.stats.renewals).toBeGreaterThanOrEqual(2)
  })
})

describe.each(["failover", "shotgun"] as const)("whatever the strategy (%s), a request", (strategy) => {
  it("is given up by its signal", async () => {
    await using meeting = new Meeting()
    const endpoints = [await server(meeting, "silent", false), await meeting.vacant("tcp")]
    await using requests = new ReliableRequest({ codec, endpoints, strategy, timeout: LONG })
    const stop = new AbortController()
    const early = expect(requests.request("?", { signal: stop.signal })).rejects.toMatchObject({
      code: "ABORT_ERR",
      cause: new Error("enough"),
    })
    await until(() => requests.stats.asked === 1, "it is asked")
    stop.abort(new Error("enough"))
    await early
    await expect(requests.request("?", { signal: stop.signal })).rejects.toThrow(AbortError)
  })

  it("comes to its end when all is closed, or is given up when there is no time", async () => {
    await using meeting = new Meeting()
    const go = deferred<string>()
    const reply = meeting.ours(new Reply({ codec }))
    const endpoint = await reply.bind("tcp://127.0.0.1:*")
    void reply.serve(() => go.promise)
    const requests = new ReliableRequest({ codec, endpoints: [endpoint], strategy, timeout: LONG })
    const hurried = new ReliableRequest({ codec, endpoints: [endpoint], strategy, timeout: LONG })
    const answer = requests.request("?")
    const lost = expect(hurried.request("?")).rejects.toThrow(ClosedError)
    const closing = requests.close()
    await expect(requests.request("late")).rejects.toThrow(ClosedError)
    await hurried.close({ timeout: 0 })
    await lost
    go.resolve("yes")
    expect(await answer).toBe("yes")
    await closing
    expect(requests.closed).toBe(true)
  })
})

describe("bounds", () => {
  it("refuses more than maxPending", async () => {
    await using meeting = new Meeting()
    const endpoints = [await server(meeting, "silent", false)]
    const requests = new ReliableRequest({ codec, endpoints, timeout: LONG, maxPending: 2 })
    const lost = [1, 2].map((n) => expect(requests.request(`${n}`)).rejects.toThrow(ClosedError))
    await expect(requests.request("3")).rejects.toThrow(StateError)
    await requests.close({ timeout: 0 })
    await Promise.all(lost)
  })

  it("names options that it does not take", async () => {
    expect(() => new ReliableRequest({ codec } as never)).toThrow(/"endpoints" of a ReliableRequest/)
    expect(() => new ReliableRequest({ codec, endpoints: [] })).toThrow(/"endpoints"/)
    expect(() => new ReliableRequest({ codec, endpoints: ["tcp://a:1", "tcp://a:1"] })).toThrow(/no two/)
    expect(() => new ReliableRequest({ codec, endpoints: ["tcp://a:1", "nonsense"] })).toThrow(/nonsense/)
    expect(() => new ReliableRequest({ codec, endpoints: ["inproc://x"], strategy: "luck" as never })).toThrow(
      /shotgun/,
    )
    await using requests = new ReliableRequest({ codec, endpoints: ["inproc://nobody"] })
    await expect(requests.request("", { timeout: 0 })).rejects.toThrow(/timeout/)
    await expect(requests.request("", { retries: -1 })).rejects.toThrow(/retries/)
    await expect(requests.request(undefined as never)).rejects.toThrow(CodecError)
  })
})
