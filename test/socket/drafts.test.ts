// What sockets of draft RFCs do with what they are not to get: frames too many, groups too long, clients that are gone.

import { afterEach, describe, expect, it } from "vitest"
import { Client } from "../../src/socket/clientserver/client.ts"
import { Server } from "../../src/socket/clientserver/server.ts"
import { Datagram } from "../../src/socket/datagram.ts"
import { Gather } from "../../src/socket/pipeline/gather.ts"
import { Scatter } from "../../src/socket/pipeline/scatter.ts"
import { Dish } from "../../src/socket/radiodish/dish.ts"
import { Radio } from "../../src/socket/radiodish/radio.ts"
import type { Socket } from "../../src/socket/socket.ts"
import { command, commandName, message, RawPeer } from "../support/raw-peer.ts"
import { join, link, waits } from "../support/sockets.ts"
import { until } from "../support/until.ts"

const TCP = "tcp://127.0.0.1:*"
const open: Socket[] = []

afterEach(async () => {
  for (const socket of open.splice(0)) await socket.close({ linger: 0 })
})

function kept<S extends Socket>(socket: S): S {
  open.push(socket)
  return socket
}

function group(name: string | Buffer): { group: Buffer } {
  return { group: Buffer.from(name) }
}

describe("a Server", () => {
  it("answers the client that asked, and knows it no more when it has left, though what it said can still be read", async () => {
    const server = kept(new Server())
    const client = kept(new Client())
    await link(server, client, "inproc://server")
    await client.send("question")
    await client.send("another")
    const [question, from] = await server.receive()
    expect(String(question)).toBe("question")
    await server.send(["answer", from])
    expect(String(await client.receive())).toBe("answer")
    const left = server.events.once("peer:leave")
    await client.close()
    await left
    await expect(server.send(["too late", from])).rejects.toMatchObject({ code: "EHOSTUNREACH" })
    expect(await server.receive()).toEqual([Buffer.from("another"), from])
  })

  it("gives no number twice, and none that is zero", async () => {
    const server = kept(new Server())
    await server.bind("inproc://numbers")
    const numbers = new Set<number>()
    for (let i = 0; i < 20; i++) {
      const client = kept(new Client())
      client.connect("inproc://numbers")
      await client.send("x")
      numbers.add((await server.receive())[1].routingId)
    }
    expect(numbers.size).toBe(20)
    expect(numbers.has(0)).toBe(false)
  })

  it("waits for a client whose queue is full, and for no other", async () => {
    const server = kept(new Server({ sendHighWaterMark: 1 }))
    const [slow, quick] = [kept(new Client({ receiveHighWaterMark: 1 })), kept(new Client())]
    for (const client of [slow, quick]) await join(client, "inproc://slow", await bound(server, "inproc://slow"))
    await slow.send("slow")
    await quick.send("quick")
    const numbers = new Map<string, { routingId: number }>()
    for (let i = 0; i < 2; i++) {
      const [name, from] = await server.receive()
      numbers.set(String(name), from)
    }
    const [toSlow, toQuick] = [numbers.get("slow"), numbers.get("quick")] as [
      { routingId: number },
      { routingId: number },
    ]
    await server.send(["1", toSlow])
    await server.send(["2", toSlow])
    const third = server.send(["3", toSlow])
    expect(await waits(third)).toBe(true)
    await server.send(["now", toQuick])
    expect(String(await quick.receive())).toBe("now")
    for (const text of ["1", "2", "3"]) expect(String(await slow.receive())).toBe(text)
    await third
  })
})

async function bound<S extends Socket>(socket: S, endpoint: string): Promise<S> {
  if (!socket.endpoints.includes(endpoint)) await socket.bind(endpoint)
  return socket
}

describe("messages of several frames", () => {
  it.each([
    ["Client", () => kept(new Client())],
    ["Scatter", () => kept(new Scatter())],
  ])("are refused by a %s that is to send them", async (_name, make) => {
    await expect(make().send(["two", "frames"])).rejects.toMatchObject({ code: "EINVAL" })
  })

  it("are refused by a Server and a Radio", async () => {
    const two = ["two", "frames"] as unknown as string
    await expect(kept(new Server()).send([two, { routingId: 1 }])).rejects.toMatchObject({ code: "EINVAL" })
    await expect(kept(new Radio()).send([two, group("a")])).rejects.toMatchObject({ code: "EINVAL" })
  })

  it.each([
    ["Server", "CLIENT", () => kept(new Server())],
    ["Client", "SERVER", () => kept(new Client())],
    ["Gather", "SCATTER", () => kept(new Gather())],
    ["conflating Gather", "SCATTER", () => kept(new Gather({ conflate: true }))],
  ] as const)("are dropped and counted by a %s that gets them", async (_name, peer, make) => {
    const socket = make()
    using raw = await RawPeer.join(await socket.bind(TCP), peer)
    raw.send(message("two", "frames"), message("", ""), message("one"))
    expect(String((await socket.receive())[0])).toBe("one")
    expect(socket.stats.dropped.unexpected).toBe(2)
  })

  it("are dropped and counted by a Dish, unless they are a group and a body", async () => {
    const dish = kept(new Dish())
    dish.join("a")
    using raw = await RawPeer.join(await dish.bind(TCP), "RADIO")
    expect(commandName(await raw.nextOfNote())).toBe("JOIN")
    raw.send(message("a"), message("a", "b", "c"), message("b", "not joined"), message("a", "body"))
    expect(await dish.receive()).toEqual([Buffer.from("body"), group("a")])
    expect(dish.stats.dropped.unexpected).toBe(2)
  })

  it.each([
    ["Scatter", "GATHER", () => kept(new Scatter())],
    ["Radio", "DISH", () => kept(new Radio())],
  ] as const)("and any others are dropped and counted by a %s, which receives nothing", async (_name, peer, make) => {
    const socket = make()
    using raw = await RawPeer.join(await socket.bind(TCP), peer)
    raw.send(message("a"), message("a", "b"))
    await until(() => socket.stats.dropped.unexpected > 1, "both are dropped")
    expect(socket.stats.dropped.unexpected).toBe(2)
  })
})

describe("a Radio", () => {
  it("sends to those who joined a group by the command JOIN, until LEAVE, and knows no prefixes", async () => {
    const radio = kept(new Radio())
    using raw = await RawPeer.join(await radio.bind(TCP), "DISH")
    raw.send(command("JOIN", "ab"), command("SUBSCRIBE", "c"), message("\u0001d"))
    await until(() => radio.stats.dropped.unexpected === 1, "all that was heard")
    for (const name of ["a", "abc", "c", "d", "", "ab"]) await radio.send([`to ${name}`, group(name)])
    expect([(await raw.nextOfNote()).body, (await raw.nextOfNote()).body].map(String)).toEqual(["ab", "to ab"])
    raw.send(command("LEAVE", "ab"), command("JOIN", ""), message("end"))
    await until(() => radio.stats.dropped.unexpected === 2, "all that was heard")
    await radio.send(["no more", group("ab")])
    await radio.send(["nameless", group("")])
    expect([(await raw.nextOfNote()).body, (await raw.nextOfNote()).body].map(String)).toEqual(["", "nameless"])
  })

  it("takes a group of 255 octets, and parts with a peer whose group is longer", async () => {
    const radio = kept(new Radio())
    const endpoint = await radio.bind(TCP)
    using honest = await RawPeer.join(endpoint, "DISH")
    honest.send(command("JOIN", "g".repeat(255)), message("joined"))
    await until(() => radio.stats.dropped.unexpected === 1, "the honest one is heard")
    using hostile = await RawPeer.join(endpoint, "DISH")
    const left = radio.events.once("peer:leave")
    for (let size = 256; size < 260; size++) hostile.send(command("JOIN", "g".repeat(size)))
    await left
    expect(radio.peers).toHaveLength(1)
    await radio.send(["still", group("g".repeat(255))])
    expect((await honest.nextOfNote()).body).toHaveLength(255)
    await expect(radio.send(["x", group("g".repeat(256))])).rejects.toMatchObject({ code: "EINVAL" })
  })

  it("drops what a full queue cannot take, and counts it", async () => {
    const radio = kept(new Radio({ sendHighWaterMark: 1 }))
    const dish = kept(new Dish({ receiveHighWaterMark: 1 }))
    dish.join("a")
    await link(radio, dish, "inproc://full")
    for (let i = 0; i < 5; i++) await radio.send([String(i), group("a")])
    expect(radio.stats.dropped["high-water-mark"]).toBe(3)
    for (const text of ["0", "1"]) expect(String((await dish.receive())[0])).toBe(text)
  })
})

describe("a Dish", () => {
  it("tells every Radio which groups it has joined, those that come later, too", async () => {
    const dish = kept(new Dish())
    dish.join("early")
    const endpoint = await dish.bind(TCP)
    using raw = await RawPeer.join(endpoint, "RADIO", { minor: 0 })
    dish.join("late")
    dish.leave("early")
    const told = [await raw.nextOfNote(), await raw.nextOfNote(), await raw.nextOfNote()]
    expect(told.map(({ body }) => String(body))).toEqual(["\u0004JOINearly", "\u0004JOINlate", "\u0005LEAVEearly"])
    expect(told.every(({ flags }) => flags === 4)).toBe(true)
  })

  it("refuses to join twice, to leave what it did not join, and groups that are too long", () => {
    const dish = kept(new Dish())
    dish.join("a")
    expect(() => dish.join("a")).toThrow(/"a" was joined already/)
    expect(() => dish.leave("b")).toThrow(/"b" was not joined/)
    expect(() => dish.join("x".repeat(256))).toThrow(/at most 255 octets, got 256/)
    dish.join("x".repeat(255))
  })

  it("keeps from the application what came of a group before it was left", async () => {
    const radio = kept(new Radio())
    const dish = kept(new Dish())
    for (const name of ["a", "b"]) dish.join(name)
    await link(radio, dish, "inproc://left")
    await radio.send(["of a", group("a")])
    await radio.send(["of b", group("b")])
    dish.leave("a")
    expect(String((await dish.receive())[0])).toBe("of b")
  })
})

describe("a Datagram that is bound to anything but udp", () => {
  it("talks with one peer of its kind", async () => {
    const [one, two, three] = [kept(new Datagram()), kept(new Datagram()), kept(new Datagram())]
    const endpoint = await link(one, two, TCP)
    await one.send(["any", "thing"])
    expect((await two.receive()).map(String)).toEqual(["any", "thing"])
    const refused = one.events.once("handshake:error")
    three.connect(endpoint)
    await refused
    expect(one.peers).toHaveLength(1)
    await expect(one.send("one frame")).rejects.toMatchObject({ code: "EINVAL" })
  })
})
