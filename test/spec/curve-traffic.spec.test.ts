// Traffic under CURVE over real connections of tcp, against peers that were written from the RFC by hand: what is sealed,
// what is opened, and what ends a connection without harm to anybody else.

import { Dealer, ProtocolError, Subscriber, TimeoutError, XPublisher } from "brokerless"
import { curveServer } from "brokerless/curve"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { COMMAND, CurveCaller, CurveFort, endedBy, flipped, MORE } from "../support/curve-stage.ts"
import { named, RawCurveClient, rawKeys } from "../support/raw-curve.ts"
import { frame, greeting, property, RawPeer } from "../support/raw-peer.ts"
import { take, turns } from "../support/sockets.ts"

const LONG = 2

const escaped: unknown[] = []
const noteEscape = (error: unknown): void => {
  escaped.push(error)
}

beforeEach(() => {
  escaped.length = 0
  process.on("unhandledRejection", noteEscape)
})

afterEach(async () => {
  await turns(2)
  process.off("unhandledRejection", noteEscape)
  expect(escaped).toEqual([])
})

describe("MESSAGE", () => {
  it("CURVE-20, CURVE-22, CURVE-23: has MORE inside, nothing else set, and outer flags of 0 or LONG", async () => {
    await using caller = await CurveCaller.push()
    const end = await caller.established()
    const sizes = [0, 1, 222, 223, 5, 8191, 8192, 70_000]
    await caller.socket.send(sizes.map((size) => Buffer.alloc(size, "x")))
    for (const [i, size] of sizes.entries()) {
      const { flags, body } = await end.next()
      // CURVE-38: the size of a frame is there for everybody to see.
      expect([flags, body.length]).toEqual([size + 33 > 255 ? LONG : 0, size + 33])
      const { flags: inner, payload } = end.side.open(body)
      expect([inner, payload.length]).toEqual([i < sizes.length - 1 ? MORE : 0, size])
    }
  })

  it("CURVE-16: has nonces that rise strictly, commands included", async () => {
    await using caller = await CurveCaller.push()
    const end = await caller.established()
    let last = 2n
    for (let round = 0; round < 20; round++) {
      end.traffic(end.side.command("PING", Buffer.concat([Buffer.alloc(2), Buffer.from(`${round}`)])))
      await caller.socket.send(["a", `${round}`])
      for (let i = 0; i < 3; i++) {
        const { nonce } = await end.opened()
        expect(nonce).toBeGreaterThan(last)
        last = nonce
      }
    }
  })

  it("CURVE-20: of many parts arrives whole, however the frames were cut", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    const { side } = end
    const octets = Buffer.concat(
      [side.message("a", { flags: 1 }), side.message("", { flags: 1 }), side.message("c"), side.message("next")].map(
        (body) => frame(body),
      ),
    )
    for (let at = 0; at < octets.length; at += 7) {
      end.peer.send(octets.subarray(at, at + 7))
      if (at % 21 === 0) await turns(1)
    }
    expect(await fort.received()).toEqual(["a", "", "c"])
    expect(await fort.received()).toEqual(["next"])
  })

  it("CURVE-13, ZMTP-37: that comes in one piece with READY is the first message", async () => {
    await using caller = await CurveCaller.of((options) => new Dealer(options))
    const end = await caller.introduced()
    const ready = end.side.ready({ metadata: property("Socket-Type", "DEALER") })
    end.peer.send(
      frame(ready, COMMAND),
      frame(end.side.message("first", { flags: 1 })),
      frame(end.side.message("of all")),
    )
    expect((await caller.socket.receive()).map(String)).toEqual(["first", "of all"])
  })

  it("ZMTP-39: has no limit in size where there is none", async () => {
    await using fort = new CurveFort({ maxMessageSize: -1 })
    const end = await fort.established()
    end.traffic(end.side.message(Buffer.alloc(3_000_000, "x")))
    expect((await fort.received()).map((each) => each.length)).toEqual([3_000_000])
  })

  it("CURVE-24: is accepted with the outer COMMAND flag, and with reserved bits inside", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    end.traffic(end.side.message("as a command", { flags: 1 }), COMMAND)
    end.traffic(end.side.message("and its rest"), COMMAND)
    end.traffic(end.side.message("odd bits", { flags: 0xfc }))
    end.traffic(end.side.message("x".repeat(300)), COMMAND)
    expect(await fort.received()).toEqual(["as a command", "and its rest"])
    expect(await fort.received()).toEqual(["odd bits"])
    expect(await fort.received()).toEqual(["x".repeat(300)])
  })

  it("CURVE-23: with the outer MORE flag ends the connection", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    await endedBy(fort, end, () => {
      end.traffic(end.side.message("outer", { flags: 1 }), MORE)
      end.traffic(end.side.message("inner"))
    })
  })

  it("CURVE-18: is accepted after a gap in the nonces", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    for (const nonce of [4n, 1000n, 1n << 32n, (1n << 64n) - 1n]) {
      end.traffic(end.side.message(`${nonce}`, { nonce }))
      expect(await fort.received()).toEqual([`${nonce}`])
    }
  })

  type Traffic = (side: RawCurveClient) => Buffer
  const wrong: readonly (readonly [string, Traffic])[] = [
    ["CURVE-17: the nonce of the last one", (side) => side.message("again", { nonce: side.sent })],
    ["CURVE-17: a lower nonce", (side) => side.message("late", { nonce: side.sent - 1n })],
    ["CURVE-17: the nonce of INITIATE", (side) => side.message("late", { nonce: 2n })],
    ["CURVE-17: nonce 0", (side) => side.message("zero", { nonce: 0n })],
    ["CURVE-15: the prefix of the other side", (side) => side.message("x", { prefix: "CurveZMQMESSAGES" })],
    ["CURVE-14: 32 octets", (side) => side.message("").subarray(0, 32)],
    ["CURVE-14: a name and nothing else", () => named("MESSAGE")],
    ["CURVE-14: no octets", () => Buffer.alloc(0)],
    ["another name", (side) => side.message("x", { name: "MASSAGE" })],
    ["CURVE-19: its end cut off", (side) => side.message("cut off").subarray(0, -1)],
    ["CURVE-19: an octet more", (side) => Buffer.concat([side.message("more"), Buffer.of(0)])],
    ["CURVE-19: a bit flipped in its name", (side) => flipped(side.message("x"), 20)],
    ["CURVE-19: a bit flipped in its nonce", (side) => flipped(side.message("x"), 15 * 8 + 1)],
    ["CURVE-19: a bit flipped in its tag", (side) => flipped(side.message("x"), 17 * 8)],
    ["CURVE-19: a bit flipped in its flags", (side) => flipped(side.message("x"), 32 * 8)],
    ["CURVE-19: a bit flipped in its payload", (side) => flipped(side.message("x"), 33 * 8)],
    ["an ERROR in clear", () => named("ERROR", Buffer.from("\x03400"))],
    ["a PING in clear", () => named("PING", Buffer.alloc(2))],
    ["a message in clear", () => Buffer.from("hello")],
    ["an ERROR inside", (side) => side.command("ERROR", "\x03400")],
    ["a READY inside", (side) => side.command("READY", property("Socket-Type", "PUSH"))],
    ["a command without a name inside", (side) => side.message("", { flags: 2 })],
  ]
  it.each(wrong)("CURVE-27: with %s ends the connection, without a word", async (_, make) => {
    await using fort = new CurveFort()
    const end = await fort.established()
    end.traffic(end.side.message("the first"))
    expect(await fort.received()).toEqual(["the first"])
    await endedBy(fort, end, () => end.traffic(make(end.side)))
  })

  it("CURVE-17: that is replayed octet by octet ends the connection, and is delivered once", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    const one = end.side.message("once")
    await end.peer.send(frame(one), frame(end.side.message("after it")))
    expect([await fort.received(), await fort.received()]).toEqual([["once"], ["after it"]])
    await endedBy(fort, end, () => end.traffic(one))
  })

  it("CURVE-17: two that change places end the connection, and the later alone is delivered", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    const [first, second] = [end.side.message("first"), end.side.message("second")]
    const left = fort.pull.events.once("disconnect")
    end.peer.send(frame(second), frame(first))
    expect(await fort.received()).toEqual(["second"])
    expect((await left).error).toBeInstanceOf(ProtocolError)
    expect(await end.ended()).toEqual([])
    await fort.unharmed()
  })

  it("CURVE-15: that is reflected to its sender ends the connection, and is not delivered", async () => {
    await using caller = await CurveCaller.of((options) => new Dealer(options))
    const end = await caller.established("DEALER")
    await caller.socket.send("come back")
    const left = caller.socket.events.once("disconnect")
    end.traffic((await end.next()).body)
    expect((await left).error).toBeInstanceOf(ProtocolError)
    expect(await end.ended()).toEqual([])
    expect(caller.socket.stats.messagesReceived).toBe(0)
  })

  it("CURVE-15: to a server is not one to its client, by the same two and the same nonce", async () => {
    await using fort = new CurveFort()
    const [one, other] = [await fort.established(), await fort.established()]
    const sealed = one.side.message("for the other connection")
    await endedBy(fort, other, () => other.traffic(sealed))
    one.traffic(sealed)
    expect(await fort.received()).toEqual(["for the other connection"])
  })

  it("T11: the end of a message that never comes is no message", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    const left = fort.pull.events.once("disconnect")
    end.peer.send(frame(end.side.message("the first half", { flags: 1 })))
    end.peer.socket.end()
    expect((await left).error).toBeInstanceOf(ProtocolError)
    await fort.unharmed()
  })

  it("LIMIT-5: is measured by what is inside", async () => {
    await using fort = new CurveFort({ maxMessageSize: 100, maxMessageFrames: 3 })
    const end = await fort.established()
    end.traffic(end.side.message("x".repeat(100)))
    expect(await fort.received()).toEqual(["x".repeat(100)])
    const over = await fort.established()
    await endedBy(fort, over, () => over.traffic(over.side.message("x".repeat(101))))
    const summed = await fort.established()
    await endedBy(fort, summed, () => {
      summed.traffic(summed.side.message("x".repeat(60), { flags: 1 }))
      summed.traffic(summed.side.message("x".repeat(60)))
    })
    const parts = await fort.established()
    await endedBy(fort, parts, () => {
      for (let i = 0; i < 4; i++) parts.traffic(parts.side.message("x", { flags: i < 3 ? 1 : 0 }))
    })
  })
})

describe("commands inside", () => {
  it("CURVE-21, HB-12: a PING is answered by a PONG of the same context", async () => {
    await using fort = new CurveFort()
    const end = await fort.established()
    end.traffic(end.side.command("PING", Buffer.concat([Buffer.of(0, 0), Buffer.from("context")])))
    const { flags, payload } = await end.opened()
    expect(flags).toBe(2)
    expect(payload).toEqual(named("PONG", Buffer.from("context")))
  })

  it("CURVE-21, HB-12: we send PINGs in boxes, 40 octets each, and a silent peer is given up", async () => {
    await using fort = new CurveFort({ heartbeatInterval: 20, heartbeatTimeout: 700 })
    const end = await fort.established()
    const left = fort.pull.events.once("disconnect")
    for (let i = 0; i < 3; i++) {
      const { flags, body } = await end.next()
      expect(flags).toBe(0)
      const opened = end.side.open(body)
      expect(opened.flags).toBe(2)
      const context = opened.payload.subarray(7)
      expect(opened.payload.subarray(0, 7)).toEqual(named("PING", opened.payload.subarray(5, 7)))
      if (i < 2) end.traffic(end.side.command("PONG", context))
    }
    expect((await left).error).toBeInstanceOf(TimeoutError)
  })

  it("CURVE-21: subscriptions arrive, ours as commands with flag 2 in their box", async () => {
    await using caller = await CurveCaller.of((options) => new Subscriber(options))
    const end = await caller.established("XPUB")
    caller.socket.subscribe("weather")
    caller.socket.unsubscribe("weather")
    for (const name of ["SUBSCRIBE", "CANCEL"]) {
      const { flags: outer, body } = await end.next()
      expect(outer).toBe(0)
      const { flags, payload } = end.side.open(body)
      expect([flags, payload]).toEqual([2, named(name, Buffer.from("weather"))])
    }
  })

  it("CURVE-21: subscriptions of the peer are understood, and harm no message around them", async () => {
    const server = rawKeys()
    await using publisher = new XPublisher({ security: curveServer({ ...server, anyone: true }) })
    const peer = await RawPeer.connect(await publisher.bind("tcp://127.0.0.1:*"))
    const client = new RawCurveClient(server.publicKey)
    peer.send(greeting({ mechanism: "CURVE" }), frame(client.hello(), COMMAND))
    client.takeWelcome((await peer.next()).body)
    peer.send(frame(client.initiate({ metadata: property("Socket-Type", "SUB") }), COMMAND))
    client.takeReady((await peer.next()).body)
    peer.send(
      frame(client.command("SUBSCRIBE", "a")),
      frame(client.message("\x01b")),
      frame(client.command("CANCEL", "a")),
    )
    const heard = (await take(publisher, 3)).map((message) => String(message))
    expect(heard).toEqual(["\x01a", "\x01b", "\0a"])
    await publisher.send("b is wanted")
    expect(client.open((await peer.next()).body).payload.toString()).toBe("b is wanted")
    peer[Symbol.dispose]()
  })
})
