import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { DROP_REASONS, PeerStats, SocketStats } from "../src/stats.ts"

const COUNTED = ["messagesSent", "messagesReceived", "bytesSent", "bytesReceived", "writes", "invalid"] as const

describe.each([
  ["PeerStats", PeerStats, COUNTED],
  ["SocketStats", SocketStats, [...COUNTED, "peers", "reconnects", "handshakeFailures"]],
] as const)("%s", (name, Stats, counted) => {
  it("starts at zero, each reason for a drop included", () => {
    const stats = new Stats()
    const plain = JSON.parse(JSON.stringify(stats)) as Record<string, unknown>
    const zeros = Object.fromEntries([...counted, "queuedMessages", "queuedBytes"].map((counter) => [counter, 0]))
    expect(plain).toEqual({ ...zeros, dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) })
  })

  it("counts in plain numbers", () => {
    const stats = new Stats()
    for (const [i, counter] of counted.entries()) (stats as unknown as Record<string, number>)[counter]! += i + 1
    stats.dropped["in-flight"] += 7
    expect(stats.toJSON()).toMatchObject(Object.fromEntries(counted.map((counter, i) => [counter, i + 1])))
    expect(stats.toJSON()).toMatchObject({ dropped: { "in-flight": 7, linger: 0 } })
  })

  it("asks what is queued only when somebody reads it", () => {
    let asked = 0
    let messages = 3
    const stats = new Stats(() => {
      asked++
      return { messages, bytes: messages * 100 }
    })
    stats.messagesSent += 1
    expect(asked).toBe(0)
    expect([stats.queuedMessages, stats.queuedBytes]).toEqual([3, 300])
    messages = 0
    expect([stats.queuedMessages, stats.queuedBytes]).toEqual([0, 0])
  })

  it("shows all counters, what is queued included, to people", () => {
    const stats = new Stats(() => ({ messages: 12, bytes: 3456 }))
    stats.dropped.linger = 9
    const text = inspect(stats)
    expect(text).toMatch(new RegExp(`^${name} \\{`))
    expect(text).toContain("queuedMessages: 12")
    expect(text).toContain("queuedBytes: 3456")
    expect(text).toContain("linger: 9")
  })

  it("gives a snapshot that changes no more", () => {
    const stats = new Stats()
    const before = stats.toJSON()
    stats.messagesSent += 1
    stats.dropped.unread += 1
    expect(before).toMatchObject({ messagesSent: 0, dropped: { unread: 0 } })
  })

  it("shares no counter with another instance", () => {
    const one = new Stats()
    one.dropped.replaced += 1
    expect(new Stats().dropped.replaced).toBe(0)
  })
})

it("names every reason for a drop once", () => {
  expect(new Set(DROP_REASONS).size).toBe(DROP_REASONS.length)
  expect(Object.keys(new PeerStats().dropped)).toEqual([...DROP_REASONS])
})
