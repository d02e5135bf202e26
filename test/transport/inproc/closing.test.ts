// An endpoint that is closed by whoever hears of it stays closed.

import { setTimeout as sleep } from "node:timers/promises"
import { Dealer } from "brokerless"
import { describe, expect, it } from "vitest"
import { asTwoThreads } from "../../support/as-two-threads.ts"

asTwoThreads()

let count = 0
const fresh = (): string => `inproc://closing-${process.pid}-${++count}`

describe("an endpoint that is closed while it", () => {
  it.each(["connect", "handshake", "peer:join"] as const)("tells of %s is not connected", async (type) => {
    const endpoint = fresh()
    await using bound = new Dealer()
    await bound.bind(endpoint)
    await using dealer = new Dealer({ reconnectInterval: 1 })
    const heard: string[] = []
    for (const each of ["connect", "peer:leave"] as const) dealer.events.on(each, () => void heard.push(each))
    const told = new Promise<void>((resolve) => {
      dealer.events.once(type, () => {
        dealer.disconnect(endpoint)
        resolve()
      })
    })
    dealer.connect(endpoint)
    await told
    await bound.events.once("peer:leave")
    await sleep(20)
    expect([dealer.peers, bound.peers, dealer.endpoints]).toEqual([[], [], []])
    expect(heard.filter((each) => each === "connect")).toHaveLength(1)
    expect(dealer.stats.peers).toBe(0)
  })

  it.each(["connect:retry", "connect:delay"] as const)("tells of %s does not connect any more", async (type) => {
    const endpoint = fresh()
    await using first = new Dealer()
    await first.bind(endpoint)
    await using dealer = new Dealer({ reconnectInterval: 1 })
    dealer.connect(endpoint)
    await dealer.waitForPeers(1)
    const told = new Promise<void>((resolve) => {
      dealer.events.once(type, () => {
        dealer.disconnect(endpoint)
        resolve()
      })
    })
    await first.close()
    await told
    await using second = new Dealer()
    await second.bind(endpoint)
    await sleep(50)
    expect([dealer.peers, second.peers, dealer.stats.peers]).toEqual([[], [], 0])
  })
})
