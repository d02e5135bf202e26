import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest"
import { EMPTY } from "../src/bytes.ts"
import { AbortError, ClosedError, CodecError, OptionError } from "../src/errors.ts"
import { type Event, type EventOfType, type EventType, Monitor } from "../src/events.ts"
import { Peer } from "../src/peer.ts"
import { type DropReason, PeerStats } from "../src/stats.ts"

const endpoint = "tcp://127.0.0.1:5555"

function newPeer(): Peer {
  const facts = { endpoint, address: "127.0.0.1:1", socketType: "PULL", routingId: EMPTY, metadata: new Map() }
  return new Peer(facts, new PeerStats(), () => {})
}

/** Everything a monitor tells about one type, from now on. */
function heard<T extends EventType>(monitor: Monitor, type: T): EventOfType<T>[] {
  const events: EventOfType<T>[] = []
  monitor.on(type, (event) => events.push(event))
  return events
}

describe("listeners", () => {
  it("get the events of their type, in the order in which they were added", () => {
    const monitor = new Monitor()
    const calls: string[] = []
    monitor.on("bind", (event) => calls.push(`first ${event.endpoint}`))
    monitor.on("bind", () => calls.push("second"))
    monitor.on("close", () => calls.push("close"))
    monitor.emit({ type: "bind", endpoint })
    expect(calls).toEqual([`first ${endpoint}`, "second"])
  })

  it("are typed by the event they listen to", () => {
    const monitor = new Monitor()
    const peer = newPeer()
    const ids: number[] = []
    monitor.on("peer:join", (event) => ids.push(event.peer.id))
    monitor.on("peer:leave", (event) => {
      expectTypeOf(event.peer).toEqualTypeOf<Peer>()
      expectTypeOf(event.error).toEqualTypeOf<Error | undefined>()
    })
    monitor.on("message:dropped", (event) => {
      expectTypeOf(event.peer).toEqualTypeOf<Peer | undefined>()
      expectTypeOf(event.reason).toEqualTypeOf<DropReason>()
    })
    // @ts-expect-error: there is no such event
    expect(() => monitor.on("peer:joins", () => {})).toThrow(OptionError)
    monitor.emit({ type: "peer:join", endpoint, peer })
    expect(ids).toEqual([peer.id])
  })

  it("narrow by type, as a discriminated union does", () => {
    const describeEvent = (event: Event): string => {
      switch (event.type) {
        case "connect:retry":
          return `again in ${event.interval} ms`
        case "limit":
          return `${event.count} × ${event.limit}`
        case "handshake:error":
          return event.fatal ? event.error.message : "later"
        default:
          return event.endpoint
      }
    }
    expect(describeEvent({ type: "connect:retry", endpoint, interval: 7 })).toBe("again in 7 ms")
    expect(describeEvent({ type: "limit", endpoint, limit: "maxConnections", count: 2 })).toBe("2 × maxConnections")
    expect(describeEvent({ type: "connect:delay", endpoint })).toBe(endpoint)
  })

  it("are not called after they were removed, even by another listener of the same event", () => {
    const monitor = new Monitor()
    const calls: string[] = []
    const removeLater = (): void => removeSecond()
    const removeFirst = monitor.on("bind", () => {
      calls.push("first")
      removeLater()
      removeFirst()
    })
    const removeSecond = monitor.on("bind", () => calls.push("second"))
    monitor.on("bind", () => calls.push("third"))
    monitor.emit({ type: "bind", endpoint })
    monitor.emit({ type: "bind", endpoint })
    expect(calls).toEqual(["first", "third", "third"])
  })

  it("that are added twice are called twice, and removed one by one", () => {
    const monitor = new Monitor()
    const listener = vi.fn()
    const remove = monitor.on("bind", listener)
    monitor.on("bind", listener)
    remove()
    remove()
    monitor.emit({ type: "bind", endpoint })
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it("that are added by a listener hear the next event, not this one", () => {
    const monitor = new Monitor()
    const late = vi.fn()
    monitor.once("bind", () => monitor.on("bind", late))
    monitor.emit({ type: "bind", endpoint })
    expect(late).not.toHaveBeenCalled()
    monitor.emit({ type: "bind", endpoint })
    expect(late).toHaveBeenCalledTimes(1)
  })

  it("that are refused are named, with what there is", () => {
    const monitor = new Monitor()
    expect(() => monitor.on("constructor" as "bind", () => {})).toThrow(/no event "constructor".*peer:slow/)
    expect(() => monitor.on("bind", "x" as never)).toThrow(/must be a function, got "x"/)
    expect(() => monitor.once("bind", null as never)).toThrow(OptionError)
  })
})

describe("a listener that fails", () => {
  const warnings = vi.fn<(warning: string, options: object) => void>()

  beforeEach(() => {
    vi.spyOn(process, "emitWarning").mockImplementation(warnings as unknown as typeof process.emitWarning)
  })

  afterEach(() => {
    vi.restoreAllMocks()
    warnings.mockReset()
  })

  it("disturbs neither the socket nor other listeners, and is reported once", () => {
    const monitor = new Monitor()
    const other = vi.fn()
    monitor.on("bind", () => {
      throw new Error("oops")
    })
    monitor.on("bind", other)
    monitor.emit({ type: "bind", endpoint })
    monitor.emit({ type: "bind", endpoint })
    expect(other).toHaveBeenCalledTimes(2)
    expect(warnings).toHaveBeenCalledTimes(1)
    expect(warnings.mock.calls[0]?.[0]).toBe('A listener of "bind" events failed: oops')
    expect(warnings.mock.calls[0]?.[1]).toMatchObject({
      type: "ListenerWarning",
      detail: expect.stringMatching("oops"),
    })
  })

  it.each([
    ["rejects with what is no error", () => Promise.reject(null), "null"],
    ["returns a thenable that fails", () => Object.assign({}, failing), '"late"'],
    ["rejects", () => Promise.reject(new Error("later")), "later"],
  ])("by a promise (%s) is reported the same way", async (_title, listener, said) => {
    const monitor = new Monitor()
    const reported = new Promise<string>((resolve) => warnings.mockImplementation(resolve))
    monitor.on("bind", listener)
    monitor.emit({ type: "bind", endpoint })
    expect(await reported).toBe(`A listener of "bind" events failed: ${said}`)
  })
})

const failing = {
  // biome-ignore lint/suspicious/noThenProperty: what is tested is how a foreign thenable is treated
  then: (_resolve: unknown, reject: (reason: unknown) => void) => reject("late"),
}

describe("once", () => {
  it("calls its listener with the next event only", () => {
    const monitor = new Monitor()
    const listener = vi.fn()
    monitor.once("bind", listener)
    monitor.once("bind", () => monitor.emit({ type: "bind", endpoint: "nested" }))
    monitor.emit({ type: "bind", endpoint })
    expect(listener).toHaveBeenCalledTimes(1)
  })

  it("can be taken back", () => {
    const monitor = new Monitor()
    const listener = vi.fn()
    monitor.once("bind", listener)()
    monitor.emit({ type: "bind", endpoint })
    expect(listener).not.toHaveBeenCalled()
  })

  it("resolves to the next event when no listener is given", async () => {
    const monitor = new Monitor()
    const peer = newPeer()
    const joined = monitor.once("peer:join")
    expectTypeOf(joined).resolves.toEqualTypeOf<EventOfType<"peer:join">>()
    monitor.emit({ type: "peer:join", endpoint, peer })
    expect((await joined).peer).toBe(peer)
  })

  it("rejects when its signal is aborted, before or while it waits", async () => {
    const monitor = new Monitor()
    const early = monitor.once("bind", { signal: AbortSignal.abort("why") })
    await expect(early).rejects.toThrow(AbortError)
    const controller = new AbortController()
    const late = monitor.once("bind", { signal: controller.signal })
    controller.abort("because")
    await expect(late).rejects.toMatchObject({ code: "ABORT_ERR", cause: "because" })
  })

  it("rejects when the socket is closed, before or while it waits", async () => {
    const monitor = new Monitor()
    const waiting = monitor.once("bind")
    monitor.close()
    await expect(waiting).rejects.toThrow(ClosedError)
    await expect(monitor.once("bind")).rejects.toThrow(/closed before a "bind" event/)
  })
})

describe("iterators", () => {
  it("get all events in order, whether they wait for them or not", async () => {
    const monitor = new Monitor()
    const stream = monitor[Symbol.asyncIterator]()
    const waiting = [stream.next(), stream.next()]
    monitor.emit({ type: "bind", endpoint })
    monitor.emit({ type: "connect:delay", endpoint })
    monitor.emit({ type: "close", endpoint })
    const results = await Promise.all([...waiting, stream.next()])
    expect(results.map(({ value }) => value?.type)).toEqual(["bind", "connect:delay", "close"])
  })

  it("end when the monitor is closed, after what was kept", async () => {
    const monitor = new Monitor()
    const types: string[] = []
    const loop = (async () => {
      for await (const event of monitor) types.push(event.type)
    })()
    monitor.emit({ type: "bind", endpoint })
    monitor.emit({ type: "close", endpoint })
    monitor.close()
    await loop
    expect(types).toEqual(["bind", "close"])
  })

  it("that wait when the monitor is closed are told that there is no more", async () => {
    const monitor = new Monitor()
    const waiting = monitor[Symbol.asyncIterator]().next()
    monitor.close()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await monitor[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
  })

  it("stop listening when their loop is left", async () => {
    const monitor = new Monitor()
    const loop = (async () => {
      for await (const event of monitor) return event.type
      return undefined
    })()
    monitor.emit({ type: "bind", endpoint })
    expect(await loop).toBe("bind")
  })

  it("release whoever waits when they are returned", async () => {
    const stream = new Monitor()[Symbol.asyncIterator]()
    const waiting = stream.next()
    await stream.return()
    expect((await waiting).done).toBe(true)
    expect((await stream.next()).done).toBe(true)
  })

  it("keep 1000 events and count the oldest that they drop", async () => {
    const monitor = new Monitor()
    const stream = monitor[Symbol.asyncIterator]()
    for (let interval = 0; interval < 1005; interval++) monitor.emit({ type: "connect:retry", endpoint, interval })
    expect(stream.dropped).toBe(5)
    expect(monitor.dropped).toBe(5)
    expect((await stream.next()).value).toMatchObject({ interval: 5 })
    await stream.return()
    expect(monitor.dropped).toBe(5)
  })
})

describe("count", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it("tells the first at once and gathers those that follow within 100 ms", () => {
    const monitor = new Monitor()
    const peer = newPeer()
    const events = heard(monitor, "message:dropped")
    monitor.count("message:dropped", endpoint, peer, "high-water-mark", 3)
    expect(events).toEqual([{ type: "message:dropped", endpoint, peer, reason: "high-water-mark", count: 3 }])
    for (let i = 0; i < 1000; i++) monitor.count("message:dropped", endpoint, peer, "high-water-mark", 2)
    vi.advanceTimersByTime(99)
    expect(events).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(events[1]).toEqual({ type: "message:dropped", endpoint, peer, reason: "high-water-mark", count: 2000 })
  })

  it("tells of a steady stream every 100 ms, and of every message", () => {
    const monitor = new Monitor()
    const events = heard(monitor, "message:dropped")
    for (let ms = 0; ms < 1000; ms++) {
      monitor.count("message:dropped", endpoint, undefined, "no-peer", 1)
      vi.advanceTimersByTime(1)
    }
    expect(events).toHaveLength(11)
    expect(events.reduce((sum, event) => sum + event.count, 0)).toBe(1000)
  })

  it("leaves no timer behind once nothing follows, and then starts anew", () => {
    const monitor = new Monitor()
    const events = heard(monitor, "message:dropped")
    monitor.count("message:dropped", endpoint, undefined, "no-peer", 1)
    monitor.count("message:dropped", endpoint, undefined, "no-peer", 1)
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(200)
    expect(vi.getTimerCount()).toBe(0)
    monitor.count("message:dropped", endpoint, undefined, "no-peer", 5)
    expect(events.map((event) => event.count)).toEqual([1, 1, 5])
  })

  it("keeps peers, endpoints, reasons and types apart", () => {
    const monitor = new Monitor()
    const stream = monitor[Symbol.asyncIterator]()
    const [one, other] = [newPeer(), newPeer()]
    monitor.count("message:dropped", endpoint, one, "linger", 1)
    monitor.count("message:dropped", endpoint, other, "linger", 2)
    monitor.count("message:dropped", endpoint, one, "detached", 3)
    monitor.count("message:dropped", endpoint, undefined, "linger", 4)
    monitor.count("message:dropped", "ipc://elsewhere", undefined, "linger", 5)
    monitor.count("limit", endpoint, one, "linger", 6)
    monitor.count("message:invalid", endpoint, one, new CodecError("x"), 7)
    monitor.close()
    const counts: number[] = []
    return (async () => {
      for await (const event of stream) counts.push((event as EventOfType<"limit">).count)
      expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7])
    })()
  })

  it("tells the last error of the messages it gathered", () => {
    const monitor = new Monitor()
    const peer = newPeer()
    const events = heard(monitor, "message:invalid")
    for (const text of ["first", "second", "third"]) {
      monitor.count("message:invalid", endpoint, peer, new CodecError(text), 1)
    }
    vi.advanceTimersByTime(100)
    expect(events.map(({ error, count }) => [error.message, count])).toEqual([
      ["first", 1],
      ["third", 2],
    ])
  })

  it("tells the limit that was met", () => {
    const monitor = new Monitor()
    const events = heard(monitor, "limit")
    monitor.count("limit", endpoint, undefined, "maxConnections", 2)
    expect(events).toEqual([{ type: "limit", endpoint, peer: undefined, limit: "maxConnections", count: 2 }])
  })

  it("does nothing while nobody listens to that type", () => {
    const monitor = new Monitor()
    const others = heard(monitor, "limit")
    monitor.count("message:dropped", endpoint, undefined, "no-peer", 1)
    expect(vi.getTimerCount()).toBe(0)
    expect(others).toEqual([])
  })

  it("tells what is still gathered when the monitor is closed, and leaves no timer", () => {
    const monitor = new Monitor()
    const events = heard(monitor, "message:dropped")
    monitor.count("message:dropped", endpoint, undefined, "unread", 1)
    monitor.count("message:dropped", endpoint, undefined, "unread", 41)
    monitor.close()
    expect(events.map((event) => event.count)).toEqual([1, 41])
    expect(vi.getTimerCount()).toBe(0)
    monitor.count("message:dropped", endpoint, undefined, "unread", 1)
    monitor.emit({ type: "message:dropped", endpoint, reason: "unread", count: 1 })
    expect(events).toHaveLength(2)
  })

  it("stands a listener that closes the monitor, or counts, while it is told", () => {
    const monitor = new Monitor()
    const counts: number[] = []
    monitor.on("message:dropped", (event) => {
      counts.push(event.count)
      if (counts.length < 3) monitor.count("message:dropped", endpoint, undefined, "unread", 10)
      monitor.close()
    })
    monitor.count("message:dropped", endpoint, undefined, "unread", 1)
    expect(counts).toEqual([1, 10])
    vi.advanceTimersByTime(1000)
    expect(vi.getTimerCount()).toBe(0)
  })
})
