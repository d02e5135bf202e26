import {
  Dealer,
  type DropReason,
  Fanout,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  UnreachableError,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import { RawPeer, RawServer, message as raw } from "./support/raw-peer.ts"
import {
  fill,
  join,
  type Receiver,
  type Sender,
  take,
  takeText,
  text,
  turns,
  untilPeers,
  waits,
} from "./support/sockets.ts"
import { TRANSPORTS } from "./support/transports.ts"

/** More than any operating system swallows, in messages that are told apart by their last frame. */
const MANY = 30
const LARGE = Buffer.alloc(1 << 20, "x")

/** Resolves when nothing moves any more. */
async function untilStill(socket: Socket): Promise<void> {
  let before = -1
  for (let still = 0; still < 20; still++) {
    if (socket.stats.messagesSent !== before) still = 0
    before = socket.stats.messagesSent
    await turns(1)
  }
}

/** What a socket has dropped, and what it has said about that. */
class Losses {
  readonly #socket: Socket
  readonly #told = new Map<DropReason, number>()

  constructor(socket: Socket) {
    this.#socket = socket
    socket.events.on("message:dropped", ({ reason, count }) => {
      this.#told.set(reason, (this.#told.get(reason) ?? 0) + count)
    })
  }

  of(reason: DropReason): number {
    return this.#socket.stats.dropped[reason]
  }

  get total(): number {
    return Object.values(this.#socket.stats.dropped).reduce((sum, count) => sum + count)
  }

  /** Every loss is announced; what is gathered at the moment comes at the latest with the close. */
  async expectTold(): Promise<void> {
    await this.#socket.close({ linger: 0 })
    for (const [reason, count] of Object.entries(this.#socket.stats.dropped)) {
      expect([reason, this.#told.get(reason as DropReason) ?? 0]).toEqual([reason, count])
    }
  }
}

/** Takes everything out of a peer of one process until nothing comes any more. */
async function takeAll(socket: Receiver): Promise<string[]> {
  const texts: string[] = []
  for (let idle = 0; idle < 20; idle++) {
    for (let found = socket.tryReceive(); found !== undefined; found = socket.tryReceive()) {
      texts.push(String(found.at(-1)))
      idle = 0
    }
    await turns(1)
  }
  return texts
}

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `${from + i}`)

describe.each([
  { name: "Push", make: () => new Push({ linger: 0 }), type: "PULL", heir: () => new Pull() },
  { name: "Dealer", make: () => new Dealer({ linger: 0 }), type: "DEALER", heir: () => new Dealer() },
] as { name: string; make: () => Sender; type: string; heir: () => Receiver }[])("$name", ({ make, type, heir }) => {
  it("gives what was not written to the peers that are there, oldest first", async () => {
    await using socket = make()
    const losses = new Losses(socket)
    const endpoint = await socket.bind("tcp://127.0.0.1:*")
    using stuck = await RawPeer.join(endpoint, type)
    await socket.waitForPeers(1)
    stuck.socket.pause()
    for (let i = 0; i < MANY; i++) await socket.send([LARGE, `${i}`])
    await untilStill(socket)
    await using other = heir()
    await join(other, endpoint, socket)
    const { messagesSent } = socket.stats
    stuck.socket.destroy()
    await untilPeers(socket, 1)
    // At most one write is in the air, and one of these messages fills it.
    expect(losses.of("in-flight")).toBe(1)
    const got = (await take(other, MANY - messagesSent - 1)).map((frames) => String(frames.at(-1)))
    expect(got).toEqual(numbers(messagesSent + 1, MANY))
    expect(losses.total).toBe(1)
    await losses.expectTold()
  })

  it("keeps what was not written, when nobody is there, for whoever comes", async () => {
    await using socket = make()
    const losses = new Losses(socket)
    const endpoint = await socket.bind("tcp://127.0.0.1:*")
    using stuck = await RawPeer.join(endpoint, type)
    await socket.waitForPeers(1)
    stuck.socket.pause()
    for (let i = 0; i < MANY; i++) await socket.send([LARGE, `${i}`])
    await untilStill(socket)
    const { messagesSent } = socket.stats
    stuck.socket.destroy()
    await untilPeers(socket, 0)
    expect(socket.stats.queuedMessages).toBe(MANY - messagesSent - 1)
    expect(socket.trySend("nobody is there")).toBe(false)
    await using newcomer = heir()
    await join(newcomer, endpoint, socket)
    const got = (await take(newcomer, MANY - messagesSent - 1)).map((frames) => String(frames.at(-1)))
    expect(got).toEqual(numbers(messagesSent + 1, MANY))
    expect(losses.total).toBe(1)
    await losses.expectTold()
  })

  it("keeps what was not written to a connected endpoint for its return", async () => {
    await using server = await RawServer.listen()
    await using socket = make()
    const losses = new Losses(socket)
    socket.connect(server.endpoint)
    const stuck = await server.admit(type)
    await socket.waitForPeers(1)
    stuck.socket.pause()
    for (let i = 0; i < MANY; i++) await socket.send([LARGE, `${i}`])
    await untilStill(socket)
    const { messagesSent } = socket.stats
    stuck.socket.destroy()
    const back = await server.admit(type)
    for (const number of numbers(messagesSent + 1, MANY)) {
      await back.next()
      expect(String((await back.next()).body)).toBe(number)
    }
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.total).toBe(1)
    expect(socket.stats.reconnects).toBe(1)
    await losses.expectTold()
  })
})

describe("Push", () => {
  it.each(["round-robin", "least-loaded"] as const)("%s: an heir takes more than its mark", async (balance) => {
    await using push = new Push({ balance, sendHighWaterMark: 5, linger: 0 })
    await using first = new Pull({ receiveHighWaterMark: 1 })
    await using second = new Pull({ receiveHighWaterMark: 1 })
    const [one, two] = ["inproc://heir-1", "inproc://heir-2"]
    await join(push, await first.bind(`${one}-${balance}`), first)
    let sent = 0
    while (push.trySend(`${sent}`)) sent++
    expect(sent).toBe(6)
    await join(push, await second.bind(`${two}-${balance}`), second)
    while (push.trySend(`${sent}`)) sent++
    expect(sent).toBe(12)
    push.disconnect(`${one}-${balance}`)
    await untilPeers(push, 1)
    expect(push.peers[0]?.stats.queuedMessages).toBe(10)
    expect(push.trySend("too much")).toBe(false)
    const waiting = push.send("12")
    expect(await waits(waiting)).toBe(true)
    // Its own first, then what it inherits, oldest first, and only then who waited.
    expect(await takeText(second, 12)).toEqual([...numbers(6, 12), ...numbers(1, 6), "12"])
    await waiting
    expect(await takeAll(first)).toEqual(["0"])
  })

  it("accepts no more while nobody is there than one peer's marks allow", async () => {
    await using server = await RawServer.listen()
    await using push = new Push({ sendHighWaterMark: 5, linger: 0, reconnectInterval: 1 })
    push.connect(server.endpoint)
    const peer = await server.admit("PULL")
    await push.waitForPeers(1)
    peer.socket.pause()
    const before = await fill(push, [LARGE, "x"])
    expect(push.stats.queuedMessages).toBe(5)
    peer.socket.destroy()
    await untilPeers(push, 0)
    expect(push.stats.queuedMessages).toBe(5)
    expect(push.trySend("x")).toBe(false)
    expect(push.stats.messagesSent + push.stats.dropped["in-flight"] + 5).toBe(before)
  })
})

describe("Request", () => {
  it("asks another what was not written, and rejects at once what was", async () => {
    await using request = new Request({ linger: 0 })
    const losses = new Losses(request)
    const endpoint = await request.bind("tcp://127.0.0.1:*")
    using stuck = await RawPeer.join(endpoint, "REP")
    await request.waitForPeers(1)
    stuck.socket.pause()
    const answers = numbers(0, MANY).map((number) => request.request([LARGE, number]))
    const outcomes = Promise.allSettled(answers)
    await untilStill(request)
    const { messagesSent } = request.stats
    await using reply = new Reply()
    const serving = reply.serve((question) => ["answer", question[1] as Buffer])
    await join(reply, endpoint, request)
    stuck.socket.destroy()
    for (const [i, outcome] of (await outcomes).entries()) {
      if (i <= messagesSent) expect((outcome as PromiseRejectedResult).reason).toBeInstanceOf(UnreachableError)
      else expect(text((outcome as PromiseFulfilledResult<Buffer[]>).value)).toEqual(["answer", `${i}`])
    }
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.total).toBe(1)
    await losses.expectTold()
    await reply.close()
    await serving
  })

  it("asks another again what had been written, if it may", async () => {
    await using request = new Request({ linger: 0 })
    const endpoint = await request.bind("tcp://127.0.0.1:*")
    using stuck = await RawPeer.join(endpoint, "REP")
    await request.waitForPeers(1)
    stuck.socket.pause()
    const answers = numbers(0, MANY).map((number) => request.request([LARGE, number], { retries: 1 }))
    await untilStill(request)
    await using reply = new Reply()
    const serving = reply.serve((question) => ["answer", question[1] as Buffer])
    await join(reply, endpoint, request)
    stuck.socket.destroy()
    expect((await Promise.all(answers)).map((answer) => text(answer)[1])).toEqual(numbers(0, MANY))
    await reply.close()
    await serving
  })
})

describe("Pair", () => {
  it("keeps what was not written for a peer that it connects to", async () => {
    await using server = await RawServer.listen()
    await using pair = new Pair({ linger: 0 })
    const losses = new Losses(pair)
    pair.connect(server.endpoint)
    const stuck = await server.admit("PAIR")
    await pair.waitForPeers(1)
    stuck.socket.pause()
    for (let i = 0; i < MANY; i++) await pair.send([LARGE, `${i}`])
    await untilStill(pair)
    const { messagesSent } = pair.stats
    stuck.socket.destroy()
    const back = await server.admit("PAIR")
    for (const number of numbers(messagesSent + 1, MANY)) {
      await back.next()
      expect(String((await back.next()).body)).toBe(number)
    }
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.total).toBe(1)
    await losses.expectTold()
  })

  it("drops and counts what was not written to a peer that came by itself", async () => {
    await using pair = new Pair({ linger: 0 })
    const losses = new Losses(pair)
    const endpoint = await pair.bind("tcp://127.0.0.1:*")
    using stuck = await RawPeer.join(endpoint, "PAIR")
    await pair.waitForPeers(1)
    stuck.socket.pause()
    for (let i = 0; i < MANY; i++) await pair.send([LARGE, `${i}`])
    await untilStill(pair)
    const { messagesSent } = pair.stats
    stuck.socket.destroy()
    await untilPeers(pair, 0)
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.of("peer-left")).toBe(MANY - messagesSent - 1)
    await using newcomer = new Pair()
    await join(newcomer, endpoint, pair)
    await pair.send("for you")
    expect(await takeText(newcomer, 1)).toEqual(["for you"])
    await losses.expectTold()
  })
})

interface Leaver {
  readonly name: string
  readonly make: () => Socket
  /** The type of the raw peer, and what it says at first. */
  readonly type: string
  readonly says?: Buffer
  /** How many messages its leaving brings the application. */
  readonly tells?: number
  /** Has many messages queued for the peer. */
  readonly send: (socket: never, peer: RawPeer) => Promise<void>
}

async function sendMany(socket: Sender): Promise<void> {
  for (let i = 0; i < MANY; i++) await socket.send([LARGE, `${i}`])
}

const everything = raw(Buffer.from([1]))

const LEAVERS: readonly Leaver[] = [
  {
    name: "Router",
    make: () => new Router({ linger: 0, mandatory: true }),
    type: "DEALER",
    async send(socket: Router) {
      const id = socket.peers[0]?.routingId as Buffer
      for (let i = 0; i < MANY; i++) await socket.send([id, LARGE, `${i}`])
    },
  },
  {
    name: "Reply",
    make: () => new Reply({ linger: 0 }),
    type: "REQ",
    async send(socket: Reply, peer) {
      for (let i = 0; i < MANY; i++) peer.send(raw("", `${i}`))
      for (let i = 0; i < MANY; i++) await socket.send([LARGE, (await socket.receive())[0] as Buffer])
    },
  },
  { name: "Fanout", make: () => new Fanout({ linger: 0 }), type: "PULL", send: sendMany },
  {
    name: "Publisher",
    make: () => new Publisher({ linger: 0 }),
    type: "SUB",
    says: everything,
    async send(socket: Publisher) {
      await socket.waitForSubscribers("")
      await sendMany(socket)
    },
  },
  {
    name: "XPublisher",
    make: () => new XPublisher({ linger: 0 }),
    type: "XSUB",
    says: everything,
    tells: 1,
    async send(socket: XPublisher) {
      await socket.receive()
      await sendMany(socket)
    },
  },
  { name: "XSubscriber", make: () => new XSubscriber({ linger: 0 }), type: "XPUB", send: sendMany },
]

describe.each(LEAVERS)("$name", ({ make, type, says, tells = 0, send }) => {
  it("drops and counts what was not written to a peer that came by itself", async () => {
    await using socket = make()
    const losses = new Losses(socket)
    const endpoint = await socket.bind("tcp://127.0.0.1:*")
    using peer = await RawPeer.join(endpoint, type)
    await socket.waitForPeers(1)
    if (says !== undefined) peer.send(says)
    peer.socket.pause()
    await send(socket as never, peer)
    await untilStill(socket)
    const { messagesSent } = socket.stats
    peer.socket.destroy()
    await untilPeers(socket, 0)
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.of("peer-left")).toBe(MANY - messagesSent - 1)
    expect(losses.total).toBe(MANY - messagesSent)
    expect(socket.stats.queuedMessages).toBe(tells)
    await losses.expectTold()
  })

  it("drops and counts what was not written to a peer that it connects to", async () => {
    await using server = await RawServer.listen()
    await using socket = make()
    const losses = new Losses(socket)
    socket.connect(server.endpoint)
    const peer = await server.admit(type)
    await socket.waitForPeers(1)
    if (says !== undefined) peer.send(says)
    peer.socket.pause()
    await send(socket as never, peer)
    await untilStill(socket)
    const { messagesSent } = socket.stats
    peer.socket.destroy()
    await untilPeers(socket, 0)
    const back = await server.admit(type)
    await socket.waitForPeers(1)
    expect(losses.of("in-flight")).toBe(1)
    expect(losses.of("peer-left")).toBe(MANY - messagesSent - 1)
    expect(losses.total).toBe(MANY - messagesSent)
    expect(socket.stats.queuedMessages).toBe(tells)
    back.socket.destroy()
    await losses.expectTold()
  })
})

/** Numbers that look random and are the same each time. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * sides)
  }
}

describe("over many kills", () => {
  it.each([
    { balance: "round-robin", seed: 1 },
    { balance: "least-loaded", seed: 2 },
  ] as const)("of workers in the same process, sent = received + counted: $balance", async ({ balance, seed }) => {
    const roll = dice(seed)
    await using push = new Push({ balance, sendHighWaterMark: 20, window: 30, linger: 0 })
    const losses = new Losses(push)
    const endpoint = await push.bind(`inproc://kills-${seed}`)
    const tally = new Tally()
    let live: Pull[] = []
    let unread = 0
    let sent = 0
    for (let cycle = 0; cycle < 200; cycle++) {
      while (live.length < 3) {
        const pull = new Pull({ receiveHighWaterMark: 10 })
        await join(pull, endpoint, push)
        live.push(pull)
      }
      for (let n = roll(100); n > 0 && push.trySend(`${sent}`); n--) sent++
      for (const pull of live) tally.take(pull, roll(30))
      const victim = live[roll(live.length)] as Pull
      live = live.filter((pull) => pull !== victim)
      await victim.close()
      unread += victim.stats.dropped.unread
    }
    await tally.takeAll(live)
    expect(push.stats.queuedMessages).toBe(0)
    expect(sent).toBeGreaterThan(2000)
    expect(unread).toBeGreaterThan(100)
    expect(tally.size + unread + losses.total).toBe(sent)
    await Promise.all(live.map((pull) => pull.close()))
    await losses.expectTold()
  })

  it.each([
    { balance: "round-robin", seed: 3 },
    { balance: "least-loaded", seed: 4 },
  ] as const)(
    "of connections, nothing is lost uncounted and nothing comes twice: $balance",
    async ({ balance, seed }) => {
      const roll = dice(seed)
      await using push = new Push({ balance, sendHighWaterMark: 20, window: 30, linger: 0 })
      const losses = new Losses(push)
      const endpoint = await push.bind("tcp://127.0.0.1:*")
      const tally = new Tally()
      const pulls = [0, 1, 2].map(
        () => new Pull({ receiveHighWaterMark: 10, reconnectInterval: 1, reconnectMaxInterval: 0 }),
      )
      for (const pull of pulls) pull.connect(endpoint)
      let sent = 0
      for (let cycle = 0; cycle < 100; cycle++) {
        // A worker at its mark learns of the end only when it has read what came before.
        while (push.peers.length === 0) {
          for (const pull of pulls) tally.take(pull, 1)
          await turns(1)
        }
        for (let n = roll(100); n > 0 && push.trySend([`${sent}`, "x".repeat(roll(3000))]); n--) sent++
        await turns(roll(4))
        for (const pull of pulls) tally.take(pull, roll(60))
        const { peers } = push
        peers[roll(peers.length)]?.disconnect()
      }
      while (push.peers.length < 3 || push.stats.queuedMessages > 0) await tally.takeAll(pulls)
      await tally.takeAll(pulls)
      expect(push.stats.queuedMessages).toBe(0)
      expect(sent).toBeGreaterThan(1000)
      // What was in a write when its connection ended is counted, though it may have arrived.
      const uncertain = losses.of("in-flight")
      expect(losses.total).toBe(uncertain)
      expect(tally.size).toBeLessThanOrEqual(sent)
      expect(tally.size + uncertain).toBeGreaterThanOrEqual(sent)
      await Promise.all(pulls.map((pull) => pull.close()))
      await losses.expectTold()
    },
  )
})

describe.each(TRANSPORTS)("over $name", ({ any }) => {
  it.each(["worker", "sender"] as const)("what the %s that closes first leaves behind is counted", async (first) => {
    for (let cycle = 0; cycle < 30; cycle++) {
      await using push = new Push({ linger: 20 })
      await using pull = new Pull({ receiveHighWaterMark: 10 })
      await join(pull, await push.bind(any()), push)
      let sent = 0
      while (sent < 500 && push.trySend("x".repeat(cycle * 20))) if (++sent % 10 === 0) await turns(1)
      const closing = first === "sender" ? push.close() : undefined
      await turns(cycle % 4)
      let received = 0
      while (received < 50 && pull.tryReceive() !== undefined) received++
      await turns(cycle % 3)
      await pull.close()
      await (closing ?? push.close({ linger: 0 }))
      const { "in-flight": uncertain, linger, "peer-left": left } = push.stats.dropped
      const known = received + pull.stats.dropped.unread + linger + left
      expect(known).toBeLessThanOrEqual(sent)
      expect(known + uncertain).toBeGreaterThanOrEqual(sent)
    }
  })
})

/** Who received what, each message once. */
class Tally {
  readonly #seen = new Set<string>()

  get size(): number {
    return this.#seen.size
  }

  /** Takes up to so many messages; true if there was one. */
  take(pull: Pull, most: number): boolean {
    let found = false
    for (let n = 0; n < most; n++) {
      const message = pull.tryReceive()
      if (message === undefined) break
      found = true
      const number = String(message[0])
      expect(this.#seen.has(number)).toBe(false)
      this.#seen.add(number)
    }
    return found
  }

  /** Takes messages until none come any more. */
  async takeAll(pulls: readonly Pull[]): Promise<void> {
    for (let idle = 0; idle < 30; idle++) {
      for (const pull of pulls) if (this.take(pull, Number.POSITIVE_INFINITY)) idle = 0
      await turns(1)
    }
  }
}
