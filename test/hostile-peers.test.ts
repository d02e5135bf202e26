// Whatever comes from the network that is not legal ZMTP ends that one connection, with an event, and disturbs nobody
// else: all the while an honest peer of the same socket asks and is answered, over the connection it began with.

import { networkInterfaces } from "node:os"
import {
  type Event,
  type EventOfType,
  HandshakeError,
  ProtocolError,
  Pull,
  type PullOptions,
  Push,
  Reply,
  type ReplyOptions,
  Request,
  TimeoutError,
} from "brokerless"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  command,
  frame,
  greeting,
  longHeader,
  message,
  property,
  RawPeer,
  RawServer,
  ready,
} from "./support/raw-peer.ts"
import { link, turns } from "./support/sockets.ts"
import { transport } from "./support/transports.ts"

const MORE = 1
const COMMAND = 4

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

/** A Reply under attack, and an honest Request that never stops asking it. */
class Town implements AsyncDisposable {
  readonly reply: Reply
  readonly events: Event[] = []
  readonly #honest = new Request({ reconnectInterval: 1 })
  #answered = 0
  #going = true
  #asking: Promise<void> = Promise.resolve()
  #serving: Promise<void> = Promise.resolve()
  endpoint = ""

  private constructor(options: ReplyOptions) {
    this.reply = new Reply(options)
  }

  static async found(options: ReplyOptions = {}, endpoint = "tcp://127.0.0.1:*"): Promise<Town> {
    const town = new Town(options)
    town.endpoint = await link(town.reply, town.#honest, endpoint)
    for (const type of ["handshake:error", "disconnect", "limit", "accept:error", "peer:join"] as const) {
      town.reply.events.on(type, (event) => town.events.push(event as Event))
    }
    town.#serving = town.reply.serve((question) => question)
    town.#asking = town.#ask()
    return town
  }

  /** The events of one type so far. */
  told<T extends Event["type"]>(type: T): EventOfType<T>[] {
    return this.events.filter((event) => event.type === type) as EventOfType<T>[]
  }

  /** The honest peer goes on, over the connection that it has had all the time. */
  async check(): Promise<void> {
    const before = this.#answered
    while (this.#answered < before + 3) await turns(1)
    expect(this.#honest.stats).toMatchObject({ reconnects: 0, handshakeFailures: 0, peers: 1 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#going = false
    await this.#asking
    await Promise.all([this.#honest.close({ linger: 0 }), this.reply.close({ linger: 0 })])
    await this.#serving
  }

  async #ask(): Promise<void> {
    for (let i = 0; this.#going; i++) {
      const answer = await this.#honest.request(`${i}`, { timeout: 10_000 })
      if (String(answer[0]) !== `${i}`) throw new Error(`The answer to ${i} was ${answer}`)
      this.#answered++
      await turns(1)
    }
  }
}

const TLS = Buffer.from("16030100c8010000c40303".padEnd(400, "5a"), "hex")

/** What may stand instead of a greeting or a handshake, none of it legal. */
const OPENINGS: Readonly<Record<string, Buffer[]>> = {
  "one octet": [Buffer.from([0])],
  zeros: [Buffer.alloc(1000)],
  text: [Buffer.from("hello, is anybody there?\n")],
  HTTP: [Buffer.from("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")],
  "a TLS ClientHello": [TLS],
  SSH: [Buffer.from("SSH-2.0-OpenSSH_9.6\r\n")],
  "telnet, as its client on Linux opens": [Buffer.from("fffd03fffb18fffb1ffffb20fffb21fffb22fffb27fffd05", "hex")],
  "ZMTP 1.0 with a long length": [Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00])],
  "ZMTP 1.0, by its version": [greeting({ major: 0 })],
  "ZMTP 2.0": [greeting({ major: 1 })],
  "another mechanism": [greeting({ mechanism: "PLAIN" })],
  "a mechanism that only begins like ours": [greeting({ mechanism: "NULLX" })],
  "a mechanism in small letters": [greeting({ mechanism: "null" })],
  "a mechanism with something behind the zeros": [greeting({ mechanism: "NULL\0\0X" })],
  "no mechanism": [greeting({ mechanism: "" })],
  "a message before READY": [greeting(), message("hello")],
  "a message of several frames before READY": [greeting(), message("hello", "there")],
  "a subscription before READY": [greeting(), frame("\x01A")],
  "a PING before READY": [greeting(), command("PING", "\0\0")],
  "HELLO, of another mechanism": [greeting(), command("HELLO")],
  "an unknown command before READY": [greeting(), command("XYZZY")],
  "a command without a name": [greeting(), frame(Buffer.alloc(0), COMMAND)],
  "a command with an empty name": [greeting(), frame(Buffer.from([0, 1, 2]), COMMAND)],
  "a command whose name runs past its end": [greeting(), frame(Buffer.from([200, 82, 69, 65]), COMMAND)],
  "a command whose name is no word": [greeting(), command("RE\0DY")],
  "a reserved flag": [greeting(), Buffer.from([0x84, 5])],
  "a command that goes on": [greeting(), frame("\x05READY", COMMAND | MORE)],
  "a command of 2^64 - 1 octets": [greeting(), longHeader(2n ** 64n - 1n, COMMAND)],
  "a command of 2^63 octets": [greeting(), longHeader(2n ** 63n, COMMAND)],
  "a command of 2^53 octets": [greeting(), longHeader(2n ** 53n, COMMAND)],
  "a command of 4 GiB": [greeting(), longHeader(2n ** 32n, COMMAND)],
  "a command of 9 KiB": [greeting(), longHeader(9 * 1024, COMMAND)],
  "metadata that ends in a name": [greeting(), command("READY", Buffer.from([11, 83, 111]))],
  "metadata that ends in a size": [greeting(), command("READY", Buffer.from([1, 65, 0, 0]))],
  "metadata that ends in a value": [greeting(), command("READY", property("X-A", "value").subarray(0, -1))],
  "a property without a name": [greeting(), command("READY", property("", "value"))],
  "a property with a name that is none": [greeting(), command("READY", property("a b", "value"))],
  "a property of 4 GiB": [greeting(), command("READY", Buffer.from([1, 65, 255, 255, 255, 255]))],
  "too many properties": [greeting(), command("READY", Buffer.concat(Array(65).fill(property("X", ""))))],
  "a routing id of 256 octets": [
    greeting(),
    command("READY", Buffer.concat([property("Socket-Type", "REQ"), property("Identity", Buffer.alloc(256, 1))])),
  ],
  "a routing id that begins with zero": [
    greeting(),
    command("READY", Buffer.concat([property("Socket-Type", "REQ"), property("Identity", "\0abcd")])),
  ],
}

describe("before the handshake is complete", () => {
  it.each(Object.keys(OPENINGS))("LIMIT-12: %s ends the connection, and nothing else", async (name) => {
    await using town = await Town.found()
    using raw = await RawPeer.connect(town.endpoint)
    raw.send(...(OPENINGS[name] as Buffer[]))
    await raw.closed
    expect(town.told("handshake:error")).toMatchObject([
      { endpoint: town.endpoint, error: expect.any(ProtocolError), fatal: false },
    ])
    expect(town.told("handshake:error")[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(town.told("peer:join")).toEqual([])
    expect(town.reply.stats).toMatchObject({ handshakeFailures: 1, peers: 1 })
    await town.check()
  })

  it.each([0, 1, 9, 10, 11, 12, 33, 63, 64, 70])("a peer that leaves after %i octets is told of", async (octets) => {
    await using town = await Town.found()
    using raw = await RawPeer.connect(town.endpoint)
    raw.socket.end(Buffer.concat([greeting(), ready("REQ")]).subarray(0, octets))
    await raw.closed
    expect(town.told("handshake:error")).toMatchObject([{ error: expect.any(ProtocolError), fatal: false }])
    await town.check()
  })

  it("a peer that resets the connection is told of", async () => {
    await using town = await Town.found()
    using raw = await RawPeer.connect(town.endpoint)
    raw.send(greeting().subarray(0, 20))
    const told = town.reply.events.once("handshake:error")
    await turns(5)
    raw.socket.resetAndDestroy()
    expect((await told).error).toBeInstanceOf(Error)
    await town.check()
  })

  it("ZMTP-44: ERROR ends the connection", async () => {
    await using town = await Town.found()
    using raw = await RawPeer.connect(town.endpoint)
    raw.send(greeting(), command("ERROR", "\x03400"))
    await raw.closed
    expect(town.told("handshake:error")).toMatchObject([{ error: expect.any(HandshakeError), fatal: false }])
    expect(town.told("handshake:error")[0]?.error.message).toContain("400")
    await town.check()
  })

  it("ZMTP-55, ZMTP-56: a socket type that does not fit is told so by ERROR, and the connection closed", async () => {
    for (const type of ["PUB", "REP", "rep", "", "X".repeat(200), "__proto__"]) {
      await using town = await Town.found()
      using raw = await RawPeer.connect(town.endpoint)
      raw.send(greeting(), ready(type))
      if (type === "") {
        // Saying nothing is no lie: such a peer is let in.
        while (town.told("peer:join").length === 0) await turns(1)
        continue
      }
      const names: string[] = []
      for (let found = ""; found !== "ERROR"; names.push(found)) {
        found = (await raw.next()).body.toString("latin1", 1, 6)
      }
      expect(names).toEqual(["READY", "ERROR"])
      raw.socket.end()
      await raw.closed
      expect(town.told("handshake:error")).toMatchObject([{ error: expect.any(HandshakeError) }])
      expect(town.told("handshake:error")[0]?.error.message).toContain("it accepts REQ and DEALER")
      await town.check()
    }
  })

  it("LIMIT-3: a handshake that trickles in is ended by its deadline, however many octets come", async () => {
    await using town = await Town.found({ handshakeInterval: 100 })
    const before = town.told("handshake:error").length
    using silent = await RawPeer.connect(town.endpoint)
    using slow = await RawPeer.connect(town.endpoint)
    let over = false
    void slow.closed.then(() => {
      over = true
    })
    const octets = Buffer.concat([greeting(), Buffer.from([COMMAND, 200])])
    for (let i = 0; !over; i++) {
      slow.send(octets.subarray(i % octets.length, (i % octets.length) + (i < octets.length ? 1 : 0)))
      await turns(1)
    }
    await silent.closed
    const told = town.told("handshake:error").slice(before)
    expect(told.map(({ error }) => error instanceof TimeoutError)).toEqual([true, true])
    await town.check()
  })
})

/** What may come from a peer whose handshake is complete, none of it legal. */
const TRAFFIC: Readonly<Record<string, Buffer[]>> = {
  "flag 0x08": [Buffer.from([0x08, 0])],
  "flag 0x10 and a body": [Buffer.from([0x10, 1, 65])],
  "flag 0x80": [Buffer.from([0x80, 0])],
  "every flag": [Buffer.alloc(100, 0xff)],
  "a command that goes on": [frame("\x04PING\0\0", COMMAND | MORE)],
  "a command without a name": [frame(Buffer.alloc(0), COMMAND)],
  "a command with an empty name": [frame(Buffer.from([0, 65]), COMMAND)],
  "a command whose name runs past its end": [frame(Buffer.from([9, 65]), COMMAND)],
  "a command whose name is no word": [command("A B")],
  "a PING without a time to live": [command("PING", "\0")],
  "a second READY": [ready("REQ")],
  HELLO: [command("HELLO")],
  ERROR: [command("ERROR", "\x03500")],
  "a frame of 2^64 - 1 octets": [longHeader(2n ** 64n - 1n)],
  "a frame of 2^63 - 1 octets": [longHeader(2n ** 63n - 1n)],
  "a frame of 2^32 + 1 octets": [longHeader(2n ** 32n + 1n)],
  "a frame just over 64 MiB": [longHeader(64 * 1024 * 1024 + 1)],
  "a command just over 64 MiB": [longHeader(64 * 1024 * 1024 + 1, COMMAND)],
  "frames that are over 64 MiB together": [frame("x".repeat(1000), MORE), longHeader(64 * 1024 * 1024 - 999)],
  "a message that never ends": [Buffer.concat(Array(1025).fill(frame("", MORE)))],
}

describe("in traffic", () => {
  it.each(Object.keys(TRAFFIC))("LIMIT-12: %s ends the connection, and nothing else", async (name) => {
    await using town = await Town.found()
    using raw = await RawPeer.join(town.endpoint, "REQ")
    raw.send(message("", "a legal question"))
    while ((await raw.nextOfNote()).body.toString() !== "a legal question");
    raw.send(...(TRAFFIC[name] as Buffer[]))
    await raw.closed
    const peer = town.told("peer:join")[0]?.peer
    expect(town.told("disconnect")).toMatchObject([{ endpoint: town.endpoint, peer, error: expect.any(ProtocolError) }])
    expect(town.told("handshake:error")).toEqual([])
    expect(town.reply.peers.length).toBe(1)
    await town.check()
  })

  it("ZMTP-33: what came before an illegal frame is delivered, and nothing of the message it stands in", async () => {
    await using pull = new Pull()
    await using honest = new Push()
    const endpoint = await link(pull, honest, "tcp://127.0.0.1:*")
    using raw = await RawPeer.join(endpoint, "PUSH")
    const left = pull.events.once("peer:leave")
    raw.send(message("whole"), frame("part", MORE), frame("another", MORE), Buffer.from([0x40, 0]))
    await left
    await honest.send("honest")
    expect(
      (await pull.receiveMany())
        .map(String)
        .concat((await pull.receiveMany()).map(String))
        .sort(),
    ).toEqual(["honest", "whole"])
  })

  it("ZMTP-43: well-formed commands that we do not know are ignored", async () => {
    await using town = await Town.found()
    using raw = await RawPeer.join(town.endpoint, "REQ")
    for (const unknown of ["XYZZY", "join", "A", "Z".repeat(255)]) raw.send(command(unknown), command(unknown, "data"))
    raw.send(command("JOIN", "group"), command("SUBSCRIBE", "topic"), command("CANCEL", "topic"))
    raw.send(frame("", MORE), command("XYZZY", "between the frames"), frame("question"))
    expect((await raw.nextOfNote()).body.length).toBe(0)
    expect(String((await raw.nextOfNote()).body)).toBe("question")
    expect(town.told("disconnect")).toEqual([])
    await town.check()
  })

  it("a request without an envelope is dropped and counted, and the service goes on", async () => {
    await using town = await Town.found()
    using raw = await RawPeer.join(town.endpoint, "REQ")
    raw.send(message("no delimiter"), message("no", "delimiter"), message(""), message("", "question"))
    expect((await raw.nextOfNote()).body.length).toBe(0)
    expect(String((await raw.nextOfNote()).body)).toBe("question")
    expect(town.reply.stats.dropped.unexpected).toBe(3)
    await town.check()
  })

  it("HB-13: a flood of PINGs is answered, and holds up nobody", async () => {
    await using town = await Town.found()
    using raw = await RawPeer.join(town.endpoint, "REQ")
    for (let i = 0; i < 50; i++) raw.send(Buffer.concat(Array(200).fill(command("PING", `\0\0${i}`))))
    await town.check()
    raw.send(command("PING", "\0\0last"))
    while ((await raw.next()).body.toString() !== "\x04PONGlast");
    await town.check()
  })
})

describe("limits", () => {
  /** A Pull under attack, with an honest Push. */
  async function pulling(options: PullOptions): Promise<
    AsyncDisposable & {
      pull: Pull
      endpoint: string
      limits: EventOfType<"limit">[]
      check(): Promise<void>
    }
  > {
    const pull = new Pull({ receiveTimeout: 10_000, ...options })
    const honest = new Push({ linger: 0 })
    const endpoint = await link(pull, honest, "tcp://127.0.0.1:*")
    const limits: EventOfType<"limit">[] = []
    pull.events.on("limit", (event) => limits.push(event))
    return {
      pull,
      endpoint,
      limits,
      async check() {
        await honest.send("honest")
        expect(String(await pull.receive())).toBe("honest")
        expect(honest.stats.reconnects).toBe(0)
      },
      async [Symbol.asyncDispose]() {
        await Promise.all([pull.close(), honest.close()])
      },
    }
  }

  it("LIMIT-5: maxMessageSize is for all frames together, and beyond it nothing is delivered", async () => {
    await using all = await pulling({ maxMessageSize: 1000 })
    using raw = await RawPeer.join(all.endpoint, "PUSH")
    raw.send(message(Buffer.alloc(1000, "a")), message(Buffer.alloc(900), Buffer.alloc(100)))
    expect((await all.pull.receive()).map((each) => each.length)).toEqual([1000])
    expect((await all.pull.receive()).map((each) => each.length)).toEqual([900, 100])
    raw.send(message(Buffer.alloc(900), Buffer.alloc(101)))
    await raw.closed
    expect(all.limits).toMatchObject([{ limit: "maxMessageSize", count: 1, endpoint: all.endpoint }])
    using other = await RawPeer.join(all.endpoint, "PUSH")
    // The announcement is enough.
    other.send(longHeader(1001))
    await other.closed
    await all.check()
    expect(all.pull.readable).toBe(false)
  })

  it("LIMIT-5: maxMessageFrames", async () => {
    await using all = await pulling({ maxMessageFrames: 3 })
    using raw = await RawPeer.join(all.endpoint, "PUSH")
    raw.send(message("1", "2", "3"))
    expect((await all.pull.receive()).map(String)).toEqual(["1", "2", "3"])
    raw.send(message("1", "2", "3", "4"))
    await raw.closed
    expect(all.limits).toMatchObject([{ limit: "maxMessageFrames", count: 1 }])
    await all.check()
    expect(all.pull.readable).toBe(false)
  })

  it("LIMIT-1: maxHandshakeBytes bounds a handshake, whatever it is made of", async () => {
    const attacks = [
      // A command that would fit, but has not ended when the limit is reached.
      [greeting(), Buffer.from([COMMAND, 120]), Buffer.alloc(110, 65)],
      // One that could not fit.
      [greeting(), longHeader(500, COMMAND)],
    ]
    for (const attack of attacks) {
      await using all = await pulling({ maxHandshakeBytes: 128 })
      using raw = await RawPeer.connect(all.endpoint)
      const told = all.pull.events.once("handshake:error")
      raw.send(...attack)
      await raw.closed
      expect((await told).error).toBeInstanceOf(ProtocolError)
      expect(all.limits).toMatchObject([{ limit: "maxHandshakeBytes", count: 1 }])
      await all.check()
    }
  })

  it("LIMIT-8: metadata is bounded in properties and in octets", async () => {
    await using all = await pulling({ maxMetadataProperties: 3, maxMetadataBytes: 100 })
    const type = property("Socket-Type", "PUSH")
    for (const [metadata, fine] of [
      [Buffer.concat([type, property("X-A", ""), property("X-B", "")]), true],
      [Buffer.concat([type, property("X-A", ""), property("X-A", ""), property("X-A", "")]), false],
      [Buffer.concat([type, property("X-A", Buffer.alloc(100 - type.length - 8))]), true],
      [Buffer.concat([type, property("X-A", Buffer.alloc(101 - type.length - 8))]), false],
    ] as const) {
      using raw = await RawPeer.connect(all.endpoint)
      raw.send(greeting(), command("READY", metadata))
      if (fine) {
        raw.send(message("in"))
        expect(String(await all.pull.receive())).toBe("in")
      } else {
        await raw.closed
      }
    }
    expect(all.pull.stats.handshakeFailures).toBe(2)
    await all.check()
  })

  it("ZMTP-61, ZMTP-62, ZMTP-63: odd properties are only properties, the first of a name wins", async () => {
    await using all = await pulling({})
    using raw = await RawPeer.connect(all.endpoint)
    const joined = all.pull.events.once("peer:join")
    const odd = ["constructor", "toString", "hasOwnProperty", "X-Name", "x-name", "X-NAME"]
    const properties = odd.map((name, i) => property(name, `${i}`))
    raw.send(greeting(), command("READY", Buffer.concat([property("Socket-Type", "PUSH"), ...properties])))
    const { metadata } = (await joined).peer
    expect([...metadata].map(([name, value]) => [name, String(value)])).toEqual([
      ["socket-type", "PUSH"],
      ["constructor", "0"],
      ["tostring", "1"],
      ["hasownproperty", "2"],
      ["x-name", "3"],
    ])
    await all.check()
  })

  it("LIMIT-2: maxPendingHandshakes: the oldest makes room, and honest newcomers get in", async () => {
    await using all = await pulling({ maxPendingHandshakes: 3 })
    const refused = all.pull.events.once("handshake:error")
    const half: RawPeer[] = []
    for (let i = 0; i < 3; i++) {
      const accepted = all.pull.events.once("accept")
      half.push(await RawPeer.connect(all.endpoint))
      await accepted
    }
    expect(all.limits).toEqual([])
    await using newcomer = new Push()
    newcomer.connect(all.endpoint)
    await newcomer.send("from the newcomer")
    expect(String(await all.pull.receive())).toBe("from the newcomer")
    await half[0]?.closed
    expect((await refused).error.message).toContain("maxPendingHandshakes")
    expect(all.limits).toMatchObject([{ limit: "maxPendingHandshakes", count: 1 }])
    // The others are still welcome.
    half[1]?.send(greeting(), ready("PUSH"), message("late"))
    expect(String(await all.pull.receive())).toBe("late")
    await all.check()
    for (const raw of half) raw[Symbol.dispose]()
  })

  const outside = Object.values(networkInterfaces())
    .flat()
    .find((each) => each?.family === "IPv4" && !each.internal)?.address

  it.skipIf(outside === undefined)(
    "LIMIT-2: maxPendingHandshakesPerAddress: the oldest of that address makes room; loopback has the total alone",
    async () => {
      await using pull = new Pull({ maxPendingHandshakesPerAddress: 2, receiveTimeout: 10_000 })
      const endpoint = await pull.bind("tcp://0.0.0.0:*")
      const port = endpoint.slice(endpoint.lastIndexOf(":"))
      const limits: string[] = []
      pull.events.on("limit", ({ limit }) => limits.push(limit))
      const open = async (host: string): Promise<RawPeer> => {
        const accepted = pull.events.once("accept")
        const raw = await RawPeer.connect(`tcp://${host}${port}`)
        await accepted
        return raw
      }
      const local = [await open("127.0.0.1"), await open("127.0.0.1"), await open("127.0.0.1")]
      expect(limits).toEqual([])
      const far = [await open(outside as string), await open(outside as string)]
      expect(limits).toEqual([])
      far.push(await open(outside as string))
      await far[0]?.closed
      expect(limits).toEqual(["maxPendingHandshakesPerAddress"])
      for (const [i, raw] of [...local, ...far.slice(1)].entries()) {
        raw.send(greeting(), ready("PUSH"), message(`${i}`))
        expect(String(await pull.receive())).toBe(`${i}`)
      }
      for (const raw of [...local, ...far]) raw[Symbol.dispose]()
    },
  )

  it.each(["inproc", "tcp"] as const)(
    "maxConnections, over %s: who is there stays, and a place is given again",
    async (name) => {
      await using pull = new Pull({ maxConnections: 2, receiveTimeout: 10_000 })
      const limits: string[] = []
      pull.events.on("limit", ({ limit }) => limits.push(limit))
      const endpoint = await pull.bind(transport(name).any())
      const [one, two] = [new Push(), new Push()]
      await using three = new Push({ reconnectInterval: 1, reconnectMaxInterval: 5, linger: 0 })
      for (const [i, push] of [one, two].entries()) {
        push.connect(endpoint)
        await pull.waitForPeers(i + 1)
      }
      const limited = pull.events.once("limit")
      three.connect(endpoint)
      await limited
      expect([pull.peers.length, new Set(limits)]).toEqual([2, new Set(["maxConnections"])])
      await one.send("one")
      await two.send("two")
      expect([String(await pull.receive()), String(await pull.receive())].sort()).toEqual(["one", "two"])
      await three.send("three")
      await one.close()
      expect(String(await pull.receive())).toBe("three")
      expect(pull.peers.length).toBe(2)
      await two.close()
    },
  )
})

describe("a hostile server", () => {
  it("that sends nonsense is tried again, and told of", async () => {
    for (const nonsense of [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"), greeting({ mechanism: "PLAIN" })]) {
      await using server = await RawServer.listen()
      await using push = new Push({ reconnectInterval: 1, linger: 0 })
      await using pull = new Pull({ receiveTimeout: 10_000 })
      push.connect(await pull.bind("inproc://*".replace("*", `${Math.random()}`)))
      const told = push.events.once("handshake:error")
      const retried = push.events.once("connect:retry")
      push.connect(server.endpoint)
      using first = await server.accept()
      first.send(nonsense)
      await first.closed
      expect(await told).toMatchObject({ endpoint: server.endpoint, error: expect.any(ProtocolError), fatal: false })
      await retried
      using _second = await server.accept()
      expect(push.endpoints).toContain(server.endpoint)
      await push.waitForPeers()
      await push.send("to the honest one")
      expect(String(await pull.receive())).toBe("to the honest one")
    }
  })

  it("ZMTP-45, OPT-18: that refuses us is given up, visibly", async () => {
    for (const refusal of [command("ERROR", "\x03400"), ready("PUB")]) {
      await using server = await RawServer.listen()
      await using push = new Push({ reconnectInterval: 1, linger: 0 })
      const told = push.events.once("handshake:error")
      const closed = push.events.once("close")
      push.connect(server.endpoint)
      using peer = await server.accept()
      const waiting = push.waitForPeers()
      const rejected = expect(waiting).rejects.toMatchObject({ code: "EHOSTUNREACH" })
      peer.send(greeting(), refusal)
      expect(await told).toMatchObject({ error: expect.any(HandshakeError), fatal: true })
      peer.socket.end()
      expect(await closed).toMatchObject({ endpoint: server.endpoint, error: expect.any(HandshakeError) })
      await rejected
      expect(push.endpoints).toEqual([])
    }
  })

  it("T19: is held to the same limits as a client", async () => {
    await using server = await RawServer.listen()
    await using pull = new Pull({ reconnectInterval: 1, maxMessageSize: 100, receiveTimeout: 10_000 })
    const limited = pull.events.once("limit")
    pull.connect(server.endpoint)
    using first = await server.admit("PUSH")
    first.send(message("fine"), longHeader(101))
    expect(String(await pull.receive())).toBe("fine")
    expect(await limited).toMatchObject({ limit: "maxMessageSize" })
    await first.closed
    using second = await server.admit("PUSH")
    second.send(message("fine again"))
    expect(String(await pull.receive())).toBe("fine again")
  })
})
