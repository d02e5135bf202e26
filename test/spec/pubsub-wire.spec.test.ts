// RFC 29 and RFC 37 as octets: both forms of a subscription, what a subscriber says and when, and what becomes of a
// peer that asks for too much.

import { type EventOfType, Publisher, Subscriber, XPublisher } from "brokerless"
import { describe, expect, it } from "vitest"
import { hubOf } from "../../src/socket/socket.ts"
import { END, gather, receivedBefore, subscribe, subscriptionsOf, text } from "../support/pubsub.ts"
import { command, commandData, commandName, frame, message, RawPeer, RawServer } from "../support/raw-peer.ts"
import { turns } from "../support/sockets.ts"
import { transport } from "../support/transports.ts"

const TCP = transport("tcp")
const QUICK = { reconnectInterval: 1, receiveTimeout: 30_000 } as const

/** Both forms in which a subscriber can speak. */
const FORMS = {
  command: (kind: "subscribe" | "cancel", topic: string) =>
    command(kind === "subscribe" ? "SUBSCRIBE" : "CANCEL", topic),
  message: (kind: "subscribe" | "cancel", topic: string) => frame(`${kind === "subscribe" ? "\x01" : "\x00"}${topic}`),
} as const

/** What a subscriber says next: "+topic" or "-topic", and in which form. */
async function said(peer: RawPeer): Promise<{ wish: string; form: "command" | "message"; header: number }> {
  const found = await peer.nextOfNote()
  const name = commandName(found)
  if (name === undefined) {
    const sign = found.body[0] === 1 ? "+" : "-"
    return { wish: sign + found.body.toString("latin1", 1), form: "message", header: found.header }
  }
  const sign = name === "SUBSCRIBE" ? "+" : name === "CANCEL" ? "-" : `${name} `
  return { wish: sign + commandData(found).toString("latin1"), form: "command", header: found.header }
}

describe("a publisher, to a peer that is only octets", () => {
  for (const minor of [0, 1]) {
    for (const form of ["command", "message"] as const) {
      it(`PUBSUB-11: takes a subscription as a ${form} from a peer of ZMTP 3.${minor}`, async () => {
        await using publisher = new Publisher()
        using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB", { minor })
        peer.send(FORMS[form]("subscribe", "A"))
        await publisher.waitForSubscribers("A")
        await publisher.send(["A1", "body"])
        expect([String((await peer.nextOfNote()).body), String((await peer.nextOfNote()).body)]).toEqual(["A1", "body"])
        peer.send(FORMS[form]("cancel", "A"), FORMS[form]("subscribe", "B"))
        await publisher.waitForSubscribers("B")
        for (const topic of ["A2", "B2"]) await publisher.send(topic)
        expect(String((await peer.nextOfNote()).body)).toBe("B2")
      })
    }
  }

  it("PUBSUB-12: one CANCEL undoes any number of equal SUBSCRIBEs of a peer, in whatever form they came", async () => {
    await using publisher = new Publisher()
    using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB")
    peer.send(FORMS.command("subscribe", "A"), FORMS.message("subscribe", "A"), FORMS.command("subscribe", "A"))
    peer.send(FORMS.message("cancel", "A"), FORMS.command("subscribe", END))
    await publisher.waitForSubscribers(END)
    for (const topic of ["A", END]) await publisher.send(topic)
    expect(String((await peer.nextOfNote()).body)).toBe(END)
  })

  it("PUBSUB-13: a CANCEL of an unknown topic changes nothing and harms nothing", async () => {
    await using publisher = new Publisher()
    using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB")
    for (const topic of ["", "A", "AB", "ABCD"])
      peer.send(FORMS.command("cancel", topic), FORMS.message("cancel", topic))
    peer.send(FORMS.command("subscribe", "ABC"), FORMS.command("cancel", "AB"), FORMS.command("cancel", "ABCD"))
    await publisher.waitForSubscribers("ABC")
    await publisher.send("ABCD")
    expect(String((await peer.nextOfNote()).body)).toBe("ABCD")
    expect(publisher.peers.length).toBe(1)
  })

  it("PUBSUB-32: the CANCEL of one who never had a topic is no end of it while others have it", async () => {
    await using publisher = new XPublisher(QUICK)
    await using subscriber = new Subscriber(QUICK)
    const endpoint = await gather(publisher, TCP, subscriber)
    subscriber.subscribe("A")
    expect(await subscriptionsOf(publisher, 1)).toEqual(["+A"])
    using stranger = await RawPeer.join(endpoint, "SUB")
    stranger.send(FORMS.command("cancel", "A"), FORMS.command("cancel", "nobody's"), FORMS.command("subscribe", "B"))
    // The end of what nobody has is handed on, as libzmq does.
    expect(await subscriptionsOf(publisher, 2)).toEqual(["-nobody's", "+B"])
    await publisher.send("A")
    expect(text(await subscriber.receive())).toBe("A")
  })

  it("PUBSUB-40: takes only the first frame of a message for a subscription", async () => {
    await using publisher = new Publisher()
    using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB", { minor: 0 })
    peer.send(message("hello", "\x01A"), message("\x01B", "\x01C"))
    await publisher.waitForSubscribers("B")
    for (const topic of ["A", "C", "B"]) await publisher.send(topic)
    expect(String((await peer.nextOfNote()).body)).toBe("B")
    expect(publisher.subscriptions.map(String)).toEqual(["B"])
  })
})

describe("a subscriber, to a peer that is only octets", () => {
  it("PUBSUB-16: delivers only what matches, whatever the publisher sends", async () => {
    await using server = await RawServer.listen()
    await using subscriber = new Subscriber(QUICK)
    subscriber.subscribe("A", END)
    subscriber.connect(server.endpoint)
    using peer = await server.admit("PUB")
    peer.send(message("B"), message("A1"), message("", "A"), message("xA"), message("A2", "x"), message(END))
    expect(await receivedBefore(subscriber)).toEqual(["A1", "A2|x"])
  })

  it("PUBSUB-20: uses the message form with peers of minor version 0, otherwise the command form", async () => {
    for (const [minor, form] of [
      [0, "message"],
      [1, "command"],
      [7, "command"],
    ] as const) {
      await using server = await RawServer.listen()
      await using subscriber = new Subscriber(QUICK)
      subscriber.subscribe("A")
      subscriber.connect(server.endpoint)
      using peer = await server.admit("PUB", { minor })
      expect(await said(peer)).toMatchObject({ wish: "+A", form })
      subscriber.unsubscribe("A")
      expect(await said(peer)).toMatchObject({ wish: "-A", form })
    }
  })

  it("PUBSUB-19, PUBSUB-23: says every subscribe, the last cancel only, and nothing of what was never there", async () => {
    await using server = await RawServer.listen()
    await using subscriber = new Subscriber(QUICK)
    subscriber.connect(server.endpoint)
    using peer = await server.admit("PUB")
    await subscriber.waitForPeers()
    subscriber.unsubscribe("A", "")
    subscriber.subscribe("A", "A")
    subscriber.unsubscribe("A", "A", "A")
    subscriber.subscribe("B")
    const wishes: string[] = []
    while (wishes.at(-1) !== "+B") wishes.push((await said(peer)).wish)
    expect(wishes).toEqual(["+A", "+A", "-A", "+B"])
  })

  it("PUBSUB-21: subscribes again after a reconnect: every live topic, once, to peers of either version", async () => {
    await using server = await RawServer.listen()
    await using subscriber = new Subscriber(QUICK)
    subscriber.subscribe("A", "B", "B", "", "gone")
    subscriber.unsubscribe("gone")
    subscriber.connect(server.endpoint)
    for (const minor of [1, 0, 1]) {
      using peer = await server.admit("PUB", { minor })
      const joined = subscriber.waitForPeers()
      const wishes = [await said(peer), await said(peer), await said(peer)].map(({ wish }) => wish)
      expect(wishes.sort()).toEqual(["+", "+A", "+B"])
      await joined
      subscriber.subscribe("more")
      expect((await said(peer)).wish).toBe("+more")
      subscriber.unsubscribe("more")
      expect((await said(peer)).wish).toBe("-more")
    }
  })

  it("PUBSUB-22: loses no subscription, whatever the mark, whether it was made before or after the connection", async () => {
    const count = 5000
    await using server = await RawServer.listen()
    await using subscriber = new Subscriber({ ...QUICK, receiveHighWaterMark: 1 })
    for (let i = 0; i < count; i++) subscriber.subscribe(`early ${i}`)
    subscriber.connect(server.endpoint)
    using peer = await server.admit("PUB")
    await subscriber.waitForPeers()
    for (let i = 0; i < count; i++) subscriber.subscribe(`later ${i}`)
    const wishes = new Set<string>()
    for (let i = 0; i < 2 * count; i++) wishes.add((await said(peer)).wish)
    expect(wishes.size).toBe(2 * count)
    expect(wishes.has(`+early ${count - 1}`) && wishes.has(`+later ${count - 1}`)).toBe(true)
  })

  it("PUBSUB-30: topics of 245 and 246 octets use the short and the long frame", async () => {
    await using server = await RawServer.listen()
    await using subscriber = new Subscriber(QUICK)
    subscriber.connect(server.endpoint)
    using peer = await server.admit("PUB")
    await subscriber.waitForPeers()
    for (const [size, header] of [
      [245, 2],
      [246, 9],
    ] as const) {
      const topic = "x".repeat(size)
      subscriber.subscribe(topic)
      expect(await said(peer)).toEqual({ wish: `+${topic}`, form: "command", header })
    }
    // And they come in just so.
    await using publisher = new Publisher()
    using asker = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB")
    for (const topic of ["x".repeat(245), "y".repeat(246)]) {
      asker.send(FORMS.command("subscribe", topic))
      await publisher.waitForSubscribers(topic)
    }
    expect(publisher.subscriptions.map((topic) => topic.length)).toEqual([245, 246])
  })
})

describe("T5: a thousand subscriptions in one write", () => {
  for (const form of ["command", "message"] as const) {
    it(`are taken in turns with all else, and all are taken (${form})`, async () => {
      await using publisher = new Publisher()
      using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB")
      peer.send(...Array.from({ length: 1000 }, (_, n) => FORMS[form]("subscribe", `${n}`)), FORMS[form]("cancel", "0"))
      const steps: number[] = []
      for (let known = 0; known !== 999 || steps.length < 4; ) {
        await turns(1)
        const now = publisher.subscriptions.length
        if (now !== known) steps.push(now - known)
        known = now
      }
      // One part as they arrive and one in the next turn is what a turn can bring.
      expect(Math.max(...steps)).toBeLessThanOrEqual(256)
    })

    it(`leave nothing behind when the peer leaves at once (${form})`, async () => {
      await using publisher = new Publisher()
      using peer = await RawPeer.join(await publisher.bind("tcp://127.0.0.1:*"), "SUB")
      await publisher.waitForPeers()
      const leave = publisher.events.once("peer:leave")
      peer.send(...Array.from({ length: 1000 }, (_, n) => FORMS[form]("subscribe", `${n}`)))
      peer.socket.end()
      await leave
      while (publisher.subscriptions.length > 0) await turns(1)
      // Nor does anything come after.
      await turns(20)
      expect(publisher.subscriptions).toEqual([])
    })
  }

  it("mean nothing once their peer is gone, though its connection may still be read", () => {
    const publisher = new Publisher()
    const hub = hubOf(publisher)
    const pipe = hub.createPipe("tcp://127.0.0.1:1", false)
    pipe.state = "gone"
    hub.pipeSubscribed(pipe, "subscribe", Buffer.from("A"))
    expect(publisher.subscriptions).toEqual([])
  })
})

describe("LIMIT-6: too many subscriptions, or too long ones", () => {
  const cases = [
    { limit: "maxTopicSize", options: { maxTopicSize: 8 }, fine: ["12345678"], wrong: "123456789" },
    { limit: "maxSubscriptionsPerPeer", options: { maxSubscriptionsPerPeer: 2 }, fine: ["A", "B"], wrong: "C" },
    // The honest one has three.
    { limit: "maxSubscriptions", options: { maxSubscriptions: 5 }, fine: ["A", "B"], wrong: "C" },
  ] as const
  const classes = { Publisher, XPublisher } as const

  for (const name of ["Publisher", "XPublisher"] as const) {
    for (const { limit, options, fine, wrong } of cases) {
      for (const form of ["command", "message"] as const) {
        it(`${name} parts with the peer beyond ${limit}, and with nobody else (${form})`, async () => {
          await using publisher = new classes[name](
            name === "Publisher" ? options : { ...options, verbosity: "allSubs" },
          )
          await using honest = new Subscriber(QUICK)
          const endpoint = await gather(publisher, TCP, honest)
          if (limit !== "maxSubscriptionsPerPeer") honest.subscribe("H")
          honest.subscribe("", END)
          const known = limit === "maxSubscriptionsPerPeer" ? 2 : 3
          if (publisher instanceof XPublisher) await subscriptionsOf(publisher, known)
          else while (publisher.subscriptions.length < known) await turns(1)
          using greedy = await RawPeer.join(endpoint, "SUB")
          await publisher.waitForPeers(2)
          const peer = publisher.peers[1]
          const limits: EventOfType<"limit">[] = []
          publisher.events.on("limit", (event) => limits.push(event))
          const leave = publisher.events.once("peer:leave")
          // Saying it again is no further subscription.
          for (const topic of [...fine, ...fine]) greedy.send(FORMS[form]("subscribe", topic))
          if (publisher instanceof XPublisher) await subscriptionsOf(publisher, 2 * fine.length)
          else while (publisher.subscriptions.length < known + fine.length) await turns(1)
          await publisher.send(fine[0])
          expect(String((await greedy.nextOfNote()).body)).toBe(fine[0])
          expect(limits).toEqual([])
          greedy.send(FORMS[form]("subscribe", wrong))
          await greedy.closed
          expect(await leave).toMatchObject({ peer, error: { code: "EPROTO" } })
          expect(limits).toMatchObject([{ type: "limit", limit, count: 1, peer, endpoint }])
          await publisher.send(END)
          expect(await receivedBefore(honest)).toEqual([fine[0]])
          expect(publisher.peers.length).toBe(1)
        })
      }
    }
  }
})

describe("a peer that leaves", () => {
  it("LIMIT-6: with 100 000 subscriptions, is forgotten in many turns, and holds up nobody", async () => {
    const count = 100_000
    await using publisher = new Publisher()
    await using other = new Subscriber(QUICK)
    const endpoint = await gather(publisher, TCP, other)
    await subscribe(publisher, other, "news")
    using leaver = await RawPeer.join(endpoint, "SUB")
    const wishes: Buffer[] = []
    for (let i = 0; i < count; i++) wishes.push(command("SUBSCRIBE", `topic ${i}.`))
    leaver.send(...wishes)
    await publisher.waitForSubscribers(`topic ${count - 1}.`)
    expect(publisher.subscriptions.length).toBe(count + 2)
    const left = publisher.events.once("peer:leave")
    leaver.socket.destroy()
    await left
    // It is gone at once, whatever is still to be cleared away.
    await publisher.send("topic 1.")
    expect(publisher.peers.length).toBe(1)
    let slices = 0
    for (; publisher.subscriptions.length > 2; slices++) {
      await publisher.send(`news ${slices}`)
      expect(text(await other.receive())).toBe(`news ${slices}`)
      await turns(1)
    }
    expect(slices).toBeGreaterThan(5)
    expect(publisher.subscriptions.map(String)).toEqual([END, "news"])
  })
})
