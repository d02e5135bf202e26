// Who may come in: what an authorizer may say, when, and what becomes of those it is about. No socket sees a peer, and
// no message passes, before there is a yes.

import {
  type Applicant,
  type Authorize,
  Dealer,
  type Event,
  HandshakeError,
  Pull,
  type PullOptions,
  Push,
  plain,
  plainServer,
  Router,
  type Security,
} from "brokerless"
import { curve, curveKeyPair, curveServer } from "brokerless/curve"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { deferred } from "./support/deferred.ts"
import { command, commandData, commandName, greeting, message, property, RawPeer } from "./support/raw-peer.ts"
import { comeIn, hello, initiate, PLAIN_GREETING } from "./support/raw-plain.ts"
import { receiveText, turns, untilPeers } from "./support/sockets.ts"
import { until } from "./support/until.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 5, linger: 0 } as const
const CLIENT = plain({ username: "ann", password: "secret" })

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

/** A Pull behind an authorizer, and the events that tell of it. */
class Gate implements AsyncDisposable {
  readonly pull: Pull
  readonly events: Event[] = []
  readonly asked: Applicant[] = []
  endpoint = ""

  private constructor(authorize: Authorize, options: PullOptions) {
    const security = plainServer({
      authorize: (peer) => {
        this.asked.push(peer)
        return authorize(peer)
      },
    })
    this.pull = new Pull({ security, ...options })
    for (const type of ["handshake:error", "handshake", "peer:join", "disconnect", "limit"] as const) {
      this.pull.events.on(type, (event) => this.events.push(event as Event))
    }
  }

  static async open(authorize: Authorize, options: PullOptions = {}): Promise<Gate> {
    const gate = new Gate(authorize, options)
    gate.endpoint = await gate.pull.bind("tcp://127.0.0.1:*")
    return gate
  }

  get told(): string[] {
    return this.events.map(({ type }) => type)
  }

  /** Somebody that has said all there is to say. */
  async visitor(username = "ann"): Promise<RawPeer> {
    const peer = await RawPeer.connect(this.endpoint)
    comeIn(peer, username, "secret", "PUSH")
    return peer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pull.close()
  }
}

/** Waits until so many were asked about. */
const untilAsked = (gate: Gate, count = 1): Promise<void> =>
  until(() => gate.asked.length >= count, `${count} were asked about`)

describe("T22: what an authorizer says", () => {
  it.each([
    ["true", () => true],
    ["a promise of true", async () => true],
    ["a grant", () => ({ userId: "ann" })],
    ["a promise of a grant", async () => ({ metadata: { role: "editor" } })],
  ] as [string, Authorize][])("%s lets the peer in", async (_, authorize) => {
    await using gate = await Gate.open(authorize)
    await using push = new Push({ security: CLIENT, ...QUICK })
    push.connect(gate.endpoint)
    await push.send("in")
    expect(await receiveText(gate.pull)).toEqual(["in"])
    expect(gate.pull.peers).toMatchObject([{ userId: "ann" }])
    expect(gate.told).toEqual(["handshake", "peer:join"])
    expect(gate.asked).toMatchObject([{ mechanism: "PLAIN", username: "ann", password: "secret" }])
    expect(gate.asked[0]?.address).toBe(gate.pull.peers[0]?.address)
    expect(gate.asked[0]?.signal.aborted).toBe(false)
  })

  it.each([false, undefined, null, 0, 1, "", "yes", {}, [], () => true, new Map(), { allowed: true }])(
    "%j is a no, and so is a promise of it: the client is told, and gives up for good",
    async (answer) => {
      for (const given of [answer, Promise.resolve(answer)]) {
        await using gate = await Gate.open((() => given) as Authorize)
        await using push = new Push({ security: CLIENT, ...QUICK })
        const failed = push.events.once("handshake:error")
        const closed = push.events.once("close")
        push.connect(gate.endpoint)
        const { error, fatal } = await failed
        expect([error, fatal]).toMatchObject([{ code: "EACCES", message: expect.stringContaining('"400"') }, true])
        expect((await closed).error).toBe(error)
        expect(push.endpoints).toEqual([])
        expect(gate.events).toMatchObject([{ type: "handshake:error", fatal: false, error: { code: "EACCES" } }])
        expect(gate.pull.stats).toMatchObject({ handshakeFailures: 1, peers: 0 })
      }
    },
  )

  it.each([
    [
      "throws",
      () => {
        throw new Error("the accounts are away")
      },
    ],
    ["rejects", () => Promise.reject(new Error("the accounts are away"))],
    ["rejects with nothing", () => Promise.reject()],
    ["throws what is no error", () => Promise.reject("away")],
    ["gives a grant that is none", () => ({ userId: 7 })],
  ] as [string, Authorize][])("T20: if it %s, the client is told nothing and tries again", async (_, broken) => {
    let times = 0
    await using gate = await Gate.open((peer) => (++times < 3 ? broken(peer) : true))
    await using push = new Push({ security: CLIENT, ...QUICK })
    const failures: boolean[] = []
    push.events.on("handshake:error", ({ fatal }) => failures.push(fatal))
    push.connect(gate.endpoint)
    await push.send("the third time")
    expect(await receiveText(gate.pull)).toEqual(["the third time"])
    expect(failures).toEqual([false, false])
    expect(gate.told).toEqual(["handshake:error", "handshake:error", "handshake", "peer:join"])
    const { error } = gate.events[0] as Extract<Event, { type: "handshake:error" }>
    expect(error).toBeInstanceOf(HandshakeError)
    expect("cause" in error).toBe(true)
  })

  it("T20: a peer that could not be judged gets no ERROR", async () => {
    await using gate = await Gate.open(() => Promise.reject(new Error("away")))
    using peer = await gate.visitor()
    await expect(peer.next()).rejects.toThrow("ended")
  })

  it("a server that connects and refuses a client that is bound goes on trying", async () => {
    const security = plainServer({ allow: {} })
    await using pull = new Pull({ security: CLIENT })
    await using push = new Push({ security, ...QUICK })
    const failed = push.events.once("handshake:error")
    push.connect(await pull.bind("tcp://127.0.0.1:*"))
    void push.send("at last")
    expect(await failed).toMatchObject({ fatal: false, error: { code: "EACCES" } })
    expect(pull.peers).toEqual([])
    security.allow("ann", "secret")
    expect(await receiveText(pull)).toEqual(["at last"])
  })
})

describe("T22: an authorizer that takes its time", () => {
  it("nothing is seen or passes before its yes", async () => {
    const verdict = deferred<boolean>()
    await using gate = await Gate.open(() => verdict.promise)
    using early = await gate.visitor()
    await using push = new Push({ security: CLIENT, ...QUICK })
    push.connect(gate.endpoint)
    void push.send("queued")
    await untilAsked(gate, 2)
    await turns(20)
    expect([gate.told, gate.pull.peers, push.peers]).toEqual([[], [], []])
    verdict.resolve(true)
    expect(await receiveText(gate.pull)).toEqual(["queued"])
    expect(commandName(await early.next())).toBe("WELCOME")
  })

  it.each([
    ["handshakeInterval", 100, "handshakeInterval"],
    ["the peer that leaves", 0, undefined],
  ])("ends with %s; what it answers later changes nothing", async (_, handshakeInterval, limit) => {
    const verdict = deferred<boolean>()
    await using gate = await Gate.open(() => verdict.promise, { handshakeInterval })
    using peer = await RawPeer.connect(gate.endpoint)
    peer.send(PLAIN_GREETING, hello("ann", "secret"))
    await untilAsked(gate)
    const [asked] = gate.asked as [Applicant]
    expect(asked.signal.aborted).toBe(false)
    if (limit === undefined) peer.socket.end()
    await peer.closed
    await until(() => asked.signal.aborted, "the question was taken back")
    await until(() => gate.told.includes("handshake:error"), "that was told")
    expect(gate.told).toEqual(limit === undefined ? ["handshake:error"] : ["limit", "handshake:error"])
    verdict.resolve(true)
    await turns(5)
    expect(gate.told).not.toContain("handshake")
    expect(gate.pull.peers).toEqual([])
    expect(gate.pull.stats.handshakeFailures).toBe(1)
  })

  it("a rejection that comes too late is nobody's", async () => {
    const verdict = deferred<boolean>()
    await using gate = await Gate.open(() => verdict.promise)
    {
      using _peer = await gate.visitor()
      await untilAsked(gate)
    }
    await until(() => gate.asked[0]?.signal.aborted === true, "the question was taken back")
    verdict.reject(new Error("too late"))
    await turns(5)
    expect(gate.told).toEqual(["handshake:error"])
  })

  it("the socket's end ends it as well", async () => {
    const gate = await Gate.open(() => new Promise(() => {}))
    using peer = await gate.visitor()
    await untilAsked(gate)
    await gate.pull.close()
    await peer.closed
    expect(gate.asked[0]?.signal.aborted).toBe(true)
  })

  it("T1: who is evicted for a newcomer is asked about no more", async () => {
    const verdict = deferred<boolean>()
    await using gate = await Gate.open(({ username }) => (username === "ann" ? verdict.promise : true), {
      maxPendingHandshakes: 2,
    })
    using _first = await gate.visitor()
    await untilAsked(gate)
    using _second = await RawPeer.connect(gate.endpoint)
    using third = await gate.visitor("bob")
    await until(() => gate.asked[0]?.signal.aborted === true, "the first made room")
    expect(commandName(await third.next())).toBe("WELCOME")
    expect(gate.events).toContainEqual(expect.objectContaining({ type: "limit", limit: "maxPendingHandshakes" }))
  })

  it("its signal is left alone once it has answered, whatever becomes of the peer", async () => {
    await using gate = await Gate.open(({ username }) => username === "ann")
    using peer = await gate.visitor()
    await gate.pull.waitForPeers()
    peer.socket.end()
    await untilPeers(gate.pull, 0)
    using _wrong = await gate.visitor("eve")
    await until(() => gate.told.includes("handshake:error"), "eve was refused")
    expect(gate.asked.map(({ signal }) => signal.aborted)).toEqual([false, false])
  })
})

describe("T22: an authorizer that never answers", () => {
  /** Asks about so many that nobody answers for, each of which leaves at once. */
  async function wearOut(gate: Gate, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      using _peer = await gate.visitor("hangs")
      await untilAsked(gate, i + 1)
    }
    await until(() => gate.asked.every(({ signal }) => signal.aborted), "they all left")
  }

  const hangs: Authorize = ({ username }) => (username === "hangs" ? new Promise(() => {}) : Promise.resolve(true))

  it("is asked about no more than maxPendingHandshakes at once, and that is told; they may try again", async () => {
    await using gate = await Gate.open(hangs, { maxPendingHandshakes: 3, handshakeInterval: 60_000 })
    await wearOut(gate, 3)
    using peer = await gate.visitor()
    await expect(peer.next()).rejects.toThrow("ended")
    expect(gate.asked).toHaveLength(3)
    await until(() => gate.told.includes("limit"), "it was told")
    expect(gate.events).toContainEqual(expect.objectContaining({ limit: "maxPendingHandshakes", count: 1 }))
  })

  it("keeps out nobody for longer than the deadline", async () => {
    await using gate = await Gate.open(hangs, { maxPendingHandshakes: 3, handshakeInterval: 400 })
    await wearOut(gate, 3)
    await using push = new Push({ security: CLIENT, ...QUICK })
    push.connect(gate.endpoint)
    await push.send("honest")
    expect(await receiveText(gate.pull)).toEqual(["honest"])
  })

  it("holds up nobody that it answers for", async () => {
    await using gate = await Gate.open(hangs)
    const waiting = await Promise.all(Array.from({ length: 20 }, () => gate.visitor("hangs")))
    await untilAsked(gate, 20)
    await using push = new Push({ security: CLIENT, ...QUICK })
    push.connect(gate.endpoint)
    await push.send("honest")
    expect(await receiveText(gate.pull)).toEqual(["honest"])
    for (const peer of waiting) peer[Symbol.dispose]()
  })
})

describe("T9: what a peer claims never outranks what was granted", () => {
  const CLAIMS = [
    property("User-Id", "root"),
    property("user-id", "root"),
    property("USER-ID", "root"),
    property("Peer-Address", "10.0.0.1"),
    property("X-Role", "admin"),
    property("x-role", "admin"),
    property("X-ROLE", "admin"),
    property("__proto__", "admin"),
    property("constructor", "admin"),
    property("X-Own", "mine"),
  ]

  it("in any case of letters", async () => {
    await using gate = await Gate.open(() => ({ userId: "user:1", metadata: { "X-Role": "reader" } }))
    using peer = await RawPeer.connect(gate.endpoint)
    peer.send(PLAIN_GREETING, hello("ann", "secret"), initiate("PUSH", ...CLAIMS))
    await gate.pull.waitForPeers()
    const [{ userId, metadata, address }] = gate.pull.peers as [(typeof gate.pull.peers)[0]]
    expect(userId).toBe("user:1")
    expect(address).toBe(`127.0.0.1:${peer.socket.localPort}`)
    expect(Object.fromEntries([...metadata].map(([name, value]) => [name, String(value)]))).toEqual({
      "socket-type": "PUSH",
      "x-role": "reader",
      ["__proto__"]: "admin",
      constructor: "admin",
      "x-own": "mine",
    })
    expect(({} as Record<string, unknown>).admin).toBeUndefined()
  })

  it("what the authorizer itself says by those names counts", async () => {
    await using gate = await Gate.open(() => ({ metadata: { "User-Id": "theirs", __proto__x: "y" } }))
    using peer = await RawPeer.connect(gate.endpoint)
    peer.send(PLAIN_GREETING, hello("ann", "secret"), initiate("PUSH", ...CLAIMS))
    await gate.pull.waitForPeers()
    expect(String(gate.pull.peers[0]?.metadata.get("user-id"))).toBe("theirs")
    expect(gate.pull.peers[0]?.userId).toBe("ann")
    expect(gate.pull.peers[0]?.metadata.has("peer-address")).toBe(false)
  })

  it("not where nobody judges either", async () => {
    await using pull = new Pull()
    using peer = await RawPeer.connect(await pull.bind("tcp://127.0.0.1:*"))
    peer.send(greeting(), command("READY", Buffer.concat([property("Socket-Type", "PUSH"), ...CLAIMS])))
    await pull.waitForPeers()
    expect(pull.peers[0]?.userId).toBeUndefined()
    expect([...(pull.peers[0]?.metadata.keys() ?? [])]).toEqual([
      "socket-type",
      "x-role",
      "__proto__",
      "constructor",
      "x-own",
    ])
  })
})

describe("a list that changes", () => {
  const keys = curveKeyPair()
  const serverKeys = curveKeyPair()
  it.each([
    [
      "PLAIN",
      () => {
        const security = plainServer({ allow: {} })
        return {
          security: security as Security,
          allow: () => security.allow("ann", "secret"),
          revoke: () => security.revoke("ann"),
          client: CLIENT,
          userId: "ann",
        }
      },
    ],
    [
      "CURVE",
      () => {
        const security = curveServer({ ...serverKeys, allow: [] })
        return {
          security: security as Security,
          allow: () => security.allow(keys.publicKey),
          revoke: () => security.revoke(keys.publicKey),
          client: curve({ ...keys, serverKey: serverKeys.publicKey }),
          userId: keys.publicKey,
        }
      },
    ],
  ])("of %s counts at once for all sockets that share it; who is in stays in", async (_, make) => {
    const { security, allow, revoke, client, userId } = make()
    await using pull = new Pull({ security })
    await using router = new Router({ security })
    const endpoints = [await pull.bind("tcp://127.0.0.1:*"), await router.bind("ipc://*")]

    /** Whether a newcomer gets in, at each of the two. */
    async function admitted(): Promise<boolean[]> {
      const results: boolean[] = []
      for (const [i, endpoint] of endpoints.entries()) {
        await using newcomer =
          i === 0 ? new Push({ security: client, ...QUICK }) : new Dealer({ security: client, ...QUICK })
        const refused = newcomer.events.once("close").then(() => false)
        newcomer.connect(endpoint)
        results.push(
          await Promise.race([
            newcomer.waitForPeers().then(
              () => true,
              () => false,
            ),
            refused,
          ]),
        )
      }
      return results
    }

    expect(await admitted()).toEqual([false, false])
    allow()
    expect(await admitted()).toEqual([true, true])
    await using resident = new Push({ security: client, ...QUICK })
    resident.connect(endpoints[0] as string)
    await resident.send("before")
    expect((await pull.receiveFrom()).peer?.userId).toBe(userId)
    revoke()
    expect(await admitted()).toEqual([false, false])
    await resident.send("after")
    expect(await receiveText(pull)).toEqual(["after"])
  })
})

it("a peer that is refused gets ERROR 400 and no more, and none of its messages is delivered", async () => {
  await using gate = await Gate.open(() => false)
  using peer = await gate.visitor()
  peer.send(message("let me in"))
  const answer = await peer.next()
  expect([commandName(answer), commandData(answer).toString()]).toEqual(["ERROR", "\x03400"])
  await expect(peer.next()).rejects.toThrow()
  expect(gate.pull.tryReceive()).toBeUndefined()
  expect(gate.told).toEqual(["handshake:error"])
})
