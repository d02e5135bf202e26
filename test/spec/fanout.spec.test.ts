// Fanout: no RFC of its own. On the wire a PUSH (RFC 30) that gives every message to every peer.

import { Fanout, Pull, UnreachableError } from "brokerless"
import { describe, expect, it } from "vitest"
import { fill, join, link, receiveText, take, takeText, text, turns, untilPeers, waits } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const

/** Takes 512 KiB at a time until the peer's queue is full. */
const BODY = Buffer.alloc(512 * 1024)

describe.each(TRANSPORTS)("Fanout over $name", ({ any, named }) => {
  it("gives every message to every peer, bound and connected, in order", async () => {
    await using fanout = new Fanout()
    const endpoint = await fanout.bind(any())
    const pulls = [new Pull(), new Pull(), new Pull()]
    await join(pulls[0] as Pull, endpoint, fanout)
    await join(pulls[1] as Pull, endpoint, fanout)
    await link(pulls[2] as Pull, fanout, any())
    const numbers = Array.from({ length: 500 }, (_, i) => `${i}`)
    for (const number of numbers) await fanout.send(number)
    for (const pull of pulls) expect(await takeText(pull, 500)).toEqual(numbers)
    expect(fanout.stats.messagesSent).toBe(1500)
    await Promise.all(pulls.map((pull) => pull.close()))
  })

  it("is a PUSH on the wire", async () => {
    await using fanout = new Fanout()
    await using pull = new Pull()
    await link(fanout, pull, any())
    expect(fanout.type).toBe("PUSH")
    expect(pull.peers[0]?.socketType).toBe("PUSH")
  })

  it("waits for the first peer", async () => {
    await using fanout = new Fanout()
    const endpoint = await fanout.bind(any())
    expect(fanout.writable).toBe(false)
    expect(fanout.trySend("nobody")).toBe(false)
    await expect(fanout.send("nobody", { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    const waiting = [fanout.send("a"), fanout.send("b")]
    expect(await waits(Promise.race(waiting))).toBe(true)
    await using pull = new Pull()
    pull.connect(endpoint)
    await Promise.all(waiting)
    expect(await takeText(pull, 2)).toEqual(["a", "b"])
  })

  it("an endpoint that is down blocks nobody, and gets what comes after it is up", async () => {
    await using fanout = new Fanout(QUICK)
    const down = await named()
    fanout.connect(down)
    expect(await waits(fanout.send("nobody is there", { timeout: 60_000, signal: AbortSignal.timeout(60_000) }))).toBe(
      true,
    )
    await using here = new Pull()
    await link(here, fanout, any())
    expect(await receiveText(here)).toEqual(["nobody is there"])
    for (let i = 0; i < 2000; i++) await fanout.send(`${i}`, { timeout: 10_000 })
    expect(await takeText(here, 2000)).toHaveLength(2000)
    await using late = new Pull()
    await late.bind(down)
    await fanout.waitForPeers(2)
    await fanout.send("to both")
    expect(await receiveText(late)).toEqual(["to both"])
    expect(await receiveText(here)).toEqual(["to both"])
    expect(Object.values(fanout.stats.dropped).every((count) => count === 0)).toBe(true)
  })

  it('overflow "wait": waits for the slowest, and nobody misses one', async () => {
    await using fanout = new Fanout({ sendHighWaterMark: 2 })
    const endpoint = await fanout.bind(any())
    await using slow = new Pull({ receiveHighWaterMark: 1 })
    await using quick = new Pull({ receiveHighWaterMark: 0 })
    await join(slow, endpoint, fanout)
    await join(quick, endpoint, fanout)
    const taken = await fill(fanout, BODY)
    const waiting = fanout.send("last")
    expect(await waits(waiting)).toBe(true)
    const [atSlow, atQuick] = await Promise.all([take(slow, taken + 1), take(quick, taken + 1)])
    await waiting
    for (const got of [atSlow, atQuick]) {
      expect(got).toHaveLength(taken + 1)
      expect(text(got.at(-1) as Buffer[])).toEqual(["last"])
    }
    expect(fanout.stats.dropped["high-water-mark"]).toBe(0)
  })

  it('overflow "drop": a full peer misses messages, counted; the others miss none', async () => {
    await using fanout = new Fanout({ sendHighWaterMark: 2, overflow: "drop" })
    const endpoint = await fanout.bind(any())
    await using slow = new Pull({ receiveHighWaterMark: 1 })
    await using quick = new Pull({ receiveHighWaterMark: 0 })
    await join(slow, endpoint, fanout)
    await join(quick, endpoint, fanout)
    const { dropped } = fanout.stats
    const told = fanout.events.once("message:dropped")
    let sent = 0
    while (dropped["high-water-mark"] < 5) {
      await fanout.send(BODY, { timeout: 0 })
      sent++
      // Each in its own write, so that the one who reads is never full.
      while (quick.stats.messagesReceived < sent) await turns(1)
    }
    expect(await take(quick, sent)).toHaveLength(sent)
    expect(quick.tryReceive()).toBeUndefined()
    expect(await told).toMatchObject({ reason: "high-water-mark", peer: expect.anything() })
    const lost = dropped["high-water-mark"]
    expect(fanout.peers.map((peer) => peer.stats.dropped["high-water-mark"]).sort()).toEqual([0, lost])
    expect(await take(slow, sent - lost)).toHaveLength(sent - lost)
    await turns()
    expect(slow.tryReceive()).toBeUndefined()
  })

  it('overflow "disconnect": a full peer is sent away, counted; the others miss none', async () => {
    await using fanout = new Fanout({ sendHighWaterMark: 2, overflow: "disconnect" })
    const endpoint = await fanout.bind(any())
    await using slow = new Pull({ receiveHighWaterMark: 1, reconnectInterval: -1 })
    await using quick = new Pull({ receiveHighWaterMark: 0 })
    await join(slow, endpoint, fanout)
    await join(quick, endpoint, fanout)
    const left = fanout.events.once("peer:leave")
    let sent = 0
    while (fanout.peers.length === 2) {
      await fanout.send(BODY, { timeout: 0 })
      sent++
      while (quick.stats.messagesReceived < sent) await turns(1)
    }
    expect(await left).toMatchObject({ error: expect.any(UnreachableError) })
    await fanout.send("after")
    const got = await take(quick, sent + 1)
    expect(text(got.at(-1) as Buffer[])).toEqual(["after"])
    expect(fanout.stats.dropped["high-water-mark"]).toBe(1)
    // What it had in its queue is lost with it.
    expect(fanout.stats.dropped["peer-left"]).toBe(2)
  })

  it("the copy of a peer that leaves is dropped and counted, and the others get theirs", async () => {
    await using fanout = new Fanout({ sendHighWaterMark: 3 })
    const endpoint = await fanout.bind(any())
    await using leaver = new Pull({ receiveHighWaterMark: 1 })
    await using stays = new Pull({ receiveHighWaterMark: 0 })
    await join(leaver, endpoint, fanout)
    await join(stays, endpoint, fanout)
    const taken = await fill(fanout, BODY)
    const waiting = fanout.send("waits for the slowest")
    expect(await waits(waiting)).toBe(true)
    await leaver.close()
    await waiting
    await untilPeers(fanout, 1)
    expect(fanout.stats.dropped["peer-left"]).toBe(3)
    const got = await take(stays, taken + 1)
    expect(text(got.at(-1) as Buffer[])).toEqual(["waits for the slowest"])
  })

  it("PIPE-8: frames are not changed", async () => {
    await using fanout = new Fanout()
    await using pull = new Pull()
    await link(pull, fanout, any())
    const frames = [Buffer.of(0), Buffer.alloc(0), Buffer.of(1, 2, 255), Buffer.alloc(70_000, 7)]
    await fanout.send(frames)
    expect(await pull.receive()).toEqual(frames)
  })

  it("cannot receive", async () => {
    await using fanout = new Fanout()
    expect("receive" in fanout).toBe(false)
    expect(fanout.readable).toBe(false)
  })
})
