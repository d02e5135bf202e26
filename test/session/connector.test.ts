import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Endpoint, parseEndpoint } from "../../src/endpoint.ts"
import { Connector } from "../../src/session/connector.ts"
import type { AttemptHandler, Connection, StreamTransport } from "../../src/transport/transport.ts"
import { MemoryStream } from "../support/memory-stream.ts"
import { command, greeting, message, ready } from "../support/raw-peer.ts"
import { endOfTick, nullOf, RecordingHub, saidIn } from "../support/session-rig.ts"

const ENDPOINT = "tcp://127.0.0.1:5555"

interface TestAttempt {
  readonly handler: AttemptHandler
  cancelled: boolean
  alive: boolean
}

/** A transport whose attempts end as the test says. */
class TestTransport implements StreamTransport {
  readonly name = "tcp"
  readonly attempts: TestAttempt[] = []

  listen(): never {
    throw new Error("This transport only connects")
  }

  connect(_endpoint: Endpoint, _options: object, handler: AttemptHandler) {
    const attempt: TestAttempt = { handler, cancelled: false, alive: true }
    this.attempts.push(attempt)
    return {
      cancel: () => {
        attempt.cancelled = true
      },
      hold: (alive: boolean) => {
        attempt.alive = alive
      },
    }
  }
}

/** A hub that also knows which connections were given up. */
class GivenUpHub extends RecordingHub {
  readonly givenUp: Connection[] = []

  override gaveUp(connection: Connection, error: Error | undefined): void {
    this.givenUp.push(connection)
    super.gaveUp(connection, error)
  }
}

interface Rig {
  readonly hub: GivenUpHub
  readonly transport: TestTransport
  readonly connector: Connector
  /** Every wait before another attempt, ms. */
  waits(): number[]
  /** The attempt under way fails. */
  fail(): void
  /** The attempt under way succeeds; and its handshake too, unless told otherwise. */
  succeed(handshake?: boolean): MemoryStream
  /** Waits as long as the connector does, and not longer. */
  next(): Promise<void>
}

function rig(options: object = {}, routingId?: Buffer): Rig {
  const hub = new GivenUpHub("Push", { heartbeatInterval: 0, ...options })
  const transport = new TestTransport()
  const target = parseEndpoint(ENDPOINT, "connect")
  const connector = new Connector(transport, target, hub, routingId, () => nullOf("PUSH"), undefined)
  const last = () => transport.attempts.at(-1) as TestAttempt
  const waits = () => hub.events.flatMap((event) => (event.type === "connect:retry" ? [event.interval] : []))
  return {
    hub,
    transport,
    connector,
    waits,
    fail: () => last().handler.failed(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" })),
    succeed(handshake = true) {
      const stream = new MemoryStream()
      last().handler.connected(stream)
      if (handshake) stream.receive(Buffer.concat([greeting(), ready("PULL")]))
      return stream
    },
    async next() {
      const count = transport.attempts.length
      const wait = waits().at(-1) as number
      vi.advanceTimersByTime(wait - 1)
      expect(transport.attempts).toHaveLength(count)
      vi.advanceTimersByTime(1)
      expect(transport.attempts).toHaveLength(count + 1)
    },
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  // The longest wait that chance can bring.
  vi.spyOn(Math, "random").mockReturnValue(1 - 2 ** -53)
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe("a connected endpoint", () => {
  it("ZMTP-65: tries at once, and its pipe is there before any peer", () => {
    const { transport, connector, hub } = rig()
    expect(transport.attempts).toHaveLength(1)
    expect(transport.attempts[0]?.alive).toBe(false)
    expect(connector.pipe).toMatchObject({ state: "waiting", connecting: true, endpoint: ENDPOINT })
    expect(hub.eventTypes).toEqual([])
  })

  it("ZMTP-48: waits longer after each failure, up to the maximum", async () => {
    const { fail, next, waits } = rig({ reconnectInterval: 100, reconnectMaxInterval: 1000 })
    for (let n = 0; n < 6; n++) {
      fail()
      await next()
    }
    expect(waits()).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  it("ZMTP-48, LIMIT-14: waits at random, anywhere below that", async () => {
    const { fail, next, waits } = rig({ reconnectInterval: 100, reconnectMaxInterval: 1000 })
    for (const chance of [0, 0.5, 0.25, 0.125]) {
      vi.spyOn(Math, "random").mockReturnValue(chance)
      fail()
      await next()
    }
    expect(waits()).toEqual([1, 100, 100, 100])
  })

  it("ZMTP-66: makes a lost connection anew, by itself, with a new pipe", async () => {
    const { succeed, next, hub, connector } = rig()
    const first = connector.pipe
    succeed().reset()
    expect(first.state).toBe("gone")
    expect(connector.pipe).not.toBe(first)
    await next()
    succeed()
    expect(connector.pipe.state).toBe("ready")
    expect(hub.stats).toMatchObject({ reconnects: 1, peers: 1 })
    expect(hub.eventTypes).toEqual([
      "connect",
      "handshake",
      "peer:join",
      "disconnect",
      "peer:leave",
      "connect:retry",
      "connect",
      "handshake",
      "peer:join",
    ])
  })

  it("OPT-17: tells of failures as they come", () => {
    const { fail, hub } = rig()
    fail()
    expect(hub.eventTypes).toEqual(["connect:delay", "connect:retry"])
  })

  it("OPT-9: starts over only after a connection that lived longer than the current wait", async () => {
    const { fail, succeed, next, waits } = rig({ reconnectInterval: 100, reconnectMaxInterval: 10_000 })
    for (let n = 0; n < 3; n++) {
      fail()
      await next()
    }
    // The next wait would be of 800 ms.
    let stream = succeed()
    vi.advanceTimersByTime(800)
    stream.reset()
    expect(waits().at(-1)).toBe(800)
    await next()
    stream = succeed()
    vi.advanceTimersByTime(1601)
    stream.reset()
    expect(waits().at(-1)).toBe(100)
  })

  it("OPT-9: goes on growing while handshakes fail, however long they take", async () => {
    const { succeed, next, waits } = rig({ handshakeInterval: 5000, reconnectMaxInterval: 2000 })
    for (let n = 0; n < 4; n++) {
      succeed(false)
      vi.advanceTimersByTime(5000)
      await endOfTick()
      await next()
    }
    expect(waits()).toEqual([100, 200, 400, 800])
  })

  it("keeps what is queued while handshakes fail, and sends it with the first that succeeds", async () => {
    const { succeed, next, connector } = rig()
    connector.pipe.push([Buffer.from("kept")])
    succeed(false).reset()
    await next()
    const stream = succeed()
    stream.takeWritten()
    await endOfTick()
    expect(saidIn(stream.takeWritten())).toEqual(["kept"])
  })

  it("ZMTP-45, OPT-18: is given up for good when the peer answers with ERROR", async () => {
    const { succeed, hub, connector, transport } = rig()
    const stream = succeed(false)
    stream.receive(Buffer.concat([greeting(), command("ERROR", "\x02no")]))
    await endOfTick()
    expect(hub.givenUp).toEqual([connector])
    expect(hub.events.slice(1)).toMatchObject([
      { type: "handshake:error", fatal: true },
      { type: "close", endpoint: ENDPOINT, error: { code: "EACCES" } },
    ])
    vi.advanceTimersByTime(1_000_000)
    expect(transport.attempts).toHaveLength(1)
  })

  it("ZMTP-45: is given up for good when we refuse the peer for its type", async () => {
    const { succeed, hub, connector } = rig()
    const stream = succeed(false)
    stream.receive(Buffer.concat([greeting(), ready("SUB")]))
    stream.receiveEnd()
    await endOfTick()
    expect(hub.givenUp).toEqual([connector])
  })

  it("ZMTP-47: is not given up for anything else", async () => {
    const { succeed, next, hub, transport } = rig()
    for (const octets of [Buffer.from("HTTP/1.1 400"), Buffer.concat([greeting(), message("early")])]) {
      succeed(false).receive(octets)
      await endOfTick()
      await next()
    }
    succeed().receive(Buffer.of(0xff, 0, 0))
    await endOfTick()
    await next()
    expect(hub.givenUp).toEqual([])
    expect(transport.attempts).toHaveLength(4)
  })

  it("OPT-10: is tried once, and given up after the first failure or loss, with reconnectInterval -1", async () => {
    const refused = rig({ reconnectInterval: -1 })
    refused.fail()
    expect(refused.hub.givenUp).toEqual([refused.connector])
    expect(refused.hub.eventTypes).toEqual(["connect:delay", "close"])
    const lost = rig({ reconnectInterval: -1 })
    lost.succeed().reset()
    expect(lost.hub.givenUp).toEqual([lost.connector])
    expect(lost.waits()).toEqual([])
    vi.advanceTimersByTime(1_000_000)
    expect([refused.transport.attempts.length, lost.transport.attempts.length]).toEqual([1, 1])
  })

  it("gives each of its pipes the routing id by which the peer is to be known", async () => {
    const routingId = Buffer.from("worker")
    const { succeed, connector } = rig({}, routingId)
    expect(connector.pipe.presetRoutingId).toBe(routingId)
    succeed().reset()
    expect(connector.pipe.presetRoutingId).toBe(routingId)
  })
})

describe("closing a connected endpoint", () => {
  it("OPT-14: gives up an attempt", () => {
    const { connector, transport } = rig()
    connector.close()
    expect(transport.attempts[0]?.cancelled).toBe(true)
  })

  it("OPT-14: gives up the wait for the next one", () => {
    const { connector, transport, fail } = rig()
    fail()
    connector.close()
    expect(vi.getTimerCount()).toBe(0)
    vi.advanceTimersByTime(1_000_000)
    expect(transport.attempts).toHaveLength(1)
  })

  it("OPT-14: gives up a handshake, and does not try again", async () => {
    const { connector, transport, succeed, hub } = rig()
    const stream = succeed(false)
    connector.close()
    await endOfTick()
    expect(stream.closed).toBe(true)
    vi.advanceTimersByTime(1_000_000)
    expect(transport.attempts).toHaveLength(1)
    expect(hub.givenUp).toEqual([])
  })

  it("OPT-14: leaves a connection that is made to its link, but does not make it anew", async () => {
    const { connector, transport, succeed } = rig()
    const stream = succeed()
    connector.close()
    expect(stream.destroyed).toBe(false)
    stream.reset()
    vi.advanceTimersByTime(1_000_000)
    expect(transport.attempts).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})
