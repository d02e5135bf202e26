// What every transport must do for messages, whatever it runs on: a transport is finished when it passes. Sockets are
// used by their public door alone.

import { type CommonOptions, Dealer, EndpointError, Pair, Pull, Push, Router, type Socket } from "brokerless"
import { afterEach, describe, expect, it } from "vitest"
import { fill, join, link, receiveText, take, takeText, text, untilPeers, waits } from "../support/sockets.ts"
import { eventually, openHandles } from "../support/stream-pairs.ts"
import type { TransportCase } from "../support/transports.ts"

/** Reconnecting is waited for in these tests. */
const QUICK = { reconnectInterval: 1, reconnectMaxInterval: 10 } as const

/** Sizes around every boundary of the framing, and of the buffers behind it. */
const SIZES = [0, 1, 63, 64, 65, 254, 255, 256, 257, 511, 512, 513, 8191, 8192, 8193, 65_535, 65_536, 65_537, 1_000_003]

/** Options that the sockets of one side have, and of the other, and who the first takes the second for. */
export interface Sides {
  readonly name: string
  readonly server: CommonOptions
  readonly client: CommonOptions
  readonly userId: string | undefined
}

const ALIKE: Sides = { name: "", server: {}, client: {}, userId: undefined }

export function transportSuite(make: () => TransportCase, sides: Sides = ALIKE): void {
  const { name, any, named } = make()
  const { server, client } = sides

  describe(`carries messages: ${name}${sides.name}`, () => {
    const open: Socket[] = []
    const handles = openHandles()

    /** Closes the socket at the end of the test. */
    function use<T extends Socket>(socket: T): T {
      open.push(socket)
      return socket
    }

    afterEach(async () => {
      await Promise.all(open.splice(0).map((socket) => socket.close({ linger: 0 })))
      await eventually(() => openHandles() <= handles)
    })

    describe("endpoints", () => {
      it("OPT-13: bind returns an endpoint that can be connected to, and that unbind accepts", async () => {
        const pull = use(new Pull(server))
        const push = use(new Push(client))
        const endpoint = await link(pull, push, any())
        expect(endpoint.startsWith(`${name}://`)).toBe(true)
        expect(pull.endpoints).toEqual([endpoint])
        expect(push.endpoints).toEqual([endpoint])
        await push.send("hello")
        expect(await receiveText(pull)).toEqual(["hello"])
        await pull.unbind(endpoint)
        expect(pull.endpoints).toEqual([])
      })

      it("ZMTP-64: either side binds", async () => {
        const push = use(new Push(client))
        const pull = use(new Pull(server))
        await link(push, pull, any())
        await push.send("from the one who bound")
        expect(await receiveText(pull)).toEqual(["from the one who bound"])
      })

      it("ZMTP-65: connect comes before bind", async () => {
        const endpoint = await named()
        const push = use(new Push({ ...client, ...QUICK }))
        const pull = use(new Pull(server))
        push.connect(endpoint)
        await Promise.all([push.send("a"), push.send("b")])
        expect(push.peers).toEqual([])
        expect(await pull.bind(endpoint)).toBe(endpoint)
        expect(await takeText(pull, 2)).toEqual(["a", "b"])
        expect(push.peers).toHaveLength(1)
      })

      it("OPT-15: any number of connects wait for one bind", async () => {
        const endpoint = await named()
        const dealers = Array.from({ length: 12 }, () => use(new Dealer({ ...client, ...QUICK })))
        for (const [i, dealer] of dealers.entries()) {
          dealer.connect(endpoint)
          await dealer.send(`dealer ${i}`)
        }
        const router = use(new Router(server))
        await router.bind(endpoint)
        const heard = (await take(router, 12)).map((message) => String(message[1]))
        expect(heard.sort()).toEqual(dealers.map((_, i) => `dealer ${i}`).sort())
        expect(router.peers).toHaveLength(12)
      })

      it("a socket binds and connects as often as it likes, both at once", async () => {
        const middle = use(new Dealer({ ...server, ...QUICK }))
        const bound = [await middle.bind(any()), await middle.bind(any())]
        const callers = [use(new Dealer(client)), use(new Dealer(client))]
        const called = [use(new Dealer(client)), use(new Dealer(client))]
        for (const [i, caller] of callers.entries()) await join(caller, bound[i] as string, middle)
        for (const each of called) await join(middle, await each.bind(any()), each)
        expect(middle.peers).toHaveLength(4)
        expect(middle.endpoints).toHaveLength(4)
        for (let i = 0; i < 4; i++) await middle.send(`${i}`)
        const others = [...callers, ...called]
        const got = await Promise.all(others.map((each) => receiveText(each)))
        expect(got.flat().sort()).toEqual(["0", "1", "2", "3"])
        await Promise.all(others.map((each, i) => each.send(`answer ${i}`)))
        expect((await takeText(middle, 4)).sort()).toEqual(["answer 0", "answer 1", "answer 2", "answer 3"])
      })

      it("an endpoint that is taken cannot be bound, and says so", async () => {
        const first = use(new Pull(server))
        const endpoint = await first.bind(any())
        const second = use(new Pull(server))
        const told = second.events.once("bind:error")
        const error = await second.bind(endpoint).catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(EndpointError)
        expect(error).toMatchObject({ code: "EADDRINUSE", endpoint })
        expect(await told).toMatchObject({ endpoint, error })
        expect(second.endpoints).toEqual([])
        // Nothing has changed for the first.
        const push = use(new Push(client))
        await join(push, endpoint, first)
        await push.send("still here")
        expect(await receiveText(first)).toEqual(["still here"])
      })

      it("an address is free as soon as unbind resolves, and as soon as close does", async () => {
        const endpoint = await named()
        const pull = use(new Pull(server))
        const push = use(new Push({ ...client, ...QUICK }))
        push.connect(endpoint)
        for (let i = 0; i < 5; i++) {
          await pull.bind(endpoint)
          await push.send(`unbound ${i}`)
          expect(await receiveText(pull)).toEqual([`unbound ${i}`])
          await pull.unbind(endpoint)
          await untilPeers(push, 0)
        }
        for (let i = 0; i < 5; i++) {
          const other = use(new Pull(server))
          await other.bind(endpoint)
          await push.send(`closed ${i}`)
          expect(await receiveText(other)).toEqual([`closed ${i}`])
          await other.close()
          await untilPeers(push, 0)
        }
      })

      it("OPT-14: unbind ends the endpoint's peers and no others, and lets nobody in", async () => {
        const pull = use(new Pull(server))
        const push = use(new Push({ ...client, ...QUICK }))
        const stays = use(new Push({ ...client, ...QUICK }))
        const endpoint = await link(pull, push, await named())
        await link(pull, stays, any())
        const left = push.events.once("peer:leave")
        const closed = pull.events.once("close")
        await pull.unbind(endpoint)
        expect(await closed).toMatchObject({ endpoint })
        await left
        await untilPeers(pull, 1)
        await stays.send("stayed")
        expect(await receiveText(pull)).toEqual(["stayed"])
        // The one that lost its endpoint goes on trying, and finds it when it is back.
        expect(push.peers).toEqual([])
        await push.send("came back")
        await pull.bind(endpoint)
        expect(await receiveText(pull)).toEqual(["came back"])
      })

      it("OPT-14: disconnect ends the connection, and it is not tried again", async () => {
        const pull = use(new Pull(server))
        const push = use(new Push({ ...client, ...QUICK }))
        const endpoint = await link(pull, push, any())
        await push.send("before")
        const left = pull.events.once("peer:leave")
        push.disconnect(endpoint)
        expect(push.endpoints).toEqual([])
        await left
        expect(await receiveText(pull)).toEqual(["before"])
        expect(await waits(push.send("nobody", { timeout: 60_000, signal: AbortSignal.timeout(30_000) }))).toBe(true)
        expect(pull.peers).toEqual([])
      })

      it("disconnect and unbind of what the socket does not have change nothing and say so", async () => {
        const pull = use(new Pull(server))
        const endpoint = await pull.bind(any())
        const elsewhere = await named()
        expect(() => pull.disconnect(endpoint)).toThrow(EndpointError)
        await expect(pull.unbind(elsewhere)).rejects.toMatchObject({ code: "ENOENT", endpoint: elsewhere })
        expect(pull.endpoints).toEqual([endpoint])
      })

      it("disconnecting an endpoint whose peer never came leaves nothing behind", async () => {
        const endpoint = await named()
        const push = use(new Push({ ...client, ...QUICK, linger: 0 }))
        push.connect(endpoint)
        push.disconnect(endpoint)
        const pull = use(new Pull(server))
        await pull.bind(endpoint)
        const other = use(new Push(client))
        await join(other, endpoint, pull)
        expect(pull.peers).toHaveLength(1)
        expect(push.peers).toEqual([])
      })
    })

    describe("messages", () => {
      it.each(SIZES)("ZMTP-39: a frame of %i octets arrives as it was, both ways", async (size) => {
        const one = use(new Pair(server))
        const two = use(new Pair(client))
        await link(one, two, any())
        const frame = noise(size)
        await one.send(frame)
        await two.send(await two.receive())
        const [echo, ...rest] = await one.receive()
        expect(rest).toEqual([])
        expect(echo?.equals(frame)).toBe(true)
      })

      it("ZMTP-39: 16 MiB arrive as they were, both ways, and small ones behind them in order", async () => {
        const one = use(new Pair(server))
        const two = use(new Pair(client))
        await link(one, two, any())
        const frame = noise(16 * 1024 * 1024)
        await one.send([frame, "and", frame.subarray(1, 1000)])
        await one.send("after")
        const message = await two.receive()
        expect(message.map((each) => each.length)).toEqual([frame.length, 3, 999])
        expect(message[0]?.equals(frame)).toBe(true)
        expect(await receiveText(two)).toEqual(["after"])
        await two.send(message)
        expect((await one.receive())[0]?.equals(frame)).toBe(true)
      })

      it("ZMTP-36: many messages of mixed sizes keep their order", async () => {
        const push = use(new Push(client))
        const pull = use(new Pull(server))
        await link(pull, push, any())
        const count = 5000
        const body = noise(20_000)
        const sizeOf = (i: number) => (i % 97 === 0 ? 20_000 : (i * 7) % 300)
        const sending = (async () => {
          for (let i = 0; i < count; i++) await push.send([`${i}`, body.subarray(0, sizeOf(i))])
        })()
        let next = 0
        for await (const [number, content] of pull) {
          if (String(number) !== `${next}` || content?.length !== sizeOf(next)) break
          if (++next === count) break
        }
        await sending
        expect(next).toBe(count)
      })

      it("ZMTP-32: the frames of a message arrive together, the empty ones too", async () => {
        const push = use(new Push(client))
        const pull = use(new Pull(server))
        await link(pull, push, any())
        const messages = [["", "a", "", "", "b"], [""], ["", ""], Array.from({ length: 1000 }, (_, i) => `${i}`), ["z"]]
        for (const message of messages) await push.send(message)
        const got = await take(pull, messages.length)
        expect(got.map(text)).toEqual(messages)
      })

      it("ZMTP-31: an empty frame is a message", async () => {
        const push = use(new Push(client))
        const pull = use(new Pull(server))
        await link(pull, push, any())
        await push.send(null)
        const message = await pull.receive()
        expect(message.map((frame) => frame.length)).toEqual([0])
      })

      it("multipart messages of several senders do not mix", async () => {
        const pull = use(new Pull(server))
        const endpoint = await pull.bind(any())
        const pushes = Array.from({ length: 4 }, () => use(new Push(client)))
        for (const push of pushes) await join(push, endpoint, pull)
        await Promise.all(
          pushes.map(async (push, who) => {
            for (let i = 0; i < 100; i++) await push.send([`${who}`, `${i}`, "x".repeat(i * 50), `${who}`, `${i}`])
          }),
        )
        const next = [0, 0, 0, 0]
        for (const message of await take(pull, 400)) {
          const [who, i, body, again, last] = text(message)
          expect([again, last, body?.length]).toEqual([who, i, Number(i) * 50])
          expect(Number(i)).toBe(next[Number(who)])
          next[Number(who)] = Number(i) + 1
        }
        expect(next).toEqual([100, 100, 100, 100])
      })

      it("both directions carry at once", async () => {
        const one = use(new Pair(server))
        const two = use(new Pair(client))
        await link(one, two, any())
        const chat = async (from: Pair, to: Pair, label: string) => {
          const sending = (async () => {
            for (let i = 0; i < 2000; i++) await from.send(`${label}${i}`)
          })()
          const got = await takeText(to, 2000)
          await sending
          return got
        }
        const [there, back] = await Promise.all([chat(one, two, "a"), chat(two, one, "b")])
        expect(there).toEqual(Array.from({ length: 2000 }, (_, i) => `a${i}`))
        expect(back).toEqual(Array.from({ length: 2000 }, (_, i) => `b${i}`))
      })
    })

    describe("back-pressure", () => {
      it("a reader that does not read stops the sender; everything accepted arrives in order", async () => {
        const push = use(new Push({ ...client, sendHighWaterMark: 4 }))
        const pull = use(new Pull({ ...server, receiveHighWaterMark: 4 }))
        await link(pull, push, any())
        const body = noise(256 * 1024)
        const taken = await fill(push, ["", body])
        expect(push.writable).toBe(false)
        expect(push.trySend("no room")).toBe(false)
        const waiting = push.send("the last")
        expect(await waits(waiting)).toBe(true)
        const got = await take(pull, taken + 1)
        await waiting
        expect(got.slice(0, -1).every(([first, second]) => first?.length === 0 && second?.equals(body))).toBe(true)
        expect(text(got.at(-1) as Buffer[])).toEqual(["the last"])
        expect(pull.stats.messagesReceived).toBe(taken + 1)
      })
    })

    describe("peers", () => {
      it("come and go with events, and are described", async () => {
        const router = use(new Router(server))
        const dealer = use(new Dealer({ ...client, routingId: "D", metadata: { "X-Colour": "blue" }, ...QUICK }))
        const log: string[] = []
        for (const type of ["peer:join", "peer:leave"] as const) {
          router.events.on(type, ({ peer }) => log.push(`${type} ${String(peer.routingId)}`))
        }
        const endpoint = await link(router, dealer, any())
        const [there] = router.peers
        const [here] = dealer.peers
        expect(there).toMatchObject({ endpoint, socketType: "DEALER", userId: sides.userId })
        expect(String(there?.metadata.get("x-colour"))).toBe("blue")
        expect(here).toMatchObject({ endpoint, socketType: "ROUTER" })
        expect(here?.address).not.toBe("")
        expect(here?.connectedAt).toBeLessThanOrEqual(Date.now())
        expect(there?.id).not.toBe(here?.id)
        const left = router.events.once("peer:leave")
        await dealer.close()
        expect((await left).peer).toBe(there)
        expect(router.peers).toEqual([])
        expect(log).toEqual(["peer:join D", "peer:leave D"])
      })

      it("ZMTP-66: a lost connection is made again by itself", async () => {
        const pull = use(new Pull(server))
        const push = use(new Push({ ...client, ...QUICK }))
        await link(pull, push, any())
        for (let i = 1; i <= 3; i++) {
          const back = push.events.once("peer:join")
          const gone = push.events.once("peer:leave")
          pull.peers[0]?.disconnect()
          await gone
          await back
          await push.send(`after ${i}`)
          expect(await receiveText(pull)).toEqual([`after ${i}`])
          expect(push.stats.reconnects).toBe(i)
        }
      })

      it("OPT-17: events come in their order", async () => {
        const pull = use(new Pull(server))
        const push = use(new Push({ ...client, ...QUICK }))
        const seen: Record<"push" | "pull", string[]> = { push: [], pull: [] }
        const types = ["bind", "accept", "connect", "handshake", "peer:join", "disconnect", "peer:leave"] as const
        for (const type of [...types, "connect:retry", "close"] as const) {
          push.events.on(type, () => seen.push.push(type))
          pull.events.on(type, () => seen.pull.push(type))
        }
        const endpoint = await link(pull, push, any())
        const retried = push.events.once("connect:retry")
        await pull.unbind(endpoint)
        await retried
        await untilPeers(pull, 0)
        expect(seen.push.slice(0, 6)).toEqual([
          "connect",
          "handshake",
          "peer:join",
          "disconnect",
          "peer:leave",
          "connect:retry",
        ])
        expect(seen.pull.slice(0, 4)).toEqual(["bind", "accept", "handshake", "peer:join"])
        expect(seen.pull.slice(4).sort()).toEqual(["close", "disconnect", "peer:leave"])
      })

      it("ZMTP-55: two types that cannot talk refuse each other, with an event", async () => {
        const push = use(new Push({ ...client, ...QUICK }))
        const dealer = use(new Dealer({ ...server, ...QUICK }))
        const endpoint = await dealer.bind(any())
        const refused = push.events.once("handshake:error")
        push.connect(endpoint)
        expect(await refused).toMatchObject({ endpoint, fatal: true })
        expect(push.peers).toEqual([])
        expect(dealer.peers).toEqual([])
        // OPT-18: that is final, and can be seen.
        await expect(push.waitForPeers()).rejects.toMatchObject({ code: expect.any(String) })
      })

      it("the limit of connections keeps others out until there is room", async () => {
        const pull = use(new Pull({ ...server, maxConnections: 1 }))
        const first = use(new Push(client))
        const endpoint = await link(pull, first, any())
        const second = use(new Push({ ...client, ...QUICK }))
        const limited = pull.events.once("limit")
        second.connect(endpoint)
        expect(await limited).toMatchObject({ limit: "maxConnections" })
        expect(pull.peers).toHaveLength(1)
        await first.close()
        await second.waitForPeers()
        await second.send("there is room")
        expect(await receiveText(pull)).toEqual(["there is room"])
      })
    })

    describe("close", () => {
      it("sends what was accepted, then nothing is left", async () => {
        const pull = use(new Pull({ ...server, receiveHighWaterMark: 0 }))
        const push = use(new Push({ ...client, sendHighWaterMark: 0 }))
        await link(pull, push, any())
        for (let i = 0; i < 500; i++) expect(push.trySend([`${i}`, noise(2000)])).toBe(true)
        await push.close()
        expect(push.closed).toBe(true)
        expect(push.stats).toMatchObject({ messagesSent: 500, queuedMessages: 0, queuedBytes: 0 })
        const got = await take(pull, 500)
        expect(got.map(([number]) => String(number))).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`))
      })

      it("waits for a peer that has not come yet, for as long as it lingers", async () => {
        const endpoint = await named()
        const push = use(new Push({ ...client, ...QUICK, linger: 60_000 }))
        push.connect(endpoint)
        await push.send("patience")
        const closing = push.close()
        expect(await waits(closing)).toBe(true)
        const pull = use(new Pull(server))
        await pull.bind(endpoint)
        expect(await receiveText(pull)).toEqual(["patience"])
        await closing
      })

      it("OPT-4: linger 0 discards and counts what nobody has", async () => {
        const push = use(new Push({ ...client, ...QUICK }))
        push.connect(await named())
        for (let i = 0; i < 3; i++) await push.send("lost")
        const told = push.events.once("message:dropped")
        await push.close({ linger: 0 })
        expect(await told).toMatchObject({ reason: "linger", count: 3 })
        expect(push.stats.dropped.linger).toBe(3)
      })

      it("of a socket that is binding leaves nothing bound", async () => {
        const endpoint = await named()
        const pull = use(new Pull(server))
        const binding = pull.bind(endpoint).catch((error: Error) => error)
        await pull.close()
        await binding
        const other = use(new Pull(server))
        expect(await other.bind(endpoint)).toBe(endpoint)
      })

      it("OPT-21: of many sockets with many peers leaves no handle", async () => {
        for (let round = 0; round < 5; round++) {
          const router = use(new Router(server))
          const endpoint = await router.bind(any())
          const dealers = Array.from({ length: 10 }, () => use(new Dealer(client)))
          for (const dealer of dealers) dealer.connect(endpoint)
          await router.waitForPeers(10)
          await Promise.all([router.close(), ...dealers.map((dealer) => dealer.close())])
        }
        // Nothing is left of it in the very turn in which it is closed.
        await eventually(() => openHandles() <= handles)
        expect(openHandles()).toBeLessThanOrEqual(handles)
      })
    })
  })
}

function noise(size: number): Buffer {
  const frame = Buffer.allocUnsafe(size)
  let state = size + 1
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    frame[i] = state >>> 16
  }
  return frame
}
