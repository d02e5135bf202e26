// A thread that ends is a peer that left, however it ends and whatever it was doing.

import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Pull, Push, Request, UnreachableError } from "brokerless"
import { describe, expect, it } from "vitest"
import { take, text } from "../support/sockets.ts"
import { Thread } from "../support/thread.ts"

setFlagsFromString("--expose-gc")
const collectGarbage = runInNewContext("gc") as () => void

let count = 0
const fresh = (): string => `inproc://endings-${process.pid}-${++count}`

describe("a thread that ends", () => {
  it.each(["exit", "throw", "return", "terminate"] as const)("by %s is a peer that left", async (how) => {
    const endpoint = fresh()
    await using push = new Push()
    await push.bind(endpoint)
    const thread = new Thread({ name: "end", endpoint, how: how === "terminate" ? "exit" : how })
    await thread.next()
    const left = push.events.once("peer:leave")
    if (how === "terminate") void thread.worker.terminate()
    else thread.say("go")
    expect((await left).error).toBeInstanceOf(UnreachableError)
    expect(push.peers).toEqual([])
    await thread.ended()
  })

  it("in the middle of an endless loop is noticed as well", async () => {
    const endpoint = fresh()
    await using push = new Push()
    await push.bind(endpoint)
    const thread = new Thread({ name: "busy", endpoint })
    await push.send("work")
    expect(await thread.next()).toBe("busy")
    const left = push.events.once("peer:leave")
    await thread.worker.terminate()
    await left
  })

  it("leaves what it has not read to the others, oldest first, and what was not read is not sent", async () => {
    const endpoint = fresh()
    await using push = new Push({ sendHighWaterMark: 0 })
    await push.bind(endpoint)
    // Nobody reads, and its queue takes one: the rest is on the way.
    const thread = new Thread({ name: "idle", endpoint, options: { receiveHighWaterMark: 1 } })
    await thread.next()
    for (let i = 0; i < 1000; i++) await push.send([`${i}`, Buffer.alloc(i % 10 === 0 ? 200_000 : 10)])
    const left = push.events.once("peer:leave")
    await thread.worker.terminate()
    await left
    await using pull = new Pull()
    pull.connect(endpoint)
    const got = (await take(pull, 999)).map((message) => Number(String(message[0])))
    expect(got).toEqual(Array.from({ length: 999 }, (_, i) => i + 1))
    expect(push.stats.messagesSent).toBe(1000)
    expect(push.stats.dropped).toMatchObject({ "peer-left": 0, "in-flight": 0 })
  })

  it("in the middle of messages of many frames leaves whole messages, in order", async () => {
    const endpoint = fresh()
    await using pull = new Pull()
    await pull.bind(endpoint)
    const last = new Map<string, number>()
    for (let round = 0; round < 12; round++) {
      const large = round % 3 === 0
      const thread = new Thread({ name: "flood", endpoint, frames: large ? 2 : 20, octets: large ? 300_000 : 100 })
      const enough = large ? 5 : 2000
      const end = new AbortController()
      const left = pull.events.once("peer:leave").then(() => end.abort())
      for (let got = 0; ; got++) {
        if (got === enough) void thread.worker.terminate()
        const message = await pull.receive({ signal: end.signal }).catch(() => undefined)
        if (message === undefined) break
        const [who, which, ...bodies] = message
        const number = Number(String(which))
        expect(number).toBe((last.get(String(who)) ?? -1) + 1)
        last.set(String(who), number)
        expect(bodies).toHaveLength(large ? 2 : 20)
        expect(bodies.every((body) => body.length === (large ? 300_000 : 100) && body[0] === (number & 255))).toBe(true)
      }
      await left
      // What it had written can still be read after it has left.
      for (let rest = pull.tryReceive(); rest !== undefined; rest = pull.tryReceive()) {
        const number = Number(String(rest[1]))
        expect(number).toBe((last.get(String(rest[0])) ?? -1) + 1)
        last.set(String(rest[0]), number)
      }
    }
    expect(last.size).toBe(12)
  })

  it("refuses a question without retries, and one with them goes to another thread", async () => {
    const endpoint = fresh()
    await using request = new Request()
    await request.bind(endpoint)
    const busy = new Thread({ name: "reply", endpoint, bind: false })
    await request.waitForPeers(1)
    expect(String(await request.request("x"))).toBe("X")
    await busy.worker.terminate()
    const answer = request.request("again", { retries: 3, timeout: 60_000 })
    await using _other = new Thread({ name: "reply", endpoint, bind: false })
    expect(text(await answer)).toEqual(["AGAIN"])
  })

  it("a thousand times, in the middle of everything, leaves nothing behind", { timeout: 300_000 }, async () => {
    const endpoint = fresh()
    await using pull = new Pull()
    await pull.bind(endpoint)
    const cycle = async (): Promise<void> => {
      const thread = new Thread({ name: "flood", endpoint, frames: 1, octets: 100 })
      await pull.receive()
      await thread.worker.terminate()
    }
    const cycles = async (times: number): Promise<void> => {
      await Promise.all(
        [0, 1].map(async (half) => {
          for (let i = half; i < times; i += 2) await cycle()
        }),
      )
      while (pull.peers.length > 0) await pull.events.once("peer:leave")
      while (pull.tryReceive() !== undefined) {}
    }
    await cycles(100)
    const before = await settled()
    await cycles(900)
    const after = await settled()
    expect(pull.peers).toEqual([])
    expect(after.handles).toBeLessThanOrEqual(before.handles)
    expect(after.heap - before.heap).toBeLessThan(8 * 2 ** 20)
    expect(after.shared - before.shared).toBeLessThan(16 * 2 ** 20)
  })
})

/** What this process holds once nothing moves any more and garbage is collected. */
async function settled(): Promise<{ handles: number; heap: number; shared: number }> {
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { handles: process.getActiveResourcesInfo().length, heap: heapUsed, shared: arrayBuffers }
}
