// Devices within one process: what passes, over which transports, and how it ends.

import { AbortError, Publisher, Pull, Push, Reply, Request, Subscriber, XPublisher } from "brokerless"
import { type Device, forwarder, queue, streamer } from "brokerless/patterns/proxy"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { deferred } from "../../../test/support/deferred.ts"
import { frames, Meeting } from "../../../test/support/meeting.ts"
import { receiveText, takeText, turns } from "../../../test/support/sockets.ts"
import { until } from "../../../test/support/until.ts"

const ANY = "tcp://127.0.0.1:*"

function first(endpoints: readonly string[]): string {
  return endpoints[0] as string
}

describe("a streamer", () => {
  it("bridges transports: whatever comes in over tcp, ipc or inproc goes out over any of them", async () => {
    await using meeting = new Meeting()
    const name = `inproc://streamer-${Math.random()}`
    await using device = await streamer({ frontend: { bind: [ANY, "ipc://*", name] }, backend: "ipc://*" })
    const pull = meeting.ours(new Pull())
    pull.connect(first(device.backend))
    for (const endpoint of device.frontend) {
      const push = meeting.ours(new Push())
      push.connect(endpoint)
      await push.send(["over", endpoint, ""])
      expect(await receiveText(pull)).toEqual(["over", endpoint, ""])
    }
    expect(device.frontend).toHaveLength(3)
    expect(device.stats).toMatchObject({ forward: 3, backward: 0 })
  })

  it("connects where it is told to, and devices stand in a row", async () => {
    await using meeting = new Meeting()
    const pull = meeting.ours(new Pull())
    const sink = await pull.bind(ANY)
    await using last = await streamer({ frontend: "ipc://*", backend: { connect: sink } })
    await using first_ = await streamer({ frontend: ANY, backend: { connect: last.frontend } })
    const push = meeting.ours(new Push())
    push.connect(first(first_.frontend))
    for (let i = 0; i < 2000; i++) await push.send(`${i}`)
    expect(await takeText(pull, 2000)).toEqual(Array.from({ length: 2000 }, (_, i) => `${i}`))
  })

  it("pauses and resumes, and says so", async () => {
    await using meeting = new Meeting()
    await using device = await streamer({ frontend: ANY, backend: ANY })
    const [push, pull] = [meeting.ours(new Push()), meeting.ours(new Pull())]
    push.connect(first(device.frontend))
    pull.connect(first(device.backend))
    await device.waitForPeers(1, 1)
    const paused = device.events.once("pause")
    device.pause()
    device.pause()
    await paused
    for (let i = 0; i < 10; i++) await push.send(`${i}`)
    await until(() => device.stats.frontend.messagesReceived === 10, "all have come in")
    await turns()
    expect(device.stats.forward).toBeLessThanOrEqual(1)
    expect(device.paused).toBe(true)
    device.resume()
    expect(await takeText(pull, 10)).toHaveLength(10)
  })

  it("passes on what has come in when it is closed, and then is gone from its ports", async () => {
    await using meeting = new Meeting()
    const device = await streamer({ frontend: ANY, backend: "ipc://*" })
    const [push, pull] = [meeting.ours(new Push()), meeting.ours(new Pull())]
    push.connect(first(device.frontend))
    await device.waitForPeers(1, 0)
    for (let i = 0; i < 500; i++) await push.send(`${i}`)
    await until(() => device.stats.frontend.messagesReceived === 500, "all have come in")
    const closed = device.events.once("close")
    const closing = device.close()
    // Only now is there somebody who takes it.
    pull.connect(first(device.backend))
    expect(await takeText(pull, 500)).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`))
    await closing
    await device.finished
    expect(await closed).toMatchObject({ drained: true })
    expect([device.frontend, device.backend]).toEqual([[], []])
  })

  it("counts what it could not pass on in time", async () => {
    await using meeting = new Meeting()
    const device = await streamer({ frontend: ANY, backend: ANY })
    const push = meeting.ours(new Push())
    push.connect(first(device.frontend))
    for (let i = 0; i < 10; i++) await push.send(`${i}`)
    await until(() => device.stats.frontend.messagesReceived === 10, "all have come in")
    await device.close({ timeout: 0 })
    const { frontend, backend } = device.stats
    expect(frontend.dropped.unread + backend.dropped.linger).toBe(10)
  })
})

describe("a forwarder", () => {
  it("carries subscriptions one way and messages the other, between transports", async () => {
    await using meeting = new Meeting()
    await using device = await forwarder({ frontend: ANY, backend: { bind: [ANY, "ipc://*"] } })
    const publisher = meeting.ours(new Publisher())
    publisher.connect(first(device.frontend))
    const subscribers = device.backend.map((endpoint, i) => {
      const subscriber = meeting.ours(new Subscriber())
      subscriber.subscribe(`topic ${i}`)
      subscriber.connect(endpoint)
      return subscriber
    })
    for (const i of [0, 1]) await publisher.waitForSubscribers(`topic ${i}`)
    await publisher.send(["topic 0", "a"])
    await publisher.send(["topic 1", "b"])
    await publisher.send(["topic 2", "c"])
    await publisher.send(["topic 0", "d"])
    expect(await takeText(subscribers[0] as Subscriber, 2)).toEqual(["topic 0|a", "topic 0|d"])
    expect(await receiveText(subscribers[1] as Subscriber)).toEqual(["topic 1", "b"])
    expect(device.stats.forward).toBe(3)
  })
})

describe("a queue", () => {
  it("spreads requests and brings answers back, over two transports", async () => {
    await using meeting = new Meeting()
    await using device = await queue({ frontend: { bind: [ANY, "ipc://*"] }, backend: ANY })
    for (const worker of ["a", "b"]) {
      const reply = meeting.ours(new Reply())
      reply.connect(first(device.backend))
      void reply.serve(([question]) => `${question} by ${worker}`)
    }
    await device.waitForPeers(0, 2)
    const answers = await Promise.all(
      device.frontend.map(async (endpoint) => {
        const request = meeting.ours(new Request())
        request.connect(endpoint)
        return Promise.all(Array.from({ length: 50 }, (_, i) => request.request(`${i}`, { timeout: 10_000 })))
      }),
    )
    const texts = answers.flat().map(String)
    expect(texts.filter((text) => text.endsWith("by a"))).toHaveLength(50)
    expect(new Set(texts.map((text) => text.split(" ")[0])).size).toBe(50)
    expect(device.stats).toMatchObject({ forward: 100, backward: 100 })
  })

  it("waits for the answers to what has come in when it is closed, and takes nothing more", async () => {
    await using meeting = new Meeting()
    const device = await queue({ frontend: ANY, backend: ANY })
    const go = deferred<string>()
    const reply = meeting.ours(new Reply())
    reply.connect(first(device.backend))
    void reply.serve(() => go.promise, { concurrency: 10 })
    const request = meeting.ours(new Request())
    request.connect(first(device.frontend))
    await device.waitForPeers(1, 1)
    const answers = [1, 2, 3].map((n) => request.request(`${n}`))
    await until(() => device.stats.forward === 3, "all are passed on")
    const draining = device.events.once("drain")
    const closing = device.close()
    await draining
    go.resolve("yes")
    expect((await Promise.all(answers)).map(String)).toEqual(["yes", "yes", "yes"])
    await closing
    expect(device.closed).toBe(true)
  })
})

describe("a device", () => {
  it("gives copies to a publisher of its own, or to a socket that stays open", async () => {
    await using meeting = new Meeting()
    const pull = meeting.ours(new Pull())
    const tap = meeting.ours(new Subscriber())
    const capture = meeting.ours(new XPublisher())
    for (const given of [ANY, capture]) {
      await using device = await streamer({ frontend: ANY, backend: ANY, capture: given })
      if (given === capture) await capture.bind(ANY)
      tap.subscribe("watched")
      tap.connect(first(device.capture))
      await tap.waitForPeers()
      const push = meeting.ours(new Push())
      push.connect(first(device.frontend))
      pull.connect(first(device.backend))
      await device.waitForPeers(1, 1)
      let seen: string[] | undefined
      void receiveText(tap).then((text) => {
        seen = text
      })
      // The subscription takes its time.
      while (seen === undefined) {
        await push.send(["watched", "x"])
        await receiveText(pull)
        await turns(1)
      }
      expect(seen).toEqual(["watched", "x"])
      await device.close()
      for (const endpoint of tap.endpoints) tap.disconnect(endpoint)
    }
    expect(capture.closed).toBe(false)
  })

  it("is closed by its signal, and is never made by one that is aborted", async () => {
    const stop = new AbortController()
    const device = await streamer({ frontend: ANY, backend: ANY, signal: stop.signal })
    stop.abort()
    await device.finished
    expect(device.closed).toBe(true)
    await expect(streamer({ frontend: ANY, backend: ANY, signal: stop.signal })).rejects.toThrow(AbortError)
  })

  it("leaves nothing open when one of its ends cannot be bound", async () => {
    const taken = await streamer({ frontend: ANY, backend: ANY })
    const name = `inproc://device-${Math.random()}`
    await expect(queue({ frontend: first(taken.frontend), backend: name })).rejects.toMatchObject({
      code: "EADDRINUSE",
    })
    const again = await queue({ frontend: ANY, backend: name })
    expect(again.backend).toEqual([name])
    await Promise.all([taken.close(), again.close()])
  })

  it("tells who comes and goes, and what is dropped", async () => {
    await using meeting = new Meeting()
    await using device = await queue({ frontend: ANY, backend: ANY })
    const joined = device.events.once("join")
    const request = meeting.ours(new Request())
    request.connect(first(device.frontend))
    expect(await joined).toMatchObject({ side: "frontend" })
    const left = device.events.once("leave")
    await request.close()
    expect(await left).toMatchObject({ side: "frontend" })
    const dropped = device.events.once("drop")
    const reply = meeting.ours(new Push({ linger: 0 }))
    await reply.close()
    const worker = meeting.ours(new Request())
    worker.connect(first(device.frontend))
    const lost = worker.request("?").catch(() => {})
    await until(() => device.stats.frontend.messagesReceived === 1, "it has come in")
    await worker.close({ linger: 0 })
    await lost
    const late = meeting.ours(new Reply())
    late.connect(first(device.backend))
    void late.serve(() => "too late")
    expect(await dropped).toMatchObject({ side: "frontend", reason: "unroutable", count: 1 })
  })

  it("names what it does not take", async () => {
    const refused = async (make: () => Promise<Device>): Promise<string> => {
      try {
        await make()
      } catch (error) {
        return (error as Error).message
      }
      throw new Error("It was not refused")
    }
    expect(await refused(() => streamer({ frontend: {}, backend: ANY }))).toMatch(/frontend needs at least one/)
    expect(await refused(() => streamer({ frontend: ANY } as never))).toMatch(/backend must be an endpoint/)
    expect(await refused(() => streamer({ frontend: ANY, backend: ANY, front: 1 } as never))).toMatch(
      /no option "front"/,
    )
    expect(await refused(() => streamer({ frontend: { at: ANY } as never, backend: ANY }))).toMatch(/not "at"/)
    expect(await refused(() => streamer({ frontend: ANY, backend: ANY, capture: {} as never }))).toMatch(/capture/)
    const codec = { encode: String, decode: String }
    expect(
      await refused(() => streamer({ frontend: { bind: ANY, options: { codec } as never }, backend: ANY })),
    ).toMatch(/no codec/)
  })
})

describe("devices between sockets of theirs", () => {
  it("a queue", async () => {
    await using meeting = new Meeting()
    await using device = await queue({ frontend: ANY, backend: "ipc://*" })
    const reply = meeting.theirs(new zmq.Reply())
    reply.connect(first(device.backend))
    void (async () => {
      for await (const question of reply) await reply.send(["re", ...question])
    })()
    const request = meeting.theirs(new zmq.Request())
    request.connect(first(device.frontend))
    for (let i = 0; i < 20; i++) {
      await request.send([`${i}`, ""])
      expect(await request.receive()).toEqual(frames("re", `${i}`, ""))
    }
  })

  it("a forwarder", async () => {
    await using meeting = new Meeting()
    await using device = await forwarder({ frontend: "ipc://*", backend: ANY })
    const publisher = meeting.theirs(new zmq.Publisher())
    const subscriber = meeting.theirs(new zmq.Subscriber())
    publisher.connect(first(device.frontend))
    subscriber.connect(first(device.backend))
    subscriber.subscribe("wanted")
    let seen: Buffer[] | undefined
    void subscriber.receive().then((message) => {
      seen = message
    })
    while (seen === undefined) {
      await publisher.send(["unwanted", "x"])
      await publisher.send(["wanted", "y"])
      await turns(1)
    }
    expect(seen).toEqual(frames("wanted", "y"))
  })

  it("a streamer", async () => {
    await using meeting = new Meeting()
    await using device = await streamer({ frontend: ANY, backend: ANY })
    const push = meeting.theirs(new zmq.Push())
    const pull = meeting.theirs(new zmq.Pull())
    push.connect(first(device.frontend))
    pull.connect(first(device.backend))
    const sending = (async () => {
      for (let i = 0; i < 500; i++) await push.send([`${i}`, ""])
    })()
    for (let i = 0; i < 500; i++) expect(await pull.receive()).toEqual(frames(`${i}`, ""))
    await sending
  })
})
