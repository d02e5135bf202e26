import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Acceptor } from "../../src/session/acceptor.ts"
import type { Listener } from "../../src/transport/transport.ts"
import { MemoryStream } from "../support/memory-stream.ts"
import { greeting, ready } from "../support/raw-peer.ts"
import { endOfTick, nullOf, RecordingHub } from "../support/session-rig.ts"

const ENDPOINT = "tcp://0.0.0.0:5555"

class TestListener implements Listener {
  readonly endpoint = ENDPOINT
  alive = true
  closes = 0

  async close(): Promise<void> {
    this.closes++
  }

  hold(alive: boolean): void {
    this.alive = alive
  }
}

interface Rig {
  readonly hub: RecordingHub
  readonly acceptor: Acceptor
  readonly listener: TestListener
  /** A peer connects; its handshake is complete only when `greet` was called. */
  connect(address?: string): MemoryStream
}

function rig(options: object = {}): Rig {
  const hub = new RecordingHub("Pull", { heartbeatInterval: 0, ...options })
  const acceptor = new Acceptor(hub, () => nullOf("PULL"), undefined)
  const listener = new TestListener()
  acceptor.opened(listener)
  let port = 10_000
  return {
    hub,
    acceptor,
    listener,
    connect(address = "10.0.0.1") {
      const stream = new MemoryStream(address.endsWith(".sock") ? address : `${address}:${port++}`)
      acceptor.accepted(stream)
      return stream
    },
  }
}

function greet(stream: MemoryStream): void {
  stream.receive(Buffer.concat([greeting(), ready("PUSH")]))
}

/** Which of the streams are still there. */
function alive(streams: readonly MemoryStream[]): boolean[] {
  return streams.map(({ destroyed }) => !destroyed)
}

beforeEach(async () => {
  // No handshake takes longer than its share of a turn.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  // Handshakes of one test hold up none of the next.
  await endOfTick()
})

afterEach(() => {
  vi.useRealTimers()
})

describe("a bound endpoint", () => {
  it("says where it is bound, and keeps nothing alive by itself", () => {
    const { acceptor, listener } = rig()
    expect(acceptor.endpoint).toBe(ENDPOINT)
    expect(listener.alive).toBe(false)
    expect(new Acceptor(new RecordingHub("Pull"), () => nullOf("PULL"), undefined).endpoint).toBe("")
  })

  it("OPT-17: makes a session of every stream, and a peer of every session whose handshake is complete", () => {
    const { connect, hub } = rig()
    const stream = connect()
    expect(hub.events).toMatchObject([{ type: "accept", endpoint: ENDPOINT, address: stream.address }])
    greet(stream)
    expect(hub.eventTypes).toEqual(["accept", "handshake", "peer:join"])
    expect(hub.joined).toMatchObject([{ endpoint: ENDPOINT, connecting: false }])
    expect(hub.acceptedPeers).toBe(1)
  })

  it("LIMIT-10: tells when accepting went wrong, and lives on", () => {
    const { acceptor, hub, connect } = rig()
    const error = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" })
    acceptor.failed(error)
    expect(hub.events).toMatchObject([
      { type: "limit", endpoint: ENDPOINT, limit: "maxOpenFiles" },
      { type: "accept:error", endpoint: ENDPOINT, error },
    ])
    greet(connect())
    expect(hub.peers).toHaveLength(1)
  })
})

describe("LIMIT-2: the handshakes that may be pending", () => {
  it("are so many in all; the oldest makes room for the newest", async () => {
    const { connect, hub } = rig({ maxPendingHandshakes: 3, maxPendingHandshakesPerAddress: 100 })
    const streams = Array.from({ length: 4 }, (_, n) => connect(`10.0.0.${n}`))
    expect(alive(streams)).toEqual([false, true, true, true])
    await endOfTick()
    expect(hub.events).toContainEqual(expect.objectContaining({ type: "limit", limit: "maxPendingHandshakes" }))
    expect(hub.stats.handshakeFailures).toBe(1)
  })

  it("stay within the limit however fast they come", () => {
    const { connect } = rig({ maxPendingHandshakes: 10, maxPendingHandshakesPerAddress: 100 })
    const streams = Array.from({ length: 100 }, (_, n) => connect(`10.0.${n}.1`))
    expect(alive(streams)).toEqual(streams.map((_, n) => n >= 90))
  })

  it("are so many of one address; others do not suffer from it", () => {
    const { connect } = rig({ maxPendingHandshakesPerAddress: 2 })
    const honest = [connect("10.0.0.7"), connect("10.0.0.8")]
    const flood = Array.from({ length: 50 }, () => connect("10.0.0.1"))
    expect(alive(honest)).toEqual([true, true])
    expect(alive(flood).filter(Boolean)).toHaveLength(2)
    expect(alive(flood).slice(-2)).toEqual([true, true])
  })

  it("let an honest newcomer in during a flood", () => {
    const { connect, hub } = rig({ maxPendingHandshakes: 5, maxPendingHandshakesPerAddress: 100 })
    for (let n = 0; n < 20; n++) connect(`10.0.1.${n}`)
    const honest = connect("10.0.0.7")
    greet(honest)
    for (let n = 0; n < 20; n++) connect(`10.0.2.${n}`)
    expect(honest.destroyed).toBe(false)
    expect(hub.peers).toHaveLength(1)
  })

  it.each(["127.0.0.1", "127.8.8.8", "[::1]", "/tmp/some.sock", "some.sock"])(
    "are judged by the total alone when local: '%s'",
    (address) => {
      const { connect, hub } = rig({ maxPendingHandshakes: 8, maxPendingHandshakesPerAddress: 2 })
      const streams = Array.from({ length: 9 }, () => connect(address))
      expect(alive(streams).filter(Boolean)).toHaveLength(8)
      expect(hub.events).toContainEqual(expect.objectContaining({ type: "limit", limit: "maxPendingHandshakes" }))
    },
  )

  it("are counted by host, not by port; of IPv6 by network", () => {
    const { connect } = rig({ maxPendingHandshakesPerAddress: 2 })
    const [one, other] = ["[2001:db8:1::%]", "[2001:db8:2::%]"].map((network) =>
      [1, 2, 3].map((n) => connect(network.replace("%", `${n}`))),
    )
    expect(alive(one as MemoryStream[])).toEqual([false, true, true])
    expect(alive(other as MemoryStream[])).toEqual([false, true, true])
  })

  it("are pending no more once complete, failed, or left", async () => {
    const { connect, hub } = rig({ maxPendingHandshakes: 2, maxPendingHandshakesPerAddress: 2 })
    for (let round = 0; round < 5; round++) {
      const [complete, failed] = [connect(), connect()]
      greet(complete)
      failed.receive(Buffer.from("GET /"))
      connect().reset()
      await endOfTick()
      expect(complete.destroyed).toBe(false)
    }
    expect(hub.peers).toHaveLength(5)
    expect(hub.eventTypes).not.toContain("limit")
  })

  it("LIMIT-3: have a deadline each", async () => {
    const { connect } = rig({ handshakeInterval: 1000 })
    const early = connect()
    vi.advanceTimersByTime(600)
    const late = connect()
    vi.advanceTimersByTime(400)
    expect(alive([early, late])).toEqual([false, true])
    vi.advanceTimersByTime(600)
    expect(late.destroyed).toBe(true)
    await endOfTick()
    // For as long equal events are gathered.
    vi.advanceTimersByTime(200)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe("maxConnections", () => {
  it("turns away whoever is too many, pending ones included, and says so", async () => {
    const { connect, hub } = rig({ maxConnections: 2 })
    const [peer, pending, surplus] = [connect(), connect(), connect()]
    expect(alive([peer, pending, surplus])).toEqual([true, true, false])
    expect(surplus.takeWritten()).toHaveLength(0)
    expect(surplus.alive).toBe(false)
    expect(hub.events).toContainEqual(expect.objectContaining({ type: "limit", limit: "maxConnections" }))
    expect(hub.events).toContainEqual(
      expect.objectContaining({ type: "accept:error", error: expect.objectContaining({ code: "ECONNREFUSED" }) }),
    )
    greet(peer)
    await endOfTick()
    greet(pending)
    expect(hub.acceptedPeers).toBe(2)
    peer.reset()
    await endOfTick()
    expect(connect().destroyed).toBe(false)
  })
})

describe("closing a bound endpoint", () => {
  it("OPT-14: gives up pending handshakes, keeps peers, takes nobody any more", async () => {
    const { connect, acceptor, listener, hub } = rig()
    const [peer, pending] = [connect(), connect()]
    greet(peer)
    await acceptor.close()
    expect(listener.closes).toBe(1)
    expect(alive([peer, pending, connect()])).toEqual([true, false, false])
    expect(hub.stats.handshakeFailures).toBe(0)
    await endOfTick()
    expect(vi.getTimerCount()).toBe(0)
  })

  it("can be done before anything was bound", async () => {
    const acceptor = new Acceptor(new RecordingHub("Pull"), () => nullOf("PULL"), undefined)
    await expect(acceptor.close()).resolves.toBeUndefined()
  })
})
