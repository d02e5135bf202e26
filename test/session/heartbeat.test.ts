import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Heartbeat, type HeartbeatSetup } from "../../src/session/heartbeat.ts"

interface Made {
  readonly heartbeat: Heartbeat
  /** Numbers of the PINGs sent. */
  readonly pings: number[]
  /** Why the peer was given up. */
  readonly verdicts: string[]
  /** Whether we ourselves read nothing. */
  paused: boolean
}

const STEP = 50
const made: Made[] = []

/** PINGs after 100 ms of silence, and a verdict 300 ms later. */
function make(setup: Partial<HeartbeatSetup> = {}): Made {
  const pings: number[] = []
  const verdicts: string[] = []
  const one = { pings, verdicts, paused: false } as { -readonly [K in keyof Made]: Made[K] }
  one.heartbeat = new Heartbeat({
    interval: 100,
    timeout: 300,
    peerAnswers: true,
    ping: (number) => pings.push(number),
    paused: () => one.paused,
    expired: (reason) => verdicts.push(reason),
    ...setup,
  })
  made.push(one)
  return one
}

/** Has the clock jump ahead of the timers, which are late by that then, while `act` runs. */
async function standing(ms: number, act: () => Promise<void>): Promise<void> {
  const later = performance.now() + ms
  const clock = vi.spyOn(performance, "now").mockImplementation(() => later)
  await act()
  clock.mockRestore()
}

/** Lets so many milliseconds pass, with turns of the event loop in between. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= STEP) {
    vi.advanceTimersByTime(Math.min(left, STEP))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
})

afterEach(() => {
  for (const { heartbeat } of made.splice(0)) heartbeat.stop()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

describe("a PING", () => {
  it("goes out after an interval in which nothing arrived", async () => {
    const { pings } = make()
    await pass(99)
    expect(pings).toEqual([])
    await pass(1)
    expect(pings).toEqual([1])
  })

  it("HB-6: does not go out as long as anything arrives", async () => {
    const { heartbeat, pings } = make()
    for (let n = 0; n < 20; n++) {
      await pass(50)
      heartbeat.heard()
    }
    expect(pings).toEqual([])
    await pass(200)
    expect(pings).toEqual([1])
  })

  it("HB-4: goes out in every interval, whatever arrives, when it promises the peer to hear of us", async () => {
    const { heartbeat, pings } = make({ promising: true })
    for (let n = 0; n < 6; n++) {
      await pass(50)
      heartbeat.heard()
      await pass(50)
      heartbeat.answered(n + 1)
    }
    expect(pings).toEqual([1, 2, 3, 4, 5, 6])
  })

  it("HB-4: is repeated when its PONG waits for us to read it, so that the peer hears of us", async () => {
    const one = make({ promising: true, timeout: 0 })
    await pass(100)
    one.paused = true
    await pass(300)
    expect(one.pings).toEqual([1, 1, 1, 1])
    one.heartbeat.answered(1)
    await pass(100)
    expect(one.pings.at(-1)).toBe(2)
  })

  it("HB-7: is alone: no other goes out before it was answered", async () => {
    const { heartbeat, pings } = make({ timeout: 0 })
    await pass(1000)
    expect(pings).toEqual([1])
    heartbeat.heard()
    heartbeat.answered(1)
    await pass(250)
    expect(pings).toEqual([1, 2])
  })

  it("is never sent with interval 0, or to a peer that does not know it", async () => {
    const off = make({ interval: 0 })
    const old = make({ peerAnswers: false })
    await pass(10_000)
    expect([off.pings, old.pings, off.verdicts, old.verdicts]).toEqual([[], [], [], []])
  })

  it("is not sent while we ourselves read nothing", async () => {
    const one = make()
    one.paused = true
    await pass(1000)
    expect(one.pings).toEqual([])
    one.paused = false
    await pass(100)
    expect(one.pings).toEqual([1])
  })

  it("is not sent after the end", async () => {
    const { heartbeat, pings } = make()
    heartbeat.stop()
    await pass(1000)
    expect(pings).toEqual([])
  })
})

describe("silence", () => {
  it("HB-5: after a PING ends the connection", async () => {
    const { verdicts } = make()
    await pass(399)
    expect(verdicts).toEqual([])
    await pass(1)
    expect(verdicts).toEqual(["Nothing arrived for 300 ms after a PING"])
    await pass(5000)
    expect(verdicts).toHaveLength(1)
  })

  it("HB-6: is broken by anything, not only by a PONG", async () => {
    const { heartbeat, pings, verdicts } = make()
    await pass(100)
    expect(pings).toEqual([1])
    for (let n = 0; n < 10; n++) {
      await pass(250)
      heartbeat.heard()
    }
    expect(verdicts).toEqual([])
    await pass(600)
    expect(verdicts).toHaveLength(1)
  })

  it("is over with the PONG", async () => {
    const { heartbeat, pings, verdicts } = make()
    for (let n = 1; n <= 5; n++) {
      await pass(100)
      expect(pings).toHaveLength(n)
      heartbeat.heard()
      heartbeat.answered(n)
      await pass(100)
    }
    expect(verdicts).toEqual([])
  })

  it("is not over with a PONG to another PING", async () => {
    const { heartbeat, verdicts } = make()
    await pass(100)
    heartbeat.answered(7)
    heartbeat.answered(0)
    await pass(300)
    expect(verdicts).toHaveLength(1)
  })

  it("says nothing when the timeout is 0", async () => {
    const { verdicts } = make({ timeout: 0 })
    await pass(100_000)
    expect(verdicts).toEqual([])
  })

  it("condemns nobody who may have messages of ours to read first: at its mark a peer answers nothing", async () => {
    const { heartbeat, pings, verdicts } = make()
    heartbeat.wrote()
    await pass(100_000)
    expect(pings).toEqual([1])
    expect(verdicts).toEqual([])
  })

  it("condemns again once an answered PING has proven that everything was read", async () => {
    const { heartbeat, pings, verdicts } = make()
    heartbeat.wrote()
    await pass(100)
    heartbeat.heard()
    heartbeat.answered(1)
    await pass(250)
    expect(pings).toEqual([1, 2])
    await pass(300)
    expect(verdicts).toHaveLength(1)
  })

  it("condemns nobody for what was written after the PING that was answered", async () => {
    const { heartbeat, pings, verdicts } = make()
    await pass(100)
    heartbeat.wrote()
    heartbeat.heard()
    heartbeat.answered(1)
    await pass(250)
    expect(pings).toEqual([1, 2])
    await pass(100_000)
    expect(verdicts).toEqual([])
  })

  it("is judged only after what had arrived was read, however late the timer is", async () => {
    const { heartbeat, verdicts } = make()
    await pass(100)
    // The process was busy: the timer fires first, and what had arrived is read in the same turn of the event loop.
    vi.advanceTimersByTime(300)
    heartbeat.heard()
    await pass(1)
    expect(verdicts).toEqual([])
  })

  it("is put off when this process stood still, since the peer may have as well", async () => {
    const { verdicts } = make()
    await pass(100)
    await standing(1000, () => pass(300))
    expect(verdicts).toEqual([])
    await pass(300)
    expect(verdicts).toHaveLength(1)
  })

  it("is not judged while we ourselves read nothing, but is afterwards", async () => {
    const one = make()
    await pass(100)
    expect(one.pings).toEqual([1])
    one.paused = true
    await pass(10_000)
    expect(one.verdicts).toEqual([])
    one.paused = false
    await pass(600)
    expect(one.verdicts).toHaveLength(1)
  })

  it("is of no matter after the end", async () => {
    const { heartbeat, verdicts } = make()
    await pass(100)
    heartbeat.stop()
    await pass(10_000)
    expect(verdicts).toEqual([])
  })
})

describe("the time to live that a peer sends", () => {
  it("HB-4: ends the connection when nothing arrived within it", async () => {
    const { heartbeat, verdicts } = make({ interval: 0 })
    heartbeat.promised(500)
    await pass(499)
    expect(verdicts).toEqual([])
    await pass(1)
    expect(verdicts).toEqual(["Nothing arrived within the 500 ms that the peer promised"])
  })

  it("HB-6: begins anew with whatever arrives", async () => {
    const { heartbeat, verdicts } = make({ interval: 0 })
    heartbeat.promised(500)
    for (let n = 0; n < 10; n++) {
      await pass(400)
      heartbeat.heard()
    }
    expect(verdicts).toEqual([])
    await pass(1000)
    expect(verdicts).toHaveLength(1)
  })

  it("is granted anew when this process stood still, since the peer may have as well", async () => {
    const { heartbeat, verdicts } = make({ interval: 0 })
    heartbeat.promised(500)
    await standing(1000, () => pass(500))
    expect(verdicts).toEqual([])
    await pass(500)
    expect(verdicts).toHaveLength(1)
  })

  it("is replaced by the next, and taken back by 0", async () => {
    const { heartbeat, verdicts } = make({ interval: 0 })
    heartbeat.promised(500)
    heartbeat.promised(2000)
    await pass(1999)
    expect(verdicts).toEqual([])
    heartbeat.promised(0)
    await pass(10_000)
    expect(verdicts).toEqual([])
  })

  it("holds with peers that we send no PING to", async () => {
    const { heartbeat, verdicts } = make({ peerAnswers: false })
    heartbeat.promised(500)
    await pass(500)
    expect(verdicts).toHaveLength(1)
  })

  it("does not run out while we ourselves read nothing", async () => {
    const one = make({ interval: 0 })
    one.heartbeat.promised(500)
    one.paused = true
    await pass(5000)
    expect(one.verdicts).toEqual([])
    one.paused = false
    await pass(1000)
    expect(one.verdicts).toHaveLength(1)
  })

  it("is forgotten at the end, and not taken up after it", async () => {
    const { heartbeat, verdicts } = make({ interval: 0 })
    heartbeat.promised(500)
    heartbeat.stop()
    heartbeat.promised(100)
    await pass(10_000)
    expect(verdicts).toEqual([])
  })
})
