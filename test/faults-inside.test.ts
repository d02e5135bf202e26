// Faults of the application itself: listeners, handlers, codecs, authorizers, strategies and keys that throw whatever
// can be thrown, return what they must not, or never return; loops that are left by throwing; clocks that jump, and an
// event loop that stands still. Each harms the one call it belongs to, and the socket goes on.

import {
  byKey,
  type Codec,
  CodecError,
  Dealer,
  type EventType,
  Pull,
  Push,
  plain,
  plainServer,
  Reply,
  Request,
  type Socket,
} from "brokerless"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import * as zmq from "zeromq"
import { frames, Meeting } from "./support/meeting.ts"
import { RawServer } from "./support/raw-peer.ts"
import { fill, join, link, receiveText, takeText, turns, untilPeers, waits } from "./support/sockets.ts"
import { eventually } from "./support/stream-pairs.ts"
import { TRANSPORTS, transport } from "./support/transports.ts"

/** What can be thrown: some of it cannot even be looked at. */
const THROWN: Readonly<Record<string, () => unknown>> = {
  "an Error": () => new Error("on purpose"),
  "a string": () => "text",
  undefined: () => undefined,
  null: () => null,
  "a symbol": () => Symbol("odd"),
  "a function": () => () => {},
  "an object without a prototype": () => Object.create(null),
  "an Error whose message cannot be read": () =>
    Object.defineProperty(new Error("odd"), "message", {
      get() {
        throw new Error("on purpose")
      },
    }),
  "an Error whose message cannot be printed": () =>
    Object.defineProperty(new Error(), "message", { value: Symbol("odd") }),
  "an Error without a stack": () => Object.defineProperty(new Error("odd"), "stack", { value: undefined }),
  "a proxy that was revoked": () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    return proxy
  },
}
const KINDS = Object.keys(THROWN)

function thrown(kind: string): unknown {
  return THROWN[kind]?.()
}

const EVENTS: readonly EventType[] = [
  "bind",
  "accept",
  "connect",
  "handshake",
  "handshake:error",
  "disconnect",
  "close",
  "peer:join",
  "peer:leave",
  "connect:retry",
  "connect:delay",
  "message:dropped",
  "limit",
]

const escaped: unknown[] = []
const noteEscape = (reason: unknown): void => {
  escaped.push(reason)
}

beforeEach(() => {
  escaped.length = 0
  process.on("unhandledRejection", noteEscape)
  // Listeners that fail are reported as warnings of the process, which are of no interest here.
  vi.spyOn(process, "emitWarning").mockImplementation(() => {})
})

afterEach(async () => {
  await turns(3)
  process.off("unhandledRejection", noteEscape)
  vi.restoreAllMocks()
  expect(escaped).toEqual([])
})

/** Every event of the socket finds listeners that fail. */
function listenBadly(socket: Socket, kind: string): void {
  for (const type of EVENTS) {
    socket.events.on(type, () => {
      throw thrown(kind)
    })
    socket.events.on(type, () => Promise.reject(thrown(kind)))
  }
}

describe.each(KINDS)("T20: listeners that fail with %s", (kind) => {
  it.each(TRANSPORTS)("disturb no step in the life of a connection: over $name", async ({ any }) => {
    await using pull = new Pull()
    await using push = new Push({ reconnectInterval: 1 })
    for (const socket of [pull, push]) listenBadly(socket, kind)
    await link(pull, push, any())
    for (let i = 0; i < 3; i++) {
      await push.send(`${i}`)
      expect(await receiveText(pull)).toEqual([`${i}`])
      const left = push.peers[0]
      pull.peers[0]?.disconnect()
      await eventually(() => push.peers.length === 1 && push.peers[0] !== left && pull.peers.length === 1)
    }
    expect(push.stats.reconnects).toBe(3)
  })
})

describe.each(KINDS)("T20: a service that fails with %s", (kind) => {
  it.each(["throws", "rejects"])("answers nobody, and the next asker as always: it %s", async (how) => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, transport("tcp").any())
    const fail = (): unknown => {
      if (how === "throws") throw thrown(kind)
      return Promise.reject(thrown(kind))
    }
    void reply.serve((message) => (String(message[0]) === "fail" ? (fail() as string) : message), {
      concurrency: 4,
      onError: () => fail() as string,
    })
    const unanswered = request.request("fail")
    unanswered.catch(() => {})
    expect(String(await request.request("works"))).toBe("works")
    expect(reply.stats.invalid).toBe(1)
    expect(await waits(unanswered)).toBe(true)
  })
})

describe("T20: a service", () => {
  it("whose handler returns what cannot be sent, or odd thenables, answers nobody and goes on", async () => {
    await using reply = new Reply()
    await using request = new Request()
    await link(reply, request, transport("tcp").any())
    const odd: Readonly<Record<string, unknown>> = {
      number: 5,
      object: {},
      hole: [undefined],
      never: new Promise(() => {}),
      "throwing then": {
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        get then() {
          throw new Error("on purpose")
        },
      },
      twice: {
        // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
        then(resolve: (value: string) => void) {
          resolve("twice")
          resolve("twice")
          throw new Error("and throws")
        },
      },
    }
    void reply.serve((message) => (odd[String(message[0])] ?? message) as string, { concurrency: 100 })
    for (const name of Object.keys(odd)) {
      const answer = request.request(name)
      answer.catch(() => {})
      if (name === "twice") expect(String(await answer)).toBe("twice")
      else expect(await waits(answer)).toBe(true)
      expect(String(await request.request("works"))).toBe("works")
    }
  })

  it("whose handler never returns leaves its peers free to go, and its asker is told when it closes", async () => {
    const reply = new Reply()
    await using request = new Request({ reconnectInterval: -1 })
    const endpoint = await link(reply, request, transport("tcp").any())
    const aborted: string[] = []
    void reply.serve(
      (message, { signal }) => {
        signal.addEventListener("abort", () => aborted.push(String(message[0])))
        return new Promise(() => {})
      },
      { concurrency: 2 },
    )
    const passer = new Request({ reconnectInterval: -1 })
    await join(passer, endpoint, reply)
    passer.request("from who leaves").catch(() => {})
    const unanswered = request.request("from who stays")
    unanswered.catch(() => {})
    await eventually(() => reply.stats.messagesReceived === 2)
    await passer.close({ linger: 0 })
    await eventually(() => aborted.length === 1)
    await reply.close({ linger: 0 })
    await expect(unanswered).rejects.toMatchObject({ code: "EHOSTUNREACH" })
    expect(aborted).toEqual(["from who leaves", "from who stays"])
  })
})

describe.each(KINDS)("T20: a codec that fails with %s", (kind) => {
  const codec: Codec<string> = {
    encode(value) {
      if (value === "bad") throw thrown(kind)
      return Buffer.from(value)
    },
    decode(frame) {
      if (String(frame) === "bad octets") throw thrown(kind)
      return String(frame)
    },
  }

  it("refuses the one value, and skips the one message", async () => {
    await using push = new Push({ codec })
    await using raw = new Push()
    await using pull = new Pull({ codec })
    const endpoint = await link(pull, push, transport("tcp").any())
    await join(raw, endpoint, pull)
    await expect(push.send("bad")).rejects.toBeInstanceOf(CodecError)
    await raw.send("bad octets")
    await raw.send("good octets")
    expect(await pull.receive()).toBe("good octets")
    await push.send("good")
    expect(await pull.receive()).toBe("good")
    expect(pull.stats.invalid).toBe(1)
  })

  it("costs one question its answer", async () => {
    await using reply = new Reply({ codec })
    await using request = new Request({ codec })
    await link(reply, request, transport("tcp").any())
    void reply.serve((question) => (question === "answer badly" ? "bad" : question), { concurrency: 4 })
    const unanswered = request.request("answer badly")
    unanswered.catch(() => {})
    expect(await request.request("answer well")).toBe("answer well")
    expect(reply.stats.invalid).toBe(1)
    await expect(request.request("bad")).rejects.toBeInstanceOf(CodecError)
  })
})

describe.each(KINDS)("T20: balancing that fails with %s", (kind) => {
  it("rejects that send alone, by a key or by a strategy", async () => {
    for (const balance of [
      byKey((message: Buffer[]) => {
        if (String(message[0]) === "bad") throw thrown(kind)
        return "key"
      }),
      (peers: readonly never[], message: Buffer[]) => {
        if (String(message[0]) === "bad") throw thrown(kind)
        return peers[0]
      },
    ]) {
      await using push = new Push({ balance: balance as never })
      await using pull = new Pull()
      await link(pull, push, transport("tcp").any())
      const settled = await Promise.allSettled([push.send("one"), push.send("bad"), push.send("two")])
      expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"])
      expect(await takeText(pull, 2)).toEqual(["one", "two"])
    }
  })

  it("cannot lose what was accepted, when a peer leaves it to another", async () => {
    let failing = false
    await using push = new Push({
      linger: 0,
      sendHighWaterMark: 100,
      balance: (peers) => {
        if (failing) throw thrown(kind)
        return peers[0]
      },
    })
    const endpoint = await push.bind(transport("tcp").any())
    const stuck = new Pull({ receiveHighWaterMark: 1, reconnectInterval: -1 })
    await join(stuck, endpoint, push)
    const accepted = await fill(push, Buffer.alloc(64 * 1024))
    const waiting = push.stats.queuedMessages
    expect(waiting).toBeGreaterThan(0)
    failing = true
    await using heir = new Pull()
    await join(heir, endpoint, push)
    await stuck.close({ linger: 0 })
    await untilPeers(push, 1)
    for (let i = 0; i < waiting; i++) expect((await heir.receive())[0]).toHaveLength(64 * 1024)
    expect(accepted).toBeGreaterThan(waiting)
    failing = false
    await push.send("goes on")
    expect(await receiveText(heir)).toEqual(["goes on"])
  })
})

describe.each(KINDS)("T22: an authorizer that fails with %s", (kind) => {
  it.each(["throws", "rejects", "answers"])("lets nobody in, and the next applicant as always: it %s", async (how) => {
    const authorize = ({ username }: { username?: string | undefined }): unknown => {
      if (username === "good") return true
      if (how === "throws") throw thrown(kind)
      return how === "rejects" ? Promise.reject(thrown(kind)) : thrown(kind)
    }
    await using pull = new Pull({ security: plainServer({ authorize: authorize as () => boolean }) })
    const endpoint = await pull.bind(transport("tcp").any())
    await using bad = new Push({ security: plain({ username: "bad", password: "x" }), linger: 0 })
    const refused = pull.events.once("handshake:error")
    bad.connect(endpoint)
    expect((await refused).error).toMatchObject({ code: "EACCES" })
    await using good = new Push({ security: plain({ username: "good", password: "x" }) })
    await join(good, endpoint, pull)
    await good.send("in")
    expect(await receiveText(pull)).toEqual(["in"])
    expect(pull.peers).toHaveLength(1)
  })
})

describe("T20: a loop that is left by throwing", () => {
  it.each(TRANSPORTS)("loses nothing, and leaves the socket open: over $name", async ({ any }) => {
    await using pull = new Pull()
    await using push = new Push()
    await link(pull, push, any())
    for (let i = 0; i < 20; i++) await push.send(`${i}`)
    const seen: string[] = []
    for (let round = 0; round < 4; round++) {
      const looping = (async () => {
        for await (const [text] of pull) {
          seen.push(String(text))
          if (seen.length % 5 === 0) throw new Error(`after ${seen.length}`)
        }
      })()
      await expect(looping).rejects.toThrow(`after ${5 * (round + 1)}`)
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    expect(pull.closed).toBe(false)
  })
})

describe("the wall clock", () => {
  it.each([
    ["forth", 50],
    ["back", -50],
  ])("may jump fifty years %s, and back again: nothing notices", async (_, years) => {
    const real = Date.now
    let shift = 0
    vi.spyOn(Date, "now").mockImplementation(() => real() + shift)
    const HEARTBEAT = { heartbeatInterval: 10, heartbeatTimeout: 5000, handshakeInterval: 5000 }
    for (const { any } of TRANSPORTS) {
      shift = 0
      await using reply = new Reply(HEARTBEAT)
      await using request = new Request({ ...HEARTBEAT, reconnectInterval: 1 })
      await link(reply, request, any())
      void reply.serve((message) => message)
      const jump = years * 365 * 24 * 3600 * 1000
      for (const next of [jump, 0, -jump, 0, jump]) {
        shift = next
        expect(String(await request.request("still there?", { timeout: 5000 }))).toBe("still there?")
        // What is to time out does, and no sooner than others.
        await expect(reply.events.once("bind", { signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
          code: "ABORT_ERR",
        })
        await using late = new Request({ ...HEARTBEAT })
        await link(reply, late, any())
        expect(String(await late.request("welcome?", { timeout: 5000 }))).toBe("welcome?")
      }
      expect(request.stats).toMatchObject({ reconnects: 0, handshakeFailures: 0, peers: 1 })
    }
  })
})

/** Nothing runs here for so long. */
function standStill(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe("an event loop that stands still for longer than every timeout", () => {
  it("HB-5: cuts off no healthy peer, of theirs or of ours", async () => {
    await using meeting = new Meeting()
    const options = { heartbeatInterval: 10, heartbeatTimeout: 300 }
    const ours = meeting.ours(new Dealer(options))
    // Theirs has a thread of its own, which answers all the while.
    const theirs = meeting.theirs(new zmq.Dealer({ heartbeatInterval: 10, heartbeatTimeout: 2000 }))
    await meeting.join(ours, theirs)
    const pull = meeting.ours(new Pull(options))
    const push = meeting.ours(new Push(options))
    await meeting.join(pull, push)
    const peers = [ours.peers[0], pull.peers[0], push.peers[0]]
    for (let i = 0; i < 5; i++) {
      standStill(350)
      await turns(1 + i * 3)
    }
    await theirs.send("after all that")
    expect(await ours.receive()).toEqual(frames("after all that"))
    await push.send("and here")
    expect(await pull.receive()).toEqual(frames("and here"))
    expect([ours.peers[0], pull.peers[0], push.peers[0]]).toEqual(peers)
    expect(push.stats.reconnects).toBe(0)
  })

  it("still notices, when it runs again, whoever has vanished", async () => {
    await using server = await RawServer.listen()
    await using push = new Push({ heartbeatInterval: 10, heartbeatTimeout: 30, reconnectInterval: -1 })
    push.connect(server.endpoint)
    await server.admit("PULL")
    await push.waitForPeers()
    const ended = push.events.once("disconnect")
    standStill(150)
    expect((await ended).error).toMatchObject({ code: "EAGAIN" })
  })
})
