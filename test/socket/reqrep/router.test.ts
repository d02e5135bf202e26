// What a Router adds: names for those it connects to, mandatory, handover, probing.

import { Dealer, OptionError, Router, UnreachableError } from "brokerless"
import { describe, expect, it } from "vitest"
import { join, link, receiveText, take, takeText, text, untilPeers } from "../../support/sockets.ts"
import { TRANSPORTS, transport } from "../../support/transports.ts"

const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const
const { any, named } = transport("inproc")

describe.each(TRANSPORTS)("connect with a routing id, over $name,", ({ any: some, named: name }) => {
  it("knows the peer by that name, whatever it calls itself", async () => {
    await using router = new Router({ mandatory: true })
    await using dealer = new Dealer({ routingId: "its own" })
    const endpoint = await dealer.bind(some())
    router.connect(endpoint, { routingId: "ours" })
    await router.waitForPeers()
    await router.send(["ours", "hello"])
    expect(await receiveText(dealer)).toEqual(["hello"])
    await dealer.send("world")
    expect(await receiveText(router)).toEqual(["ours", "world"])
    await expect(router.send(["its own", "x"])).rejects.toBeInstanceOf(UnreachableError)
    expect(router.peers.map((peer) => String(peer.routingId))).toEqual(["ours"])
  })

  it("queues for the peer before it is there", async () => {
    const endpoint = await name()
    await using router = new Router({ ...QUICK, mandatory: true, sendHighWaterMark: 2 })
    router.connect(endpoint, { routingId: "D" })
    await router.send(["D", "1"])
    await router.send(["D", "2"])
    await expect(router.send(["D", "3"], { timeout: 0 })).rejects.toMatchObject({ code: "EAGAIN" })
    await using dealer = new Dealer()
    await dealer.bind(endpoint)
    expect(await takeText(dealer, 2)).toEqual(["1", "2"])
  })

  it("keeps the name over a reconnect", async () => {
    const endpoint = await name()
    await using router = new Router({ ...QUICK, mandatory: true })
    router.connect(endpoint, { routingId: "D" })
    for (let i = 0; i < 3; i++) {
      await using dealer = new Dealer()
      await dealer.bind(endpoint)
      await router.waitForPeers()
      await router.send(["D", `${i}`])
      expect(await receiveText(dealer)).toEqual([`${i}`])
      await dealer.send("back")
      expect(await receiveText(router)).toEqual(["D", "back"])
      await dealer.close()
      await untilPeers(router, 0)
    }
  })
})

describe("connect with a routing id", () => {
  it.each([
    ["empty", ""],
    ["of 256 octets", "x".repeat(256)],
    ["with a leading zero", Buffer.of(0, 1)],
  ])("refuses a name that is %s, and nothing has changed", async (_what, routingId) => {
    await using router = new Router()
    const endpoint = await named()
    expect(() => router.connect(endpoint, { routingId })).toThrow(OptionError)
    expect(router.endpoints).toEqual([])
  })

  it("refuses a name that another peer has", async () => {
    await using router = new Router()
    await using dealer = new Dealer({ routingId: "D" })
    await link(router, dealer, any())
    expect(() => router.connect("inproc://elsewhere", { routingId: "D" })).toThrow(OptionError)
  })

  it("refuses a name given to another endpoint that is still to come", async () => {
    await using router = new Router({ linger: 0 })
    router.connect(await named(), { routingId: "D" })
    const other = await named()
    expect(() => router.connect(other, { routingId: "D" })).toThrow(OptionError)
    expect(router.endpoints).toHaveLength(1)
  })
})

describe("routers", () => {
  it("talk to each other by name", async () => {
    await using one = new Router({ routingId: "one" })
    await using two = new Router({ routingId: "two" })
    await link(one, two, any())
    await one.send(["two", "hello"])
    expect(await receiveText(two)).toEqual(["one", "hello"])
    await two.send(["one", "world"])
    expect(await receiveText(one)).toEqual(["two", "world"])
  })

  it("handover leaves what the old connection had been sent to it, and drops its queue, counted", async () => {
    await using router = new Router({ handover: true, sendHighWaterMark: 3 })
    const endpoint = await router.bind(any())
    await using first = new Dealer({ routingId: "D", reconnectInterval: -1, receiveHighWaterMark: 1 })
    await join(first, endpoint, router)
    for (let i = 0; i < 4; i++) await router.send(["D", `${i}`])
    await using second = new Dealer({ routingId: "D" })
    second.connect(endpoint)
    await second.waitForPeers()
    await router.send(["D", "for the second"])
    expect(await receiveText(second)).toEqual(["for the second"])
    expect(await receiveText(first)).toEqual(["0"])
    expect(router.stats.dropped["peer-left"]).toBe(3)
    expect(router.peers).toHaveLength(1)
  })

  it("expel a peer by peer.disconnect(), which comes back by itself", async () => {
    await using router = new Router()
    await using dealer = new Dealer({ routingId: "D", ...QUICK })
    await link(router, dealer, any())
    const [peer] = router.peers
    const back = router.events.once("peer:join")
    peer?.disconnect()
    expect(router.peers).toEqual([])
    expect((await back).peer).not.toBe(peer)
    await router.send(["D", "again"])
    expect(await receiveText(dealer)).toEqual(["again"])
  })

  it("keep apart peers whose names differ in octets that are no text", async () => {
    await using router = new Router()
    const endpoint = await router.bind(any())
    const names = [Buffer.of(255), Buffer.of(254), Buffer.of(1, 0), Buffer.of(1, 0, 0), Buffer.from("é")]
    const dealers: Dealer[] = []
    for (const routingId of names) {
      const dealer = new Dealer({ routingId })
      dealers.push(dealer)
      await join(dealer, endpoint, router)
      await dealer.send("here")
    }
    const heard = (await take(router, names.length)).map(([id]) => id?.toString("hex"))
    expect(heard).toEqual(names.map((name) => name.toString("hex")))
    for (const [i, routingId] of names.entries()) {
      await router.send([routingId, `${i}`])
      expect(text(await (dealers[i] as Dealer).receive())).toEqual([`${i}`])
    }
    await Promise.all(dealers.map((dealer) => dealer.close()))
  })
})
