import fc from "fast-check"
import { describe, expect, it, vi } from "vitest"
import { EMPTY } from "../../src/bytes.ts"
import { HandshakeError, ProtocolError } from "../../src/errors.ts"
import { compatible, SOCKET_TYPES, type SocketType } from "../../src/socket-type.ts"
import { LimitError } from "../../src/zmtp/decoder.ts"
import { Encoder } from "../../src/zmtp/encoder.ts"
import {
  CANCEL,
  Engine,
  type EngineLimits,
  isFatal,
  MESSAGE,
  MismatchError,
  NOTHING,
  PING,
  PONG,
  READY,
  SUBSCRIBE,
} from "../../src/zmtp/engine.ts"
import type { Mechanism, MechanismSetup, Protection } from "../../src/zmtp/mechanism.ts"
import { decodeMetadata, encodeMetadata } from "../../src/zmtp/metadata.ts"
import { nullMechanism } from "../../src/zmtp/null.ts"
import { cuts } from "../support/cuts.ts"

const LIMITS: EngineLimits = {
  maxMessageSize: 1024 * 1024,
  maxMessageFrames: 100,
  maxHandshakeBytes: 16 * 1024,
  maxHandshakeFrameSize: 8 * 1024,
  maxTopicSize: 4096,
}

// ── what a peer says ─────────────────────────────────────────────────────────────────────────────────────────────

function greeting({ major = 3, minor = 1, mechanism = "NULL" } = {}): Buffer {
  const octets = Buffer.alloc(64)
  octets[0] = 0xff
  octets[9] = 0x7f
  octets[10] = major
  octets[11] = minor
  octets.write(mechanism, 12, "latin1")
  return octets
}

function frame(flags: number, body: string | Buffer): Buffer {
  const octets = typeof body === "string" ? Buffer.from(body, "latin1") : body
  if (octets.length < 256) return Buffer.concat([Buffer.of(flags, octets.length), octets])
  const header = Buffer.alloc(9)
  header[0] = flags | 2
  header.writeBigUInt64BE(BigInt(octets.length), 1)
  return Buffer.concat([header, octets])
}

function command(name: string, data: string | Buffer = ""): Buffer {
  return frame(4, Buffer.concat([Buffer.of(name.length), Buffer.from(name), Buffer.from(data as string, "latin1")]))
}

function message(...frames: (string | Buffer)[]): Buffer {
  return Buffer.concat(frames.map((body, n) => frame(n < frames.length - 1 ? 1 : 0, body)))
}

function ready(socketType: string, ...more: [string, Buffer | string][]): Buffer {
  return command("READY", encodeMetadata([["Socket-Type", socketType], ...more]))
}

const HELLO = Buffer.concat([greeting(), ready("PUSH")])

// ── what the engine makes of it ──────────────────────────────────────────────────────────────────────────────────

function nullOf(type: SocketType, setup: Partial<MechanismSetup> = {}): Mechanism {
  const limits = { maxProperties: 64, maxBytes: 8192 }
  return nullMechanism({ metadata: encodeMetadata([["Socket-Type", type]]), limits, ...setup })
}

interface Made {
  /** Meanings in their order, and how it ended if it did. */
  readonly log: string[]
  readonly sent: Buffer
  readonly engine: Engine
  readonly error: unknown
}

interface Ours {
  readonly type?: SocketType
  readonly mechanism?: () => Mechanism
  readonly limits?: Partial<EngineLimits>
}

function feed(chunks: readonly Buffer[], ours: Ours = {}): Made {
  const type = ours.type ?? "PULL"
  const engine = new Engine(type, (ours.mechanism ?? (() => nullOf(type)))(), { ...LIMITS, ...ours.limits })
  const encoder = new Encoder()
  const log: string[] = []
  let error: unknown
  engine.output(encoder)
  try {
    for (const chunk of chunks) {
      engine.push(chunk)
      engine.output(encoder)
      for (let meaning = engine.next(); meaning !== NOTHING; meaning = engine.next()) log.push(told(engine, meaning))
      engine.output(encoder)
    }
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError || thrown instanceof HandshakeError)) throw thrown
    error = thrown
    log.push(thrown instanceof LimitError ? `limit ${thrown.limit}` : thrown.name)
  }
  return { log, sent: Buffer.concat(encoder.finish()?.chunks ?? []), engine, error }
}

function told(engine: Engine, meaning: number): string {
  const text = (octets: Buffer) => octets.toString("latin1")
  if (meaning === READY) return `ready ${engine.peer?.socketType}`
  if (meaning === MESSAGE) return `message ${engine.message.map(text).join("|")}`
  if (meaning === SUBSCRIBE) return `subscribe ${text(engine.topic)}`
  if (meaning === CANCEL) return `cancel ${text(engine.topic)}`
  if (meaning === PING) return `ping ${engine.timeToLive} ${text(engine.context)}`
  if (meaning === PONG) return `pong ${text(engine.context)}`
  return `what is ${meaning}?`
}

/** The same log, however the octets are cut. Returns what came of them whole. */
function expectAnyway(stream: Buffer, log: string[], ours: Ours = {}): Made {
  for (const { name, chunks } of cuts(stream)) {
    const found = feed(chunks, ours).log
    if (found.join("\n") !== log.join("\n")) expect(found, name).toEqual(log)
  }
  const made = feed([stream], ours)
  expect(made.log).toEqual(log)
  return made
}

/** What follows a handshake of a PUSH with our PULL. */
function expectTraffic(stream: Buffer, log: string[], ours: Ours = {}): Made {
  return expectAnyway(Buffer.concat([HELLO, stream]), ["ready PUSH", ...log], ours)
}

describe("the greeting", () => {
  it("ZMTP-1, ZMTP-3, ZMTP-5: is sent whole before anything of the peer has arrived", () => {
    const { sent, log } = feed([])
    expect(sent.equals(greeting())).toBe(true)
    expect(log).toEqual([])
  })

  it("ZMTP-4: of a peer that withholds its end meets no deadlock", () => {
    const { log, sent } = feed([HELLO.subarray(0, 11), HELLO.subarray(11, 64), HELLO.subarray(64)])
    expect(log).toEqual(["ready PUSH"])
    expect(sent.length).toBeGreaterThan(64)
  })

  it("ZMTP-14: may come octet by octet, or glued to what follows", () => {
    expectAnyway(Buffer.concat([HELLO, message("a", "b")]), ["ready PUSH", "message a|b"])
  })

  it("ZMTP-2, ZMTP-17: may hold anything in its padding and filler", () => {
    const odd = Buffer.from(HELLO)
    odd.fill(0xa5, 1, 9)
    odd.fill(0x5a, 33, 64)
    expectAnyway(odd, ["ready PUSH"])
  })

  it("ZMTP-12: may say anything in its as-server octet", () => {
    const odd = Buffer.from(HELLO)
    odd[32] = 1
    expectAnyway(odd, ["ready PUSH"])
  })

  it.each([
    [3, 0, 0],
    [3, 1, 1],
    [3, 7, 7],
    [3, 255, 255],
    [4, 0, 1],
    [255, 3, 1],
  ])("ZMTP-6, ZMTP-7: of version %i.%i is spoken with as 3.%i", (major, minor, as) => {
    const { engine } = expectAnyway(Buffer.concat([greeting({ major, minor }), ready("PUSH")]), ["ready PUSH"])
    expect(engine.minor).toBe(as)
    expect(engine.heartbeats).toBe(as > 0)
  })

  it.each([0, 1, 2])("ZMTP-8, ZMTP-15: of version %i ends the connection", (major) => {
    expectAnyway(Buffer.concat([greeting({ major }), ready("PUSH")]), ["ProtocolError"])
  })

  it("ZMTP-16: of another protocol ends the connection", () => {
    for (const opening of [
      "GET / HTTP/1.1\r\n",
      "\x16\x03\x01\x02\x00\x01",
      "SSH-2.0-x\r\n",
      "\xff\xfb\x01\xff\xfb\x03",
    ]) {
      const octets = Buffer.concat([Buffer.from(opening, "latin1"), Buffer.alloc(64, 0x20)])
      expectAnyway(octets, ["ProtocolError"])
    }
  })

  it("ZMTP-9, ZMTP-10, ZMTP-68: with another mechanism ends the connection, and nothing is delivered", () => {
    for (const mechanism of ["PLAIN", "CURVE", "NULLX", "NUL", "null", ""]) {
      expectAnyway(Buffer.concat([greeting({ mechanism }), ready("PUSH"), message("x")]), ["ProtocolError"])
    }
    for (let at = 12; at < 32; at++) {
      const odd = Buffer.from(HELLO)
      odd[at] = (odd[at] as number) ^ 0x01
      expect(feed([odd]).log, `octet ${at}`).toEqual(["ProtocolError"])
    }
  })

  it("ZMTP-11: of an old peer ends the connection under any mechanism", () => {
    expectAnyway(greeting({ major: 1, mechanism: "XOR" }), ["ProtocolError"], { mechanism: () => new Xor("PULL") })
  })
})

describe("the handshake", () => {
  it("NULL-1: says READY as soon as it has seen the greeting, without waiting for the peer's", () => {
    const { sent } = feed([greeting()])
    expect(sent.subarray(64).equals(ready("PULL"))).toBe(true)
    expect(feed([HELLO]).sent.equals(sent)).toBe(true)
  })

  it("NULL-2: is over when READY was sent and received", () => {
    const engine = new Engine("PULL", nullOf("PULL"), LIMITS)
    expect(engine.next()).toBe(NOTHING)
    engine.push(greeting())
    expect([engine.next(), engine.phase]).toEqual([NOTHING, "handshake"])
    engine.push(ready("PUSH"))
    expect([engine.next(), engine.phase]).toEqual([READY, "traffic"])
  })

  it("NULL-3: loses nothing that arrives glued to READY", () => {
    expectTraffic(Buffer.concat([message("1"), command("PING", "\0\0"), message("2", "3")]), [
      "message 1",
      "ping 0 ",
      "message 2|3",
    ])
  })

  it("NULL-4: ends at a message frame in the place of READY, which is not delivered", () => {
    expectAnyway(Buffer.concat([greeting(), message("hello"), ready("PUSH")]), ["ProtocolError"])
    expectAnyway(Buffer.concat([greeting(), message("")]), ["ProtocolError"])
  })

  it("NULL-5: ends at a second READY", () => {
    expectTraffic(Buffer.concat([ready("PUSH"), message("x")]), ["ProtocolError"])
  })

  it("NULL-6: knows READY without the COMMAND flag", () => {
    const bare = ready("PUSH")
    bare[0] = 0
    expectAnyway(Buffer.concat([greeting(), bare, message("x")]), ["ready PUSH", "message x"])
  })

  it("HB-9: ends at a PING, and at any other command before READY", () => {
    for (const name of ["PING", "PONG", "SUBSCRIBE", "HELLO", "WELCOME", "INITIATE", "MESSAGE", "UNKNOWN"]) {
      const { sent } = expectAnyway(Buffer.concat([greeting(), command(name, "\0\0"), ready("PUSH")]), [
        "ProtocolError",
      ])
      expect(sent.includes("PONG")).toBe(false)
    }
  })

  it("ZMTP-44, ZMTP-45: takes ERROR for a refusal, which is final", () => {
    const { error } = expectAnyway(Buffer.concat([greeting(), command("ERROR", "\x05sorry")]), ["HandshakeError"])
    expect(isFatal(error)).toBe(true)
    expect((error as Error).message).toContain("sorry")
  })

  it("ZMTP-46: other faults are not final", () => {
    expect(isFatal(feed([Buffer.from("GET /")]).error)).toBe(false)
    expect(isFatal(feed([greeting(), message("x")]).error)).toBe(false)
  })

  it("ZMTP-28, ZMTP-30, ZMTP-42: ends at frames and commands that may not be", () => {
    for (const odd of [frame(8, "x"), frame(5, "\x05READY"), frame(4, ""), frame(4, "\x00"), frame(4, "\x06READY")]) {
      expectAnyway(Buffer.concat([greeting(), odd]), ["ProtocolError"])
    }
  })

  it("ZMTP-49, ZMTP-52: ends at metadata that is malformed", () => {
    for (const data of ["\x00\x00\x00\x00\x00", "\x0bSocket-Type\x00\x00\x00\x05PUSH", "\x0bSocket-Ty"]) {
      expectAnyway(Buffer.concat([greeting(), command("READY", data)]), ["ProtocolError"])
    }
  })

  it("LIMIT-8: ends at more metadata than allowed", () => {
    const mechanism = () => nullOf("PULL", { limits: { maxProperties: 1, maxBytes: 8192 } })
    expectAnyway(Buffer.concat([greeting(), ready("PUSH", ["X-a", ""])]), ["limit maxMetadataProperties"], {
      mechanism,
    })
  })

  it("LIMIT-1: takes frames of up to 8 KiB, and no larger one, whatever messages may be", () => {
    const padding = (size: number) => ready("PUSH", ["X-padding", Buffer.alloc(size)])
    const overhead = padding(0).length - 2
    const mechanism = () => nullOf("PULL", { limits: { maxProperties: 64, maxBytes: 64 * 1024 } })
    const fitting = Buffer.concat([greeting(), padding(8192 - overhead)])
    expectAnyway(fitting, ["ready PUSH"], { mechanism })
    const over = Buffer.concat([greeting(), padding(8192 - overhead + 1)])
    expectAnyway(over, ["limit maxHandshakeFrameSize"], { mechanism })
    // It is the announcement that is refused.
    expect(feed([over.subarray(0, 64 + 9)], { mechanism }).log).toEqual(["limit maxHandshakeFrameSize"])
    const limits = { maxHandshakeFrameSize: 10_000, maxHandshakeBytes: 9000 }
    expectAnyway(over, ["ready PUSH"], { mechanism, limits })
    expectAnyway(Buffer.concat([greeting(), padding(9000)]), ["limit maxHandshakeBytes"], { mechanism, limits })
  })

  it("LIMIT-1: takes no more octets in all than allowed, however small its frames", () => {
    const chatty = () => new Chatty(1000)
    const talk = (count: number) =>
      Buffer.concat([
        greeting({ mechanism: "CHATTY" }),
        ...Array.from({ length: count }, () => command("X", "y".repeat(97))),
      ])
    expect(feed([talk(161)], { mechanism: chatty }).log).toEqual([])
    for (const size of [64, 1000, 20_000]) {
      const chunks: Buffer[] = []
      for (let at = 0; at < talk(162).length; at += size) chunks.push(talk(162).subarray(at, at + size))
      expect(feed(chunks, { mechanism: chatty }).log).toEqual(["limit maxHandshakeBytes"])
    }
    expect(feed([talk(2)], { mechanism: chatty, limits: { maxHandshakeBytes: 200 } }).log).toEqual([
      "limit maxHandshakeBytes",
    ])
  })

  it("B9, LIMIT-1: is too long however it is cut, also where it would be complete", () => {
    const whole = Buffer.concat([greeting(), ready("PUSH", ["X-a", "0123456789"])])
    for (const over of [0, 1]) {
      const limits = { maxHandshakeBytes: whole.length - over }
      expectAnyway(whole, [over === 0 ? "ready PUSH" : "limit maxHandshakeBytes"], { limits })
    }
  })

  it("B7: ends at a message that begins in it, and delivers nothing of it", () => {
    const begun = Buffer.concat([greeting(), frame(1, "early")])
    expectAnyway(begun, ["ProtocolError"])
    expectAnyway(Buffer.concat([begun, ready("PUSH"), frame(0, "late")]), ["ProtocolError"])
    expectAnyway(Buffer.concat([begun, frame(6, Buffer.alloc(9000))]), ["ProtocolError"])
  })

  it("LIMIT-1: does not count what belongs to the traffic after it", () => {
    const stream = Buffer.concat([HELLO, message(Buffer.alloc(100_000, "z"))])
    const { log } = feed([stream])
    expect(log).toEqual(["ready PUSH", `message ${"z".repeat(100_000)}`])
  })

  it("LIMIT-5: the limits of messages hold from the first octet of traffic", () => {
    const ours = { limits: { maxMessageSize: 10, maxMessageFrames: 2 } }
    expectTraffic(message("12345", "67890"), ["message 12345|67890"], ours)
    expectTraffic(message("12345", "678901"), ["limit maxMessageSize"], ours)
    expectTraffic(message("", "", ""), ["limit maxMessageFrames"], ours)
  })
})

describe("who the peer is", () => {
  it("ZMTP-54, ZMTP-55: of legal type, over the whole matrix; ZMTP-56: others are told by an ERROR", () => {
    for (const ours of SOCKET_TYPES) {
      for (const theirs of SOCKET_TYPES) {
        const { log, error } = feed([greeting(), ready(theirs)], { type: ours })
        if (compatible(ours, theirs)) {
          expect(log).toEqual([`ready ${theirs}`])
        } else {
          expect(log, `${ours} with ${theirs}`).toEqual(["MismatchError"])
          expect((error as MismatchError).command?.toString("latin1")).toBe("\x05ERROR\x13Invalid socket type")
          expect(isFatal(error)).toBe(true)
        }
      }
    }
  })

  it("ZMTP-55: of a type nobody knows is refused, and shown briefly", () => {
    const { error } = expectAnyway(Buffer.concat([greeting(), ready("push")]), ["MismatchError"])
    expect(error).toBeInstanceOf(MismatchError)
    const long = feed([greeting(), ready("Q".repeat(4000))]).error as Error
    expect(long.message.match(/Q+/)?.[0]).toHaveLength(32)
  })

  it("ZMTP-57: may keep its type to itself", () => {
    expectAnyway(Buffer.concat([greeting(), command("READY")]), ["ready "])
  })

  it("ZMTP-50, ZMTP-61, ZMTP-62, ZMTP-63: is described by its properties", () => {
    const hello = command(
      "READY",
      encodeMetadata([
        ["SOCKET-type", "PUSH"],
        ["X-Shard", "seven"],
        ["__proto__", "p"],
        ["constructor", "c"],
        ["x-shard", "eight"],
      ]),
    )
    const { engine } = expectAnyway(Buffer.concat([greeting(), hello]), ["ready PUSH"])
    const { metadata } = engine.peer ?? { metadata: new Map() }
    expect(Object.fromEntries([...metadata].map(([name, value]) => [`=${name}`, String(value)]))).toEqual({
      "=socket-type": "PUSH",
      "=x-shard": "seven",
      "=__proto__": "p",
      "=constructor": "c",
    })
  })

  it("ZMTP-58, ZMTP-59: has a routing id of any octets where one is announced, and none elsewhere", () => {
    const id = Buffer.from(Array.from({ length: 255 }, (_, n) => n + 1))
    const idOf = (ours: SocketType, theirs: string, identity: Buffer) =>
      feed([greeting(), ready(theirs, ["Identity", identity])], { type: ours }).engine.peer?.routingId
    for (const theirs of ["REQ", "DEALER", "ROUTER"]) {
      expect(idOf("ROUTER", theirs, id)?.equals(id)).toBe(true)
      expect(idOf("ROUTER", theirs, EMPTY)?.length).toBe(0)
    }
    expect(idOf("PULL", "PUSH", id)?.length).toBe(0)
  })

  it("ZMTP-60: may not have a routing id that is too long, or begins with zero", () => {
    for (const identity of [Buffer.alloc(256, 1), Buffer.of(0, 1), Buffer.of(0)]) {
      const stream = Buffer.concat([greeting(), ready("DEALER", ["Identity", identity])])
      expectAnyway(stream, ["ProtocolError"], { type: "ROUTER" })
      const careless = Buffer.concat([greeting(), ready("PUSH", ["Identity", identity])])
      expectAnyway(careless, ["ready PUSH"])
    }
  })
})

describe("traffic", () => {
  it("ZMTP-31, ZMTP-32, ZMTP-67: messages of any frames, each as a whole", () => {
    expectTraffic(Buffer.concat([message(""), message("a", "", "b"), message("c".repeat(300))]), [
      "message ",
      "message a||b",
      `message ${"c".repeat(300)}`,
    ])
  })

  it("ZMTP-33: nothing of a message that was cut off", () => {
    expectTraffic(message("a", "b", "c").subarray(0, 7), [])
  })

  it("ZMTP-38: commands between the frames of a message", () => {
    const stream = Buffer.concat([
      frame(1, "a"),
      command("PING", "\0\x0actx"),
      frame(1, "b"),
      command("NEW"),
      frame(0, "c"),
    ])
    expectTraffic(stream, ["ping 1000 ctx", "message a|b|c"])
  })

  it("ZMTP-43: unknown commands are ignored", () => {
    expectTraffic(Buffer.concat([command("JOIN", "group"), message("x"), command("Unheard", "of")]), ["message x"])
  })

  it("ZMTP-40, ZMTP-42: commands without a proper name end it", () => {
    for (const body of ["", "\x00", "\x00PING", "\x05PING", "\xff", "\x04PI G", "\x01\x00", "\x041234"]) {
      expectTraffic(Buffer.concat([message("x"), frame(4, body), message("y")]), ["message x", "ProtocolError"])
    }
  })

  it("ZMTP-28, ZMTP-30: reserved flags, and commands with MORE, end it", () => {
    expectTraffic(Buffer.concat([frame(0x80, "x"), message("y")]), ["ProtocolError"])
    expectTraffic(Buffer.concat([frame(5, "\x04PING\0\0"), message("y")]), ["ProtocolError"])
  })

  it("commands of the handshake, and ERROR, end it", () => {
    for (const name of ["READY", "HELLO", "WELCOME", "INITIATE"]) {
      expectTraffic(Buffer.concat([command(name), message("y")]), ["ProtocolError"])
    }
    const { error } = expectTraffic(Buffer.concat([command("ERROR", "\x02no"), message("y")]), ["ProtocolError"])
    expect((error as Error).message).toMatch(/no$/)
    expect(isFatal(error)).toBe(false)
  })

  it("subscriptions and their ends, as commands", () => {
    expectTraffic(Buffer.concat([command("SUBSCRIBE", "A"), command("CANCEL", "A"), command("SUBSCRIBE")]), [
      "subscribe A",
      "cancel A",
      "subscribe ",
    ])
  })

  it("LIMIT-6: topics no longer than allowed", () => {
    const ours = { limits: { maxTopicSize: 4 } }
    expectTraffic(command("SUBSCRIBE", "abcd"), ["subscribe abcd"], ours)
    expectTraffic(command("SUBSCRIBE", "abcde"), ["limit maxTopicSize"], ours)
    expectTraffic(command("CANCEL", "abcde"), ["limit maxTopicSize"], ours)
  })

  it("HB-1, HB-2: a PING with its context, of which no more than 16 octets count", () => {
    expectTraffic(command("PING", "\0\0"), ["ping 0 "])
    expectTraffic(command("PING", "\0\x000123456789abcdef"), ["ping 0 0123456789abcdef"])
    expectTraffic(command("PING", "\0\x000123456789abcdefg"), ["ping 0 0123456789abcdef"])
  })

  it("HB-3: a TTL in tenths of a second, in network order", () => {
    expectTraffic(command("PING", "\x01\x02"), [`ping ${258 * 100} `])
    expectTraffic(command("PING", "\xff\xff"), ["ping 6553500 "])
  })

  it("HB-11: a PING without room for its TTL ends it", () => {
    for (const data of ["", "\0"]) {
      const { sent } = expectTraffic(Buffer.concat([command("PING", data), message("y")]), ["ProtocolError"])
      expect(sent.includes("PONG")).toBe(false)
    }
  })

  it("a PONG with the context it brings back", () => {
    expectTraffic(Buffer.concat([command("PONG", "Hello"), command("PONG")]), ["pong Hello", "pong "])
  })

  it("waits where it is not asked for the next meaning", () => {
    const { engine } = feed([HELLO])
    expect(engine.idle).toBe(true)
    engine.push(Buffer.concat([message("1"), message("2")]))
    expect(engine.next()).toBe(MESSAGE)
    expect(engine.idle).toBe(false)
    engine.push(message("3"))
    const seen: string[] = [told(engine, MESSAGE)]
    while (engine.next() === MESSAGE) seen.push(told(engine, MESSAGE))
    expect(seen).toEqual(["message 1", "message 2", "message 3"])
    expect(engine.idle).toBe(true)
  })

  it("knows whether it stopped in the middle of something", () => {
    expect(feed([HELLO.subarray(0, 80)]).engine.midway).toBe(true)
    expect(feed([HELLO, message("1", "2").subarray(0, 4)]).engine.midway).toBe(true)
    expect(feed([HELLO, message("1", "2")]).engine.midway).toBe(false)
  })

  it("says subscriptions as commands to peers of 3.1 and as messages to those of 3.0", () => {
    const said = (minor: number) => {
      const { engine } = feed([greeting({ minor }), ready("PUB")], { type: "SUB" })
      const encoder = new Encoder()
      engine.subscription(encoder, "subscribe", Buffer.from("A"))
      engine.subscription(encoder, "cancel", Buffer.from("A"))
      return Buffer.concat(encoder.finish()?.chunks ?? []).toString("latin1")
    }
    expect(said(1)).toBe("\x04\x0b\x09SUBSCRIBEA\x04\x08\x06CANCELA")
    expect(said(0)).toBe("\x00\x02\x01A\x00\x02\x00A")
  })

  it("ZMTP-36, ZMTP-37: is the same in whatever chunks it comes", () => {
    const part = fc.oneof(
      fc.array(fc.nat(600), { minLength: 1, maxLength: 4 }).map((sizes) => ({
        octets: message(...sizes.map((size) => Buffer.alloc(size, "m"))),
        means: [`message ${sizes.map((size) => "m".repeat(size)).join("|")}`],
      })),
      fc.stringMatching(/^[a-z]{0,16}$/).map((context) => ({
        octets: command("PING", `\0\0${context}`),
        means: [`ping 0 ${context}`],
      })),
      fc.stringMatching(/^[a-z]{0,30}$/).map((topic) => ({
        octets: command("SUBSCRIBE", topic),
        means: [`subscribe ${topic}`],
      })),
      fc.constant({ octets: command("Other", "x"), means: [] }),
    )
    const lengths = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 15 }), lengths, (parts, cutLengths) => {
        const stream = Buffer.concat([HELLO, ...parts.map(({ octets }) => octets)])
        const chunks: Buffer[] = []
        for (let at = 0, n = 0; at < stream.length; n++) {
          const length = cutLengths[n % cutLengths.length] as number
          chunks.push(stream.subarray(at, at + length))
          at += length
        }
        expect(feed(chunks).log).toEqual(["ready PUSH", ...parts.flatMap(({ means }) => means)])
      }),
      { numRuns: 150 },
    )
  })
})

// ── a mechanism that protects traffic ────────────────────────────────────────────────────────────────────────────

/** A handshake like NULL's; then every frame is one octet of flags and the body, all of it xored, behind a mark. */
class Xor implements Mechanism {
  readonly name = "XOR"
  readonly asServer = false
  readonly #type: SocketType
  #said = false
  readonly #protection = new XorProtection()
  metadata: ReadonlyMap<string, Buffer> | undefined

  constructor(type: SocketType) {
    this.#type = type
  }

  get status(): "handshake" | "ready" {
    return this.#said && this.metadata !== undefined ? "ready" : "handshake"
  }

  produce(): Buffer | undefined {
    if (this.#said) return undefined
    this.#said = true
    return Buffer.concat([Buffer.from("\x05READY"), encodeMetadata([["Socket-Type", this.#type]])])
  }

  consume(body: Buffer): void {
    this.metadata = decodeMetadata(body.subarray(6), { maxProperties: 64, maxBytes: 8192 })
  }

  get protection(): XorProtection | undefined {
    return this.status === "ready" ? this.#protection : undefined
  }
}

class XorProtection implements Protection {
  readonly overhead = 9
  openedFlags = 0

  seal(flags: number, body: Buffer, target: Buffer, offset: number): void {
    Buffer.concat([Buffer.from("\x07MESSAGE"), xored(Buffer.concat([Buffer.of(flags), body]))]).copy(target, offset)
  }

  open(sealed: Buffer): Buffer {
    if (sealed.subarray(0, 8).toString() !== "\x07MESSAGE") throw new ProtocolError("forged")
    const inner = xored(sealed.subarray(8))
    this.openedFlags = inner[0] as number
    return inner.subarray(1)
  }
}

function xored(octets: Buffer): Buffer {
  return Buffer.from(octets.map((octet) => octet ^ 0x55))
}

/** A handshake that goes on for as many commands as it is told to expect. */
class Chatty implements Mechanism {
  readonly name = "CHATTY"
  readonly asServer = false
  readonly metadata = new Map<string, Buffer>()
  #left: number

  constructor(commands: number) {
    this.#left = commands
  }

  get status(): "handshake" | "ready" {
    return this.#left === 0 ? "ready" : "handshake"
  }

  produce(): undefined {}

  consume(): void {
    this.#left--
  }
}

describe("a mechanism that protects traffic", () => {
  const ours: Ours = { mechanism: () => new Xor("PULL") }
  const hello = Buffer.concat([greeting({ mechanism: "XOR" }), ready("PUSH")])

  function sealed(flags: number, body: string | Buffer, outer = 0): Buffer {
    const inside = Buffer.from(body as string, "latin1")
    const target = Buffer.alloc(9 + inside.length)
    new XorProtection().seal(flags, inside, target, 0)
    return frame(outer, target)
  }

  it("CURVE-20, CURVE-21: has the flags of frames inside: messages of several, and commands", () => {
    const stream = Buffer.concat([hello, sealed(1, "a"), sealed(2, "\x04PING\0\0x"), sealed(0, "b"), sealed(0, "c")])
    expectAnyway(stream, ["ready PUSH", "ping 0 x", "message a|b", "message c"], ours)
  })

  it("CURVE-24: may have the COMMAND flag outside", () => {
    expectAnyway(Buffer.concat([hello, sealed(0, "a", 4)]), ["ready PUSH", "message a"], ours)
  })

  it("CURVE-23: may not have the MORE flag outside", () => {
    const stream = Buffer.concat([hello, sealed(0, "a", 1), sealed(0, "b")])
    expectAnyway(stream, ["ready PUSH", "ProtocolError"], ours)
  })

  it("lets nothing through that is not sealed", () => {
    expectAnyway(Buffer.concat([hello, message("clear")]), ["ready PUSH", "ProtocolError"], ours)
    expectAnyway(Buffer.concat([hello, command("PING", "\0\0")]), ["ready PUSH", "ProtocolError"], ours)
  })

  it("ZMTP-43: ignores unknown commands inside as well", () => {
    expectAnyway(Buffer.concat([hello, sealed(2, "\x03NEW"), sealed(0, "a")]), ["ready PUSH", "message a"], ours)
  })

  it("LIMIT-5: has the same limits inside", () => {
    const limits = { maxMessageSize: 30, maxMessageFrames: 2 }
    const of = (...parts: Buffer[]) => Buffer.concat([hello, ...parts])
    const half = "123456789012345"
    const fits = of(sealed(1, half), sealed(0, half), sealed(0, half))
    expectAnyway(fits, ["ready PUSH", `message ${half}|${half}`, `message ${half}`], { ...ours, limits })
    expectAnyway(of(sealed(0, half + half)), ["ready PUSH", `message ${half}${half}`], { ...ours, limits })
    const large = of(sealed(1, half), sealed(0, `${half}6`))
    expectAnyway(large, ["ready PUSH", "limit maxMessageSize"], { ...ours, limits })
    const long = of(sealed(1, ""), sealed(1, ""), sealed(0, ""))
    expectAnyway(long, ["ready PUSH", "limit maxMessageFrames"], { ...ours, limits })
  })

  it("knows that it is in the middle of a message", () => {
    expect(feed([hello, sealed(1, "a")], ours).engine.midway).toBe(true)
  })

  it("secures what is sent from the end of its handshake on, and the handshake itself not", () => {
    const one = { engine: new Engine("PULL", new Xor("PULL"), LIMITS), encoder: new Encoder() }
    const two = { engine: new Engine("PUSH", new Xor("PUSH"), LIMITS), encoder: new Encoder() }
    const log: string[] = []
    const carry = (from: typeof one, to: typeof one) => {
      from.engine.output(from.encoder)
      const octets = Buffer.concat(from.encoder.finish()?.chunks ?? [])
      to.engine.push(octets)
      for (let meaning = to.engine.next(); meaning !== NOTHING; meaning = to.engine.next()) {
        log.push(told(to.engine, meaning))
      }
      return octets
    }
    for (let turn = 0; turn < 2; turn++) {
      carry(one, two)
      carry(two, one)
    }
    two.engine.output(two.encoder)
    expect(two.encoder.secured).toBe(true)
    two.encoder.add([Buffer.from("secret"), Buffer.alloc(300, "y")])
    two.encoder.command(Buffer.from("\x04PING\0\0z"))
    const octets = carry(two, one)
    expect(octets.includes("secret")).toBe(false)
    expect(octets.includes("PING")).toBe(false)
    expect(log).toEqual(["ready PUSH", "ready PULL", `message secret|${"y".repeat(300)}`, "ping 0 z"])
  })
})

describe("what was given out", () => {
  it("T14: is kept no longer than until there is nothing more", () => {
    const engine = new Engine("XPUB", nullOf("XPUB"), LIMITS)
    const subscribe = command("SUBSCRIBE", "topic")
    const ping = command("PING", Buffer.concat([Buffer.alloc(2), Buffer.from("context")]))
    engine.push(Buffer.concat([greeting(), ready("XSUB"), message(Buffer.alloc(100_000)), subscribe, ping]))
    while (engine.next() !== NOTHING);
    expect([engine.message.length, engine.topic.length, engine.context.length]).toEqual([0, 0, 0])
  })
})

describe("who begins the handshake", () => {
  it("T12: computes nothing while octets are taken, only when their meaning is asked for", () => {
    const mechanism = nullOf("PUSH")
    const produce = vi.spyOn(mechanism, "produce")
    const engine = new Engine("PUSH", mechanism, LIMITS)
    engine.push(greeting())
    expect(produce).not.toHaveBeenCalled()
    expect(engine.next()).toBe(NOTHING)
    expect(produce).toHaveBeenCalled()
  })
})
