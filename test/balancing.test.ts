import { byKey, Dealer, MessageError, OptionError, type PeerLoad, Pull, Push, Router } from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { type CrewReport, type Worker, workInStep } from "./support/crew.ts"
import { json } from "./support/json.ts"
import { Meeting } from "./support/meeting.ts"
import { RawPeer, RawServer } from "./support/raw-peer.ts"
import { join, take, takeText, turns, untilPeers, waits } from "./support/sockets.ts"
import { TRANSPORTS } from "./support/transports.ts"

const RECORDS = 20_000
/** Four workers, one of whom is ten times slower. */
const SPEEDS = [10, 10, 10, 1]

/** Lets a crew of ours, or of theirs, work on records of a Push with these options. */
async function run(
  whose: "ours" | "theirs",
  options: {
    window?: number | undefined
    receiveHighWaterMark?: number
    wildcard?: () => string
    balance?: "round-robin"
  },
): Promise<CrewReport> {
  await using meeting = new Meeting()
  const { window, receiveHighWaterMark, wildcard, balance = "least-loaded" } = options
  const mark = receiveHighWaterMark === undefined ? {} : { receiveHighWaterMark }
  const workers: Worker[] = []
  for (const speed of SPEEDS) {
    const pull = whose === "ours" ? meeting.ours(new Pull(mark)) : meeting.theirs(new zmq.Pull(mark))
    workers.push({ speed, endpoint: await meeting.bind(pull, wildcard?.()), receive: () => pull.receive() })
  }
  const push = meeting.ours(new Push({ balance, ...(window === undefined ? {} : { window }) }))
  for (const { endpoint } of workers) push.connect(endpoint)
  await push.waitForPeers(workers.length)
  const report = await workInStep(push, workers, RECORDS)
  expect(report.given.reduce((sum, given) => sum + given)).toBe(RECORDS)
  return report
}

function expectBalance({ given, rounds, ideal }: CrewReport): void {
  expect(given.at(-1)).toBeLessThanOrEqual(0.15 * RECORDS)
  expect(rounds).toBeLessThanOrEqual(1.15 * ideal)
}

describe("least-loaded", () => {
  it.each([
    { window: undefined, receiveHighWaterMark: 1 },
    { window: undefined, receiveHighWaterMark: 16 },
    { window: 64, receiveHighWaterMark: 10 },
    { window: 16, receiveHighWaterMark: 16 },
    { window: 4, receiveHighWaterMark: 1 },
  ])("spares a slow worker of ours: window $window, mark $receiveHighWaterMark", async (options) => {
    expectBalance(await run("ours", options))
  })

  it.each([
    { window: undefined, receiveHighWaterMark: 1 },
    { window: undefined, receiveHighWaterMark: 16 },
    { window: 16, receiveHighWaterMark: 10 },
  ])("spares a slow worker of theirs: window $window, mark $receiveHighWaterMark", async (options) => {
    expectBalance(await run("theirs", options))
  })

  it.each(TRANSPORTS)("spares a slow worker over $name", async ({ any }) => {
    expectBalance(await run("ours", { wildcard: any, receiveHighWaterMark: 16 }))
  })

  it.each(["ours", "theirs"] as const)(
    "gives a slow worker (%s) little more than its prefetch of 1000",
    async (whose) => {
      const { given } = await run(whose, {})
      expect(given.at(-1)).toBeLessThanOrEqual(0.15 * RECORDS)
    },
  )

  it("is what makes the difference", async () => {
    const { given, rounds, ideal } = await run("ours", { balance: "round-robin", receiveHighWaterMark: 16 })
    expect(given).toEqual([5000, 5000, 5000, 5000])
    expect(rounds).toBeGreaterThan(4 * ideal)
  })

  it("lets a peer that reads nothing hold no more than the window, whoever balances", async () => {
    for (const balance of ["least-loaded", byKey<Buffer[]>((message) => message[0] as Buffer), first] as const) {
      await using server = await RawServer.listen()
      await using push = new Push({ balance, window: 24, linger: 0 })
      push.connect(server.endpoint)
      using peer = await server.admit("PULL")
      peer.socket.pause()
      await push.waitForPeers(1)
      let taken = 0
      for (let i = 0; i < 50; i++) {
        while (push.trySend("x")) taken++
        await turns(1)
      }
      expect(taken).toBe(balance === "least-loaded" ? 16 : 24)
      expect(push.stats.queuedMessages).toBe(0)
    }
  })

  it.each(["ours", "theirs"] as const)("adds the receive mark of a peer that reads nothing (%s)", async (whose) => {
    await using meeting = new Meeting()
    const mark = { receiveHighWaterMark: 8 }
    const [idle, busy] = [0, 1].map(() =>
      whose === "ours" ? meeting.ours(new Pull(mark)) : meeting.theirs(new zmq.Pull(mark)),
    ) as [Pull | zmq.Pull, Pull | zmq.Pull]
    const push = meeting.ours(new Push({ balance: "least-loaded", window: 32 }))
    await meeting.join(idle, push)
    await meeting.join(busy, push)
    const done = (async () => {
      for (let i = 0; i < 2000; i++) await push.send(`${i}`)
    })()
    for (let i = 0; i < 2000 - 40; i++) await busy.receive()
    await done
    const { messagesSent = 0, queuedMessages = 0 } = push.peers[0]?.stats ?? {}
    expect(messagesSent + queuedMessages).toBeLessThanOrEqual(32 + 8)
    expect(push.stats.messagesSent + push.stats.queuedMessages).toBe(2000)
  })

  it("judges peers of ZMTP 3.0 by their queue alone, and sends them no PING", async () => {
    await using push = new Push({ balance: "least-loaded", window: 8, linger: 0 })
    const endpoint = await push.bind("tcp://127.0.0.1:*")
    using peer = await RawPeer.join(endpoint, "PULL", { minor: 0 })
    await push.waitForPeers(1)
    for (let i = 0; i < 500; i++) await push.send(`${i}`)
    for (let i = 0; i < 500; i++) {
      const { flags, body } = await peer.next()
      expect([flags, body.toString()]).toEqual([0, `${i}`])
    }
  })

  it("marks the stream for peers of ZMTP 3.1, and takes their PONGs as proof", async () => {
    await using push = new Push({ balance: "least-loaded", window: 8, linger: 0 })
    const endpoint = await push.bind("tcp://127.0.0.1:*")
    using peer = await RawPeer.join(endpoint, "PULL")
    await push.waitForPeers(1)
    let sent = 0
    while (push.trySend("x")) sent++
    expect(sent).toBe(8)
    const contexts: Buffer[] = []
    for (let seen = 0; seen < 8; ) {
      const { flags, body } = await peer.next()
      if (flags === 4) contexts.push(body.subarray(7))
      else seen++
    }
    const last = await peer.next()
    if (last.flags === 4) contexts.push(last.body.subarray(7))
    expect(contexts.length).toBeGreaterThan(0)
    expect(push.trySend("x")).toBe(false)
    const pong = Buffer.concat([Buffer.from([4, 5 + 5, 4]), Buffer.from("PONG"), contexts.at(-1) as Buffer])
    peer.send(pong)
    await push.send("and more")
    expect(push.stats.messagesSent + push.stats.queuedMessages).toBe(9)
  })
})

const first = (peers: readonly PeerLoad[]): PeerLoad | undefined => peers[0]

describe("round-robin", () => {
  it("PIPE-1: takes turns exactly, with peers of ours and of theirs", async () => {
    await using meeting = new Meeting()
    const push = meeting.ours(new Push())
    const pulls = [new Pull(), new Pull()].map((pull) => meeting.ours(pull))
    const theirs = meeting.theirs(new zmq.Pull())
    for (const pull of [...pulls, theirs]) await meeting.join(pull, push)
    for (let i = 0; i < 30; i++) await push.send(`${i}`)
    const got = [await takeText(pulls[0] as Pull, 10), await takeText(pulls[1] as Pull, 10)]
    const third: string[] = []
    while (third.length < 10) third.push(String((await theirs.receive())[0]))
    for (const texts of [...got, third]) {
      const numbers = texts.map(Number)
      expect(numbers.map((number, i) => number - (numbers[0] as number) - 3 * i)).toEqual(Array(10).fill(0))
    }
  })

  it("prefers peers that are there to endpoints that are not", async () => {
    await using push = new Push({ reconnectInterval: 10, linger: 0 })
    await using pull = new Pull()
    push.connect("inproc://somebody-who-never-comes")
    await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    for (let i = 0; i < 20; i++) await push.send(`${i}`)
    expect(await takeText(pull, 20)).toHaveLength(20)
  })
})

/** Which key went to which worker, told by who received it. */
async function placesOf(push: Push, pulls: readonly Pull[], keys: readonly string[]): Promise<Map<string, number>> {
  const sending = (async () => {
    for (const key of keys) await push.send([key, "body"])
  })()
  const places = new Map<string, number>()
  const reading = new AbortController()
  const all = pulls.map(async (pull, i) => {
    for (;;) {
      const [key] = await pull.receive({ signal: reading.signal })
      places.set(String(key), i)
      if (places.size === keys.length) reading.abort()
    }
  })
  await Promise.allSettled([...all, sending])
  return places
}

const KEYS = Array.from({ length: 300 }, (_, i) => `key ${i}`)

describe("byKey", () => {
  const keyed = () => byKey((message) => message[0] as Buffer)

  it("sticks to one peer per key, spreads the keys, and keeps the order of each", async () => {
    await using push = new Push({ balance: keyed() })
    await using a = new Pull()
    await using b = new Pull()
    await using c = new Pull()
    const pulls = [a, b, c]
    for (const pull of pulls) await join(push, await pull.bind("tcp://127.0.0.1:*"), pull)
    const places = await placesOf(push, pulls, KEYS)
    expect(await placesOf(push, pulls, KEYS)).toEqual(places)
    for (const i of [0, 1, 2]) {
      const share = [...places.values()].filter((place) => place === i).length
      expect(share).toBeGreaterThan(50)
      expect(share).toBeLessThan(150)
    }
    for (let i = 0; i < 10; i++) for (const key of ["x", "y", "z"]) await push.send([key, `${i}`])
    const counts = new Map<string, number>()
    const reading = new AbortController()
    let received = 0
    await Promise.allSettled(
      pulls.map(async (pull) => {
        for (;;) {
          const [key, number] = (await pull.receive({ signal: reading.signal })).map(String) as [string, string]
          if (Number(number) === (counts.get(key) ?? 0)) counts.set(key, Number(number) + 1)
          if (++received === 30) reading.abort()
        }
      }),
    )
    expect([...counts.values()]).toEqual([10, 10, 10])
  })

  it("moves a key only when its peer leaves, or a newcomer wins it", async () => {
    await using push = new Push({ balance: keyed() })
    await using a = new Pull()
    await using b = new Pull()
    const pulls = [a, b]
    const endpoints: string[] = []
    for (const pull of pulls) {
      const endpoint = await pull.bind("tcp://127.0.0.1:*")
      endpoints.push(endpoint)
      await join(push, endpoint, pull)
    }
    const two = await placesOf(push, pulls, KEYS)

    await using c = new Pull()
    const third = await c.bind("tcp://127.0.0.1:*")
    await join(push, third, c)
    const three = await placesOf(push, [a, b, c], KEYS)
    let won = 0
    for (const [key, place] of three) {
      if (place === 2) won++
      else expect(place).toBe(two.get(key))
    }
    expect(won).toBeGreaterThan(50)

    push.disconnect(third)
    await untilPeers(push, 2)
    expect(await placesOf(push, pulls, KEYS)).toEqual(two)

    // The name of a connected peer is its endpoint: it takes its keys back when it returns.
    await untilPeers(c, 0)
    await join(push, third, c)
    expect(await placesOf(push, [a, b, c], KEYS)).toEqual(three)
  })

  it("knows a bound peer by its routing id", async () => {
    await using dealer: Dealer = new Dealer({ balance: keyed() })
    const endpoint = await dealer.bind("tcp://127.0.0.1:*")
    const placesAmong = async (names: readonly string[]): Promise<Map<string, string>> => {
      const places = new Map<string, string>()
      const peers = names.map((routingId) => new Dealer({ routingId }))
      for (const peer of peers) await join(peer, endpoint, dealer)
      for (const key of KEYS) await dealer.send(key)
      await Promise.all(
        peers.map(async (peer, i) => {
          const count = dealer.peers.find(({ routingId }) => String(routingId) === names[i])?.stats
          while (count !== undefined && count.messagesSent + count.queuedMessages > peer.stats.messagesReceived) {
            await turns(1)
          }
          for (const [key] of await take(peer, peer.stats.messagesReceived)) places.set(String(key), names[i] as string)
        }),
      )
      await Promise.all(peers.map((peer) => peer.close()))
      await untilPeers(dealer, 0)
      return places
    }
    const places = await placesAmong(["one", "two"])
    expect(places.size).toBe(KEYS.length)
    expect(new Set(places.values()).size).toBe(2)
    expect(await placesAmong(["two", "one"])).toEqual(places)
  })

  it("waits for a peer that is full without blocking the keys of others", async () => {
    await using push = new Push({ balance: keyed(), sendHighWaterMark: 1, linger: 0 })
    await using a = new Pull({ receiveHighWaterMark: 1 })
    await using b = new Pull({ receiveHighWaterMark: 1 })
    const pulls = [a, b]
    for (const [i, pull] of pulls.entries()) await join(push, await pull.bind(`inproc://full-${i}`), pull)
    const places = await placesOf(push, pulls, KEYS.slice(0, 20))
    const [ofA] = [...places].find(([, place]) => place === 0) as [string, number]
    const [ofB] = [...places].find(([, place]) => place === 1) as [string, number]

    while (push.trySend([ofA, "fills"]));
    const waiting = [push.send([ofA, "1"]), push.send([ofA, "2"]), push.send([ofA, "3"])]
    expect(await waits(Promise.race(waiting))).toBe(true)
    for (let i = 0; i < 50; i++) {
      await push.send([ofB, `${i}`])
      expect(String((await b.receive())[1])).toBe(`${i}`)
    }
    expect(await waits(Promise.race(waiting))).toBe(true)
    const got: string[] = []
    while (!got.includes("3")) got.push(String((await a.receive())[1]))
    expect(got.filter((body) => body !== "fills")).toEqual(["1", "2", "3"])
    await Promise.all(waiting)
  })

  it("tries those who wait for a peer that leaves with the others, in order", async () => {
    await using push = new Push({ balance: keyed(), sendHighWaterMark: 1, linger: 0 })
    await using a = new Pull({ receiveHighWaterMark: 1 })
    await using b = new Pull()
    const endpoints: string[] = []
    for (const [i, pull] of [a, b].entries()) {
      const endpoint = await pull.bind(`inproc://leaves-${i}`)
      endpoints.push(endpoint)
      await join(push, endpoint, pull)
    }
    const places = await placesOf(push, [a, b], KEYS.slice(0, 20))
    const [ofA] = [...places].find(([, place]) => place === 0) as [string, number]
    while (push.trySend([ofA, "queued"]));
    const waiting = ["1", "2", "3"].map((body) => push.send([ofA, body]))
    push.disconnect(endpoints[0] as string)
    // One was in the leaver's hands already; what it was still owed goes to the other, before those who waited.
    const got = (await takeText(b, 4)).map((text) => text.split("|")[1])
    expect(got).toEqual(["queued", "1", "2", "3"])
    await Promise.all(waiting)
  })

  it("gives the key function the value, where there is a codec", async () => {
    interface Job {
      readonly user: string
    }
    const seen: Job[] = []
    await using push = new Push<Job>({
      codec: json<Job>(),
      balance: byKey((job) => {
        seen.push(job)
        return job.user
      }),
    })
    await using pull = new Pull<Job>({ codec: json<Job>() })
    await join(push, await pull.bind("inproc://values"), pull)
    await push.send({ user: "ann" })
    expect(await pull.receive()).toEqual({ user: "ann" })
    expect(seen).toEqual([{ user: "ann" }])
  })

  it("refuses a message without a key, and a key function that throws rejects that send alone", async () => {
    await using push = new Push({
      balance: byKey((message) => {
        if (String(message[0]) === "bad") return 7 as unknown as string
        if (String(message[0]) === "worse") throw new RangeError("no key")
        return message[0] as Buffer
      }),
    })
    await using pull = new Pull()
    await join(push, await pull.bind("inproc://keys"), pull)
    await expect(push.send("bad")).rejects.toThrow(MessageError)
    await expect(push.send("worse")).rejects.toThrow(RangeError)
    expect(() => push.trySend("bad")).toThrow(MessageError)
    await push.send("good")
    expect(await takeText(pull, 1)).toEqual(["good"])
    expect(pull.stats.messagesReceived).toBe(1)
  })
})

describe("a strategy of one's own", () => {
  it("is given the peers that can take a message now, what they have to do, and the message", async () => {
    const calls: { names: string[]; queued: number[]; unproven: number[]; outstanding: number[]; message: string }[] =
      []
    await using push = new Push({
      balance: (peers, message) => {
        calls.push({
          names: peers.map(({ peer }) => peer.endpoint),
          queued: peers.map(({ queued }) => queued),
          unproven: peers.map(({ unproven }) => unproven),
          outstanding: peers.map(({ outstanding }) => outstanding),
          message: message.map(String).join("|"),
        })
        return peers[0]
      },
      sendHighWaterMark: 2,
      linger: 0,
    })
    await using a = new Pull({ receiveHighWaterMark: 1 })
    await using b = new Pull({ receiveHighWaterMark: 1 })
    for (const [i, pull] of [a, b].entries()) await join(push, await pull.bind(`inproc://own-${i}`), pull)
    for (const text of ["1", "2", "3", "4"]) await push.send([text, "!"])
    const both = ["inproc://own-0", "inproc://own-1"]
    const idle = { unproven: [0, 0], outstanding: [0, 0] }
    expect(calls).toEqual([
      { names: both, queued: [0, 0], ...idle, message: "1|!" },
      { names: both, queued: [0, 0], ...idle, message: "2|!" },
      { names: both, queued: [1, 0], ...idle, message: "3|!" },
      { names: ["inproc://own-1"], queued: [0], unproven: [0], outstanding: [0], message: "4|!" },
    ])
  })

  it("chooses freely, and sees what has not been proven to be read", async () => {
    let most = 0
    await using push = new Push({
      balance: (peers) => {
        for (const { unproven } of peers) most = Math.max(most, unproven)
        return peers.find(({ peer }) => peer.endpoint.endsWith("second"))
      },
      linger: 0,
    })
    await using a = new Pull()
    await using b = new Pull()
    const path = await a.bind("ipc://*")
    await join(push, path, a)
    const second = await b.bind(`${path}-second`)
    await join(push, second, b)
    for (let i = 0; i < 1000; i++) await push.send(`${i}`)
    expect((await takeText(b, 1000)).map(Number)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(a.stats.messagesReceived).toBe(0)
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(256)
  })

  it("makes the message wait by choosing nobody, until something changes", async () => {
    let willing = false
    await using push = new Push({ balance: (peers) => (willing ? peers[0] : undefined) })
    await using a = new Pull()
    await using b = new Pull()
    await join(push, await a.bind("inproc://unwilling-a"), a)
    const sending = push.send("patience")
    expect(await waits(sending)).toBe(true)
    expect(push.trySend("now")).toBe(false)
    willing = true
    await join(push, await b.bind("inproc://unwilling-b"), b)
    await sending
    expect(await takeText(a, 1)).toEqual(["patience"])
  })

  it("is refused when it chooses a stranger, and rejects that send alone when it throws", async () => {
    let mood: "fine" | "stranger" | "throws" = "fine"
    const stranger = { queued: 0, unproven: 0, outstanding: 0 } as unknown as PeerLoad
    await using push = new Push({
      balance: (peers) => {
        if (mood === "throws") throw new RangeError("no mood")
        return mood === "stranger" ? stranger : peers[0]
      },
    })
    await using pull = new Pull()
    await join(push, await pull.bind("inproc://moods"), pull)
    mood = "stranger"
    await expect(push.send("1")).rejects.toThrow(OptionError)
    expect(() => push.trySend("1")).toThrow(OptionError)
    mood = "throws"
    await expect(push.send("2")).rejects.toThrow(RangeError)
    mood = "fine"
    await push.send("3")
    expect(await takeText(pull, 1)).toEqual(["3"])
    expect(pull.stats.messagesReceived).toBe(1)
  })

  it("cannot harm a newcomer for whom accepted messages wait", async () => {
    interface Job {
      readonly weight: number
    }
    const seen: unknown[] = []
    let moody = false
    await using push = new Push<Job>({
      codec: json<Job>(),
      sendHighWaterMark: 5,
      balance: (peers, job) => {
        seen.push(job.weight)
        if (moody) throw new RangeError("no mood")
        return peers[0]
      },
      linger: 0,
    })
    const endpoint = await push.bind("inproc://newcomers")
    const first = new Pull<Job>({ codec: json<Job>(), receiveHighWaterMark: 1 })
    await join(first, endpoint, push)
    for (let weight = 0; weight < 6; weight++) await push.send({ weight })
    await first.close()
    await untilPeers(push, 0)
    expect(push.stats.queuedMessages).toBe(5)

    moody = true
    await using second = new Pull<Job>({ codec: json<Job>() })
    await join(second, endpoint, push)
    expect(await take(second, 5)).toEqual([1, 2, 3, 4, 5].map((weight) => ({ weight })))
    for (const weight of seen) expect(weight).toBeTypeOf("number")
    expect(push.peers).toHaveLength(1)
  })
})

describe("Request and Dealer", () => {
  it("least-loaded counts requests that are not answered", async () => {
    await using dealer: Dealer = new Dealer({ balance: "least-loaded", window: 8, linger: 0 })
    await using idle = new Router({ receiveHighWaterMark: 1 })
    await using busy = new Router({ receiveHighWaterMark: 1 })
    for (const router of [idle, busy]) await join(dealer, await router.bind("tcp://127.0.0.1:*"), router)
    const sending = (async () => {
      for (let i = 0; i < 500; i++) await dealer.send(`${i}`)
    })()
    for (let i = 0; i < 500 - 9; i++) await busy.receive()
    await sending
    expect(dealer.peers[0]?.stats.messagesSent).toBeLessThanOrEqual(9)
  })
})
