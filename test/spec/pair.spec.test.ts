// PAIR, clause by clause (RFC 31).

import { Pair, StateError } from "brokerless"
import { describe, expect, it } from "vitest"
import { fill, join, link, receiveText, take, takeText, text, turns, untilPeers, waits } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const

describe.each(TRANSPORTS)("PAIR (RFC 31) over $name", ({ any, named }) => {
  it("PAIR-1: at most one peer; a second gets nothing and disturbs nothing", async () => {
    await using one = new Pair()
    await using two = new Pair()
    const endpoint = await link(one, two, any())
    await using third = new Pair(QUICK)
    const refused = one.events.once("handshake:error")
    third.connect(endpoint)
    await third.send("let me in")
    await refused
    for (let i = 0; i < 20; i++) await one.send(`${i}`)
    expect(await takeText(two, 20)).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
    await two.send("undisturbed")
    expect(await receiveText(one)).toEqual(["undisturbed"])
    expect(one.peers).toHaveLength(1)
    expect(third.tryReceive()).toBeUndefined()
    await third.close({ linger: 0 })
  })

  it("PAIR-2: waits, or reports, when there is no peer", async () => {
    await using one = new Pair()
    const endpoint = await one.bind(any())
    expect(one.writable).toBe(false)
    expect(one.trySend("nobody")).toBe(false)
    await expect(one.send("nobody", { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    const waiting = one.send("somebody")
    expect(await waits(waiting)).toBe(true)
    await using two = new Pair()
    two.connect(endpoint)
    await waiting
    expect(await receiveText(two)).toEqual(["somebody"])
  })

  it("PAIR-2: waits, or reports, when there is no room, and drops nothing", async () => {
    await using one = new Pair({ sendHighWaterMark: 2 })
    await using two = new Pair({ receiveHighWaterMark: 2 })
    await link(one, two, any())
    const taken = await fill(one, Buffer.alloc(512 * 1024))
    await expect(one.send("reported", { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    const waiting = one.send("x")
    expect(await waits(waiting)).toBe(true)
    const got = await take(two, taken + 1)
    await waiting
    expect(text(got.at(-1) as Buffer[])).toEqual(["x"])
    expect(Object.values(one.stats.dropped).every((count) => count === 0)).toBe(true)
  })

  it("PAIR-3: messages pass unchanged both ways at the same time", async () => {
    await using one = new Pair()
    await using two = new Pair()
    await link(one, two, any())
    const frames = [Buffer.alloc(0), Buffer.of(0, 1, 2), Buffer.alloc(100_000, 9)]
    await Promise.all([one.send(frames), two.send(["back", ...frames])])
    expect(await two.receive()).toEqual(frames)
    expect((await one.receive()).slice(1)).toEqual(frames)
  })

  it("PAIR-4: when an accepted peer leaves, its queue vanishes, counted, and another may take its place", async () => {
    await using one = new Pair({ sendHighWaterMark: 4 })
    const endpoint = await one.bind(any())
    await using two = new Pair({ receiveHighWaterMark: 1 })
    await join(two, endpoint, one)
    await fill(one, Buffer.alloc(512 * 1024))
    const queued = one.stats.queuedMessages
    expect(queued).toBe(4)
    await two.close()
    await untilPeers(one, 0)
    expect(one.stats.dropped["peer-left"]).toBe(queued)
    expect(one.stats.queuedMessages).toBe(0)
    await using third = new Pair()
    await join(third, endpoint, one)
    await one.send("welcome")
    expect(await receiveText(third)).toEqual(["welcome"])
  })

  it("PAIR-4: what is queued for a connected peer waits for its return", async () => {
    const endpoint = await named()
    await using one = new Pair(QUICK)
    await using two = new Pair()
    await two.bind(endpoint)
    one.connect(endpoint)
    await one.waitForPeers()
    await two.close()
    await untilPeers(one, 0)
    for (const message of ["a", "b"]) await one.send(message, { timeout: 0 })
    await using third = new Pair()
    await third.bind(endpoint)
    expect(await takeText(third, 2)).toEqual(["a", "b"])
  })

  it("PAIR-5: a refused second peer is disconnected, with an event", async () => {
    await using one = new Pair()
    await using two = new Pair()
    const endpoint = await link(one, two, any())
    await using third = new Pair({ ...QUICK, linger: 0 })
    const refused = one.events.once("handshake:error")
    const retried = third.events.once("connect:retry")
    third.connect(endpoint)
    expect(await refused).toMatchObject({ endpoint, fatal: false, error: expect.any(StateError) })
    await retried
    // It goes on asking, and is let in once there is room.
    await two.close()
    await third.waitForPeers()
    await one.waitForPeers()
    await one.send("your turn")
    expect(await receiveText(third)).toEqual(["your turn"])
  })

  it("what waits for a disconnected endpoint and can go nowhere is counted", async () => {
    await using one = new Pair({ ...QUICK, linger: 0 })
    const endpoint = await named()
    one.connect(endpoint)
    for (let i = 0; i < 3; i++) await one.send(`${i}`)
    one.disconnect(endpoint)
    await turns()
    const { dropped } = one.stats
    expect(Object.values(dropped).reduce((sum, count) => sum + count)).toBe(3)
    expect(one.stats.queuedMessages).toBe(0)
  })
})
