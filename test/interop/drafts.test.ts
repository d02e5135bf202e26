// The types of draft RFCs, ours and those of the npm package `zeromq`, with each other: over tcp and ipc in ZMTP, and
// over udp in datagrams.

import { createRequire } from "node:module"
import * as our from "brokerless/zeromq/draft"
import { afterEach, describe, expect, it } from "vitest"
import type * as drafts from "zeromq/draft.js"
import { plainSocket, vacantPort } from "../support/datagrams.ts"
import { Meeting, TRANSPORTS } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

type Drafts = typeof drafts

const require = createRequire(import.meta.url)
const ours = our as unknown as Drafts
const theirs = require("zeromq/draft") as Drafts

/** Whose is bound, and whose is connected. */
const SIDES: [who: string, bound: Drafts, connected: Drafts][] = [
  ["ours to theirs", theirs, ours],
  ["theirs to ours", ours, theirs],
]

const open: { close(): void }[] = []

afterEach(() => {
  for (const socket of open.splice(0)) socket.close()
})

function kept<S extends { close(): void; linger: number }>(socket: S): S {
  socket.linger = 0
  open.push(socket)
  return socket
}

interface Receiving {
  receive(): Promise<unknown[]>
}

/**
 * Sends again and again until this text has come: joining, and binding of theirs, take their time and tell nobody.
 * What came before it may have been sent several times, too.
 */
async function untilHeard(socket: Receiving, text: string, send: () => Promise<void>): Promise<unknown[]> {
  let heard = false
  const first = (async () => {
    for (;;) {
      const message = await socket.receive()
      if (message.some((each) => String(each) === text)) return message
    }
  })().finally(() => {
    heard = true
  })
  while (!heard) {
    await send()
    await turns(1)
  }
  return first
}

/** What comes after a word that was sent several times. */
async function nextBut(dish: Receiving, word: string): Promise<string> {
  for (;;) {
    const text = String((await dish.receive())[0])
    if (text !== word) return text
  }
}

describe.each(TRANSPORTS)("over %s", (transport) => {
  it.each(SIDES)("a Client asks, and a Server answers it and nobody else: %s", async (_who, bound, connected) => {
    await using meeting = new Meeting()
    const server = kept(new bound.Server())
    await server.bind(await meeting.wildcard(transport))
    const clients = [kept(new connected.Client()), kept(new connected.Client())]
    for (const client of clients) client.connect(server.lastEndpoint as string)
    for (const [i, client] of clients.entries()) await client.send(`question ${i}`)
    const numbers = new Map<string, number>()
    for (let i = 0; i < 2; i++) {
      const [question, { routingId }] = await server.receive()
      numbers.set(String(question), routingId)
    }
    expect(new Set(numbers.values()).size).toBe(2)
    for (let i = 1; i >= 0; i--) {
      const routingId = numbers.get(`question ${i}`) as number
      await server.send(`answer ${i}`, { routingId })
      await server.send("", { routingId })
    }
    for (const [i, client] of clients.entries()) {
      expect(String(await client.receive())).toBe(`answer ${i}`)
      expect((await client.receive())[0]).toHaveLength(0)
    }
    await expect(server.send("x", { routingId: 12345 })).rejects.toMatchObject({ code: "EHOSTUNREACH" })
  })

  it.each(SIDES)("a bound Radio is heard in groups that were joined, and left: %s", async (_who, bound, connected) => {
    await using meeting = new Meeting()
    const radio = kept(new bound.Radio({ sendHighWaterMark: 0 }))
    const dish = kept(new connected.Dish())
    await radio.bind(await meeting.wildcard(transport))
    dish.join("a", "gone")
    dish.connect(radio.lastEndpoint as string)
    await untilHeard(dish, "one", () => radio.send("one", { group: "a" }))
    dish.leave("gone")
    dish.join("late")
    await untilHeard(dish, "two", () => radio.send("two", { group: "late" }))
    for (const group of ["gone", "aa", "", "late"]) await radio.send(`last to ${group}`, { group })
    expect(await nextBut(dish, "two")).toBe("last to late")
  })

  it.each(SIDES)("a connected Radio is heard by a bound Dish: %s", async (_who, bound, connected) => {
    await using meeting = new Meeting()
    const radio = kept(new connected.Radio({ sendHighWaterMark: 0 }))
    const dish = kept(new bound.Dish())
    await dish.bind(await meeting.wildcard(transport))
    dish.join("a".repeat(255))
    radio.connect(dish.lastEndpoint as string)
    const [text, { group }] = (await untilHeard(dish, "x", () => radio.send("x", { group: "a".repeat(255) }))) as [
      Buffer,
      { group: Buffer },
    ]
    expect([String(text), group.length]).toEqual(["x", 255])
  })

  it.each(SIDES)("what is scattered is gathered: %s", async (_who, bound, connected) => {
    await using meeting = new Meeting()
    const gather = kept(new bound.Gather())
    const scatter = kept(new connected.Scatter())
    await gather.bind(await meeting.wildcard(transport))
    scatter.connect(gather.lastEndpoint as string)
    for (const body of ["one", "", "x".repeat(100_000)]) {
      await scatter.send(body)
      expect(String(await gather.receive())).toBe(body)
    }
  })
})

describe("over udp", () => {
  it.each(SIDES)("a Radio is heard by a Dish: %s", async (_who, bound, connected) => {
    const address = `udp://127.0.0.1:${await vacantPort()}`
    const dish = kept(new bound.Dish())
    dish.join("a", "g".repeat(127))
    await dish.bind(address)
    const radio = kept(new connected.Radio())
    radio.connect(address)
    await untilHeard(dish, "first", () => radio.send("first", { group: "a" }))
    for (const group of ["b", "aa", "g".repeat(127)]) await radio.send(group.slice(0, 3), { group })
    expect(await nextBut(dish, "first")).toBe("ggg")
    await radio.send(Buffer.alloc(8190, 1), { group: "a" })
    expect((await dish.receive())[0]).toHaveLength(8190)
  })

  it.each(SIDES)("a Radio is heard in a multicast group: %s", async (_who, bound, connected) => {
    const address = `udp://127.0.0.1;239.255.55.66:${await vacantPort()}`
    const dish = kept(new bound.Dish())
    dish.join("a")
    await dish.bind(address)
    const radio = kept(new connected.Radio())
    radio.connect(address)
    expect(String((await untilHeard(dish, "all", () => radio.send("all", { group: "a" })))[0])).toBe("all")
  })

  it.each(SIDES)("Datagrams talk with each other: %s", async (_who, bound, connected) => {
    const [asked, asking] = [await vacantPort(), await vacantPort()]
    const [one, two] = [kept(new bound.Datagram()), kept(new connected.Datagram())]
    await one.bind(`udp://127.0.0.1:${asked}`)
    await two.bind(`udp://127.0.0.1:${asking}`)
    const [address, question] = await untilHeard(one, "question", () => two.send([`127.0.0.1:${asked}`, "question"]))
    expect([String(address), String(question)]).toEqual([`127.0.0.1:${asking}\0`, "question"])
    await one.send([address as Buffer, "answer"])
    const [from, answer] = await two.receive()
    expect([String(from), String(answer)]).toEqual([`127.0.0.1:${asked}\0`, "answer"])
  })

  it.each([
    ["ours", ours],
    ["theirs", theirs],
  ])("what a Radio sends is the same datagram: %s", async (_whose, { Radio }) => {
    await using plain = await plainSocket()
    const radio = kept(new Radio())
    radio.connect(`udp://127.0.0.1:${plain.port}`)
    await radio.send("body", { group: "group" })
    while (plain.received.length === 0) await turns(1)
    expect(plain.received).toEqual([Buffer.from("\u0005groupbody")])
  })
})
