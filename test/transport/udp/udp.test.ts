// Sockets over udp: what reaches them, what is lost and counted, and who may not use it at all.

import { networkInterfaces } from "node:os"
import { Dealer, Publisher, Pull } from "brokerless"
import { afterEach, describe, expect, it } from "vitest"
import { Datagram } from "../../../src/socket/datagram.ts"
import { Dish } from "../../../src/socket/radiodish/dish.ts"
import { Radio } from "../../../src/socket/radiodish/radio.ts"
import type { Socket } from "../../../src/socket/socket.ts"
import { type PlainSocket, plainSocket, portOf, vacantPort } from "../../support/datagrams.ts"
import { turns } from "../../support/sockets.ts"
import { until } from "../../support/until.ts"

const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

function kept<T extends { close(): Promise<void> }>(socket: T): T {
  open.push(socket)
  return socket
}

async function plain(): Promise<PlainSocket> {
  return kept(await plainSocket())
}

async function boundDish(options: object = {}, ...groups: string[]): Promise<{ dish: Dish; port: number }> {
  const dish = kept(new Dish(options))
  for (const group of groups) dish.join(group)
  return { dish, port: portOf(await dish.bind("udp://127.0.0.1:*")) }
}

function group(name: string): { group: Buffer } {
  return { group: Buffer.from(name) }
}

async function drop(socket: Socket, reason: keyof Socket["stats"]["dropped"], count: number): Promise<void> {
  await until(() => socket.stats.dropped[reason] >= count, `${count} messages are dropped: ${reason}`)
  expect(socket.stats.dropped[reason]).toBe(count)
}

describe("a Radio and a Dish over udp", () => {
  it("pass on what belongs to the groups that were joined, and count it on both sides", async () => {
    const { dish, port } = await boundDish({}, "a")
    const radio = kept(new Radio())
    radio.connect(`udp://127.0.0.1:${port}`)
    await radio.send(["one", group("a")])
    await radio.send(["two", group("b")])
    await radio.send(["three", group("a")])
    expect(await dish.receive()).toEqual([Buffer.from("one"), group("a")])
    expect(await dish.receive()).toEqual([Buffer.from("three"), group("a")])
    await until(() => radio.stats.messagesSent === 3, "all are sent")
    expect(radio.stats.bytesSent).toBe(14)
    expect(dish.stats.messagesReceived).toBe(3)
    expect(radio.peers[0]).toMatchObject({ address: `127.0.0.1:${port}`, socketType: "" })
    expect(
      Object.values(radio.stats.dropped)
        .concat(Object.values(dish.stats.dropped))
        .every((n) => n === 0),
    ).toBe(true)
  })

  it("say which port was chosen, and free it", async () => {
    const { dish, port } = await boundDish()
    expect(port).toBeGreaterThan(0)
    const other = kept(new Dish())
    await expect(other.bind(`udp://127.0.0.1:${port}`)).rejects.toMatchObject({ code: "EADDRINUSE" })
    await dish.unbind(`udp://127.0.0.1:${port}`)
    expect(dish.peers).toEqual([])
    expect(await other.bind(`udp://127.0.0.1:${port}`)).toBe(`udp://127.0.0.1:${port}`)
  })

  it("take names, and send what was queued until they are resolved, also if they are closed at once", async () => {
    const { dish, port } = await boundDish({}, "a")
    const radio = new Radio()
    radio.connect(`udp://localhost:${port}`)
    await radio.send(["by name", group("a")])
    await radio.close()
    expect(await dish.receive()).toEqual([Buffer.from("by name"), group("a")])
  })

  it("try a name that means nothing again and again, and closing does not wait for it", async () => {
    const radio = new Radio({ reconnectInterval: 1, sendHighWaterMark: 2 })
    const tried = radio.events.once("connect:retry")
    radio.connect("udp://nobody.invalid:5555")
    for (let i = 0; i < 4; i++) await radio.send(["lost", group("a")])
    await tried
    await radio.close({ linger: -1 })
    expect(radio.stats.dropped["high-water-mark"] + radio.stats.dropped["peer-left"]).toBe(4)
  })

  it("give up a name at once where nothing is tried again", async () => {
    const radio = kept(new Radio({ reconnectInterval: -1 }))
    const closed = radio.events.once("close")
    radio.connect("udp://nobody.invalid:5555")
    expect((await closed).endpoint).toBe("udp://nobody.invalid:5555")
    expect(radio.endpoints).toEqual([])
  })

  it("meet in a multicast group, all of them that are on this machine", async () => {
    const dishes = [kept(new Dish()), kept(new Dish())]
    const port = await vacantPort()
    const address = `udp://127.0.0.1;239.255.77.88:${port}`
    for (const dish of dishes) {
      dish.join("a")
      await dish.bind(address)
    }
    const radio = kept(new Radio({ multicastHops: () => 1 }))
    radio.connect(address)
    await radio.send(["to all", group("a")])
    for (const dish of dishes) expect(await dish.receive()).toEqual([Buffer.from("to all"), group("a")])
  })

  it("use IPv6 where it is there and wanted", async ({ skip }) => {
    const here = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
    if (!here.some(({ address }) => address === "::1")) skip("this machine has no IPv6")
    const dish = kept(new Dish({ ipv6: true }))
    dish.join("a")
    const endpoint = await dish.bind("udp://[::1]:*")
    const radio = kept(new Radio({ ipv6: true }))
    radio.connect(endpoint)
    await radio.send(["six", group("a")])
    expect(await dish.receive()).toEqual([Buffer.from("six"), group("a")])
    expect(() => kept(new Radio({ ipv6: false })).connect(endpoint)).toThrow(/the option ipv6 is off/)
  })

  it("reach a Dish of both families by an address of IPv4", async ({ skip }) => {
    const here = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
    if (!here.some(({ family }) => family === "IPv6")) skip("this machine has no IPv6")
    const dish = kept(new Dish({ ipv6: true }))
    dish.join("a")
    const port = portOf(await dish.bind("udp://*:*"))
    const radio = kept(new Radio({ ipv6: true }))
    radio.connect(`udp://localhost:${port}`)
    await radio.send(["four", group("a")])
    expect(await dish.receive()).toEqual([Buffer.from("four"), group("a")])
  })
})

describe("what is lost over udp is counted", () => {
  it("what does not fit into the queue of the receiver, and no queue grows beyond its mark", async () => {
    const { dish, port } = await boundDish({ receiveHighWaterMark: 3 }, "a")
    const sender = await plain()
    for (let i = 0; i < 10; i++) await sender.send(`\u0001a${i}`, port)
    await drop(dish, "high-water-mark", 7)
    for (let i = 0; i < 3; i++) expect(String((await dish.receive())[0])).toBe(String(i))
    // There is room again.
    await sender.send("\u0001alast", port)
    expect(String((await dish.receive())[0])).toBe("last")
  })

  it("what is malformed, and what is over maxMessageSize", async () => {
    const { dish, port } = await boundDish({ maxMessageSize: 100 }, "a")
    const sender = await plain()
    for (const datagram of ["", "\u0002a", "\u00ff", `\u0001a${"x".repeat(99)}`]) await sender.send(datagram, port)
    await sender.send(`\u0001a${"x".repeat(98)}`, port)
    expect((await dish.receive())[0]).toHaveLength(98)
    await drop(dish, "unexpected", 4)
  })

  it("what nobody has joined takes no room", async () => {
    const { dish, port } = await boundDish({ receiveHighWaterMark: 2 }, "a")
    const sender = await plain()
    for (let i = 0; i < 10; i++) await sender.send("\u0001bnoise", port)
    await sender.send("\u0001asignal", port)
    expect(String((await dish.receive())[0])).toBe("signal")
    expect(dish.stats.dropped["high-water-mark"]).toBe(0)
  })

  it("what the system refuses to send", async () => {
    const radio = kept(new Radio())
    // Broadcasting has to be asked for, and nobody does.
    radio.connect("udp://255.255.255.255:5555")
    await radio.send(["shout", group("a")])
    await drop(radio, "in-flight", 1)
    expect(radio.stats.messagesSent).toBe(0)
  })

  it("what an address that is none was given", async () => {
    const datagram = kept(new Datagram())
    await datagram.bind("udp://127.0.0.1:*")
    for (const address of ["nowhere", "127.0.0.1:0"]) await datagram.send([address, "x"])
    await drop(datagram, "unroutable", 2)
  })

  it("what was received and not read when the socket closed", async () => {
    const { dish, port } = await boundDish({}, "a")
    const sender = await plain()
    await sender.send("\u0001aunread", port)
    await until(() => dish.stats.messagesReceived === 1, "it arrives")
    await dish.close()
    expect(dish.stats.dropped.unread).toBe(1)
  })

  it("while the socket drains, what has arrived is handed out, and no more is taken", async () => {
    const { dish, port } = await boundDish({}, "a")
    const sender = await plain()
    await sender.send("\u0001afirst", port)
    await until(() => dish.stats.messagesReceived === 1, "it arrives")
    const draining = dish.drain()
    await sender.send("\u0001alate", port)
    await turns()
    expect(String((await dish.receive())[0])).toBe("first")
    await draining
    expect(dish.closed).toBe(true)
  })
})

describe("a message that is too large for a datagram", () => {
  it("is refused by a Radio that is connected over udp, before anybody gets it", async () => {
    const { dish, port } = await boundDish({}, "a")
    const radio = kept(new Radio())
    const inproc = kept(new Dish())
    inproc.join("a")
    await radio.bind("inproc://too-large")
    inproc.connect("inproc://too-large")
    await radio.waitForPeers()
    await radio.send([Buffer.alloc(8191), group("a")])
    expect((await inproc.receive())[0]).toHaveLength(8191)
    radio.connect(`udp://127.0.0.1:${port}`)
    await expect(radio.send([Buffer.alloc(8191), group("a")])).rejects.toMatchObject({ code: "EMSGSIZE" })
    await expect(radio.send(["x", group("g".repeat(128))])).rejects.toMatchObject({ code: "EMSGSIZE" })
    await radio.send([Buffer.alloc(8190), group("a")])
    expect((await dish.receive())[0]).toHaveLength(8190)
    expect((await inproc.receive())[0]).toHaveLength(8190)
  })

  it("is refused by a Datagram", async () => {
    const datagram = kept(new Datagram())
    await datagram.bind("udp://127.0.0.1:*")
    await expect(datagram.send(["127.0.0.1:1", Buffer.alloc(8193)])).rejects.toMatchObject({ code: "EMSGSIZE" })
  })

  it("is taken from others, up to what a datagram can hold", async () => {
    const { dish, port } = await boundDish({}, "a")
    const sender = await plain()
    await sender.send(Buffer.concat([Buffer.from("\u0001a"), Buffer.alloc(60_000)]), port)
    expect((await dish.receive())[0]).toHaveLength(60_000)
  })
})

describe("a Datagram", () => {
  it("talks with whoever has an address, in datagrams of nothing but the body", async () => {
    const datagram = kept(new Datagram())
    const port = portOf(await datagram.bind("udp://127.0.0.1:*"))
    const other = await plain()
    await other.send("question", port)
    const [address, question] = await datagram.receive()
    expect([String(address), String(question)]).toEqual([`127.0.0.1:${other.port}\0`, "question"])
    await datagram.send([address as Buffer, "answer"])
    await until(() => other.received.length === 1, "the answer comes")
    expect(String(other.received[0])).toBe("answer")
  })

  it("is bound once", async () => {
    const datagram = kept(new Datagram())
    await datagram.bind("udp://127.0.0.1:*")
    await expect(datagram.bind("udp://127.0.0.1:*")).rejects.toMatchObject({ code: "EINVAL" })
    expect(datagram.endpoints).toHaveLength(1)
  })
})

describe("udp", () => {
  it.each([
    ["Pull", () => new Pull()],
    ["Dealer", () => new Dealer()],
    ["Publisher", () => new Publisher()],
  ])("is not for a %s, which is told what is", async (_name, make) => {
    const socket = kept<Socket>(make())
    const refusal = {
      code: "EPROTONOSUPPORT",
      message: expect.stringContaining("accepted: tcp://, ipc:// and inproc://"),
    }
    await expect(socket.bind("udp://127.0.0.1:5555")).rejects.toMatchObject(refusal)
    expect(() => socket.connect("udp://127.0.0.1:5555")).toThrow(expect.objectContaining(refusal))
    expect(socket.endpoints).toEqual([])
  })

  it.each([
    ["udp://127.0.0.1;127.0.0.2:5555", "no multicast group"],
    ["udp://239.1.2.3", "the port is missing"],
    ["udp://127.0.0.1:65536", 'the port "65536" is not one'],
    ["udp://a b;239.1.2.3:5555", "there is no interface a b"],
    ["udp://;239.1.2.3:5555", "the host is missing"],
  ])("has no endpoint %s", (text, why) => {
    const radio = kept(new Radio())
    expect(() => radio.connect(text)).toThrow(new RegExp(why))
  })

  it("is parted with when nobody is left to receive", async () => {
    const radio = kept(new Radio())
    radio.connect("udp://127.0.0.1:5555")
    expect(radio.endpoints).toEqual(["udp://127.0.0.1:5555"])
    radio.disconnect("udp://127.0.0.1:5555")
    expect(radio.endpoints).toEqual([])
    expect(radio.peers).toEqual([])
    await radio.send(["to nobody", group("a")])
    expect(radio.stats.dropped["no-peer"]).toBe(1)
  })
})
