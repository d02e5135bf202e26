// The Freelance protocol between ours and ours, and with peers written by hand from RFC 10.

import { AbortError, ClosedError, Dealer, StateError, UnreachableError } from "brokerless"
import { json } from "brokerless/codec"
import { FreelanceClient, FreelanceServer } from "brokerless/patterns/reliable-request"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { deferred } from "../../../test/support/deferred.ts"
import { frames, Meeting } from "../../../test/support/meeting.ts"
import { turns } from "../../../test/support/sockets.ts"
import { slowIntervals } from "../../../test/support/stopped-clock.ts"
import { until } from "../../../test/support/until.ts"

const codec = json<string>()
const ANY = "tcp://127.0.0.1:*"
const LONG = 60_000

describe.each([ANY, "ipc://*"])("client and server over %s", (endpoint) => {
  it("talk, and the server is known by its endpoint", async () => {
    await using server = await FreelanceServer.listen(endpoint, (question: string) => `re ${question}`, { codec })
    await using client = new FreelanceClient({ codec, timeout: LONG })
    expect(server.endpoints).toEqual([server.identity])
    client.connect(server.identity)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => client.request(`${i}`)))
    expect(answers).toEqual(Array.from({ length: 50 }, (_, i) => `re ${i}`))
    expect(client.servers).toEqual([{ endpoint: server.identity, alive: true }])
    expect(client.stats).toMatchObject({ answered: 50, pongs: 1, late: 0 })
    expect(server.stats).toMatchObject({ requests: 50, answered: 50, pings: 1 })
  })
})

describe("a client", () => {
  it("asks another server when one does not answer, or leaves", async () => {
    await using mute = await FreelanceServer.listen(ANY, () => new Promise<string>(() => {}), { codec })
    await using other = await FreelanceServer.listen(ANY, (question: string) => `other ${question}`, { codec })
    await using client = new FreelanceClient({ codec })
    client.connect(mute.identity)
    await until(() => client.stats.servers === 1, "the first is alive")
    client.connect(other.identity)
    await until(() => client.stats.servers === 2, "both are alive")
    expect(await client.request("1", { timeout: 100, retries: 1000 })).toBe("other 1")
    await other.close()
    const before = mute.stats.requests
    const hanging = expect(client.request("2", { timeout: LONG, retries: 0 })).rejects.toThrow(UnreachableError)
    await until(() => mute.stats.requests > before, "it is asked")
    const down = client.events.once("down")
    await mute.close({ timeout: 0 })
    expect(await down).toMatchObject({ endpoint: mute.identity })
    await hanging
  })

  it("takes a server that is silent for too long for dead, and for alive when it is heard again", async () => {
    await using meeting = new Meeting()
    const server = meeting.theirs(new zmq.Router())
    const endpoint = await meeting.vacant("tcp")
    server.routingId = endpoint
    await server.bind(endpoint)
    await using client = new FreelanceClient({ codec, pingInterval: 10, serverTimeout: 100 })
    client.connect(endpoint)
    const [id, ping] = (await server.receive()) as Buffer[]
    expect(String(ping)).toBe("PING")
    const [up, down] = [client.events.once("up"), client.events.once("down")]
    await server.send([id!, "PONG"])
    await up
    await down
    await expect(client.request("?", { timeout: 20, retries: 0 })).rejects.toThrow(/alive/)
    const again = client.events.once("up")
    await server.send([id!, "PONG"])
    await again
    await until(() => client.stats.pings > 2, "it goes on asking")
    await client.close({ timeout: 0 })
  })

  it("does not take a server for silent before it has read what came while it stood still", async () => {
    const fire = slowIntervals()
    await using server = await FreelanceServer.listen(ANY, (question: string) => `re ${question}`, { codec })
    await using client = new FreelanceClient({ codec, pingInterval: 1000, serverTimeout: 4000 })
    client.connect(server.identity)
    await until(() => client.stats.servers === 1, "it is alive")
    let downs = 0
    client.events.on("down", () => downs++)
    fire(6000)
    fire(1400)
    await turns(50)
    expect(await client.request("?")).toBe("re ?")
    expect(downs).toBe(0)
  })

  it("takes only the answer of whom it asked, once, and counts the others", async () => {
    await using meeting = new Meeting()
    const [one, two] = [meeting.theirs(new zmq.Router()), meeting.theirs(new zmq.Router())]
    await using client = new FreelanceClient({ timeout: LONG })
    for (const server of [one, two]) {
      const endpoint = await meeting.vacant("tcp")
      server.routingId = endpoint
      await server.bind(endpoint)
      const up = client.events.once("up")
      client.connect(endpoint)
      const [id] = (await server.receive()) as Buffer[]
      await server.send([id!, "PONG"])
      await up
    }
    const answer = client.request(["question", ""])
    const [id, control, ...body] = (await one.receive()) as Buffer[]
    expect(body).toEqual(frames("question", ""))
    await two.send([id!, control!, "I was not asked"]).catch(() => {})
    await one.send([id!, "no such number", "x"])
    await one.send([id!, control!, "yes", ""])
    await one.send([id!, control!, "and again"])
    expect(await answer).toEqual(frames("yes", ""))
    await until(() => client.stats.late >= 2, "the others are counted")
    expect(client.stats.answered).toBe(1)
  })

  it("gives up by signal, and by the close", async () => {
    const server = await FreelanceServer.listen(ANY, () => new Promise<string>(() => {}), { codec })
    const client = new FreelanceClient({ codec, timeout: LONG, maxPending: 2 })
    client.connect(server.identity)
    const stop = new AbortController()
    const aborted = expect(client.request("1", { signal: stop.signal })).rejects.toThrow(AbortError)
    const closed = expect(client.request("2")).rejects.toThrow(ClosedError)
    await expect(client.request("3")).rejects.toThrow(StateError)
    stop.abort()
    await aborted
    await client.close({ timeout: 0 })
    await closed
    await server.close({ timeout: 0 })
  })
})

describe("a server", () => {
  it("answers peers written by hand, with sockets of theirs: PING by PONG, requests by their control", async () => {
    await using meeting = new Meeting()
    const go = deferred<void>()
    await using server = await FreelanceServer.listen(ANY, async ([question]) => {
      if (String(question) === "slow") await go.promise
      return ["OK", question as Buffer]
    })
    const client = meeting.theirs(new zmq.Router())
    client.mandatory = true
    client.connect(server.identity)
    // A Router can address its peer as soon as that has told its name.
    for (let sent = false; !sent; ) {
      sent = await client.send([server.identity, "PING"]).then(
        () => true,
        () => false,
      )
    }
    expect(await client.receive()).toEqual(frames(server.identity, "PONG"))
    await client.send([server.identity, "1", "slow"])
    await until(() => server.stats.running === 1, "it works")
    // Who works is alive all the same.
    await client.send([server.identity, "PING"])
    expect(await client.receive()).toEqual(frames(server.identity, "PONG"))
    go.resolve()
    expect(await client.receive()).toEqual(frames(server.identity, "1", "OK", "slow"))
  })

  it("has the name it is given", async () => {
    await using server = await FreelanceServer.listen(ANY, (question: string) => question, {
      codec,
      identity: "tcp://api:1",
    })
    await using meeting = new Meeting()
    const client = meeting.theirs(new zmq.Router())
    client.mandatory = true
    client.connect(server.endpoints[0] as string)
    for (let sent = false; !sent; ) {
      sent = await client.send(["tcp://api:1", "PING"]).then(
        () => true,
        () => false,
      )
    }
    expect(await client.receive()).toEqual(frames("tcp://api:1", "PONG"))
  })

  it("drops what is too much, and tells", async () => {
    await using meeting = new Meeting()
    const go = deferred<string>()
    await using server = await FreelanceServer.listen(ANY, () => go.promise, { codec, maxWaiting: 2 })
    const dealer = meeting.ours(new Dealer())
    dealer.connect(server.identity)
    const refused = server.events.once("refuse")
    for (let i = 0; i < 5; i++) await dealer.send([`${i}`, '"?"'])
    await refused
    await until(() => server.stats.refused === 2, "two are dropped")
    go.resolve("done")
    for (const control of ["0", "1", "2"]) expect(String((await dealer.receive())[0])).toBe(control)
  })

  it("survives whatever comes, and a handler that fails", async () => {
    await using meeting = new Meeting()
    await using server = await FreelanceServer.listen(
      ANY,
      (question: string) => {
        if (question !== "well") throw new Error("no")
        return question
      },
      { codec, concurrency: 4 },
    )
    await using client = new FreelanceClient({ codec, timeout: LONG })
    client.connect(server.identity)
    const dealer = meeting.ours(new Dealer())
    dealer.connect(server.identity)
    const octets = fc.uint8Array({ maxLength: 10 }).map((each) => Buffer.from(each))
    const frame = fc.oneof(octets, fc.constantFrom(Buffer.from("PING"), Buffer.from('"x"'), Buffer.from("1")))
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 5 }), async (message) => {
        const { requests, pings, invalid } = server.stats
        await dealer.send(message)
        await until(() => {
          const now = server.stats
          return now.requests + now.pings + now.invalid > requests + pings + invalid
        }, "it is noticed")
        expect(await client.request("well")).toBe("well")
      }),
      { numRuns: 100 },
    )
  })

  it("finishes what it works on when it is closed", async () => {
    const go = deferred<string>()
    const server = await FreelanceServer.listen(ANY, () => go.promise, { codec })
    await using client = new FreelanceClient({ codec, timeout: LONG, retries: 0 })
    client.connect(server.identity)
    const answer = client.request("?")
    await until(() => server.stats.running === 1, "it works")
    const closing = server.close()
    go.resolve("done")
    expect(await answer).toBe("done")
    await closing
  })

  it("names what it does not take", async () => {
    await expect(FreelanceServer.listen(ANY, "no function" as never)).rejects.toThrow(/function/)
    await expect(FreelanceServer.listen(ANY, () => "", { codec, identity: "" })).rejects.toThrow(/"identity"/)
    await expect(FreelanceServer.listen("nonsense", () => "", { codec })).rejects.toThrow(/nonsense/)
    expect(() => new FreelanceClient({ codec, pingInterval: 0 })).toThrow(/"pingInterval"/)
  })
})
