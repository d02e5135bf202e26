// Random sequences of calls on a pair of sockets: nothing escapes, nothing comes twice or out of order, and every
// message that was accepted is received or counted. The seed of a run is printed.

import { MessagingError, type Peer, Publisher, Pull, Push, Subscriber } from "brokerless"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { fuzzing } from "../support/fuzzing.ts"
import { dropped } from "../support/pubsub.ts"
import { turns } from "../support/sockets.ts"
import { TRANSPORTS } from "../support/transports.ts"

const escaped: unknown[] = []
const noteEscape = (error: unknown): void => {
  escaped.push(error)
}
process.on("unhandledRejection", noteEscape)
afterAll(() => {
  process.off("unhandledRejection", noteEscape)
})

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("send" as const), frames: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("try" as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("receive" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("now" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("many" as const), max: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("turn" as const), count: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("connect" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("disconnect" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expel" as const), byPull: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("unbind" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("bind" as const) }) },
)

/** Lets pass what this library says of itself; anything else is a failure. */
async function allowed(act: () => unknown): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (error instanceof MessagingError) return false
    throw error
  }
}

describe.each(TRANSPORTS)("random calls over $name", (transport) => {
  it("ZMTP-35, ZMTP-36: on a Push and a Pull: in order, once, and counted", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({ sendHighWaterMark: fc.integer({ min: 1, max: 4 }), immediate: fc.boolean() }),
        fc.integer({ min: 1, max: 4 }),
        fc.array(step, { maxLength: 60 }),
        async (options, receiveHighWaterMark, steps) => {
          const endpoint = await transport.named()
          await using push = new Push({ ...options, linger: 0, reconnectInterval: 1, reconnectMaxInterval: 0 })
          await using pull = new Pull({ receiveHighWaterMark })
          let next = 0
          let accepted = 0
          const received = new Set<number>()
          const last = new Map<Peer, number>()
          const note = (message: Buffer[] | undefined, peer?: Peer): void => {
            if (message === undefined) return
            // A message of n frames bears its number in each.
            expect(new Set(message.map(String)).size).toBe(1)
            const number = Number(message[0])
            expect(received.has(number)).toBe(false)
            received.add(number)
            if (peer === undefined) return
            // A connection that is made anew is another peer, with turns of its own.
            expect(number).toBeGreaterThan(last.get(peer) ?? -1)
            last.set(peer, number)
          }
          await pull.bind(endpoint)
          push.connect(endpoint)
          for (const each of steps) {
            switch (each.kind) {
              case "send": {
                const message = Array<string>(each.frames).fill(`${next++}`)
                if (await allowed(() => push.send(message, { timeout: 0 }))) accepted++
                break
              }
              case "try":
                if (push.trySend(`${next++}`)) accepted++
                break
              case "receive":
                await allowed(async () => {
                  const { message, peer } = await pull.receiveFrom({ timeout: 0 })
                  note(message, peer)
                })
                break
              case "now":
                note(pull.tryReceive())
                break
              case "many":
                await allowed(async () => {
                  for (const message of await pull.receiveMany(each.max, { timeout: 0 })) note(message)
                })
                break
              case "turn":
                await turns(each.count)
                break
              case "connect":
                if (push.endpoints.length === 0) push.connect(endpoint)
                break
              case "disconnect":
                await allowed(() => push.disconnect(endpoint))
                break
              case "expel":
                for (const peer of (each.byPull ? pull : push).peers) peer.disconnect()
                break
              case "unbind":
                await allowed(() => pull.unbind(endpoint))
                break
              case "bind":
                await allowed(() => pull.bind(endpoint))
                break
            }
            expect(push.stats.queuedMessages).toBeLessThanOrEqual(accepted)
            expect(pull.stats.queuedMessages).toBeLessThanOrEqual(pull.stats.messagesReceived)
          }
          await push.close()
          // What was handed to the system before the close is on its way, and comes.
          while (pull.peers.length > 0) {
            note(pull.tryReceive())
            await turns(1)
          }
          while (pull.readable) note(pull.tryReceive())
          await pull.close()
          expect(push.stats.messagesSent + dropped(push.stats)).toBe(accepted)
          expect(received.size + dropped(pull.stats)).toBe(pull.stats.messagesReceived)
          expect(pull.stats.messagesReceived).toBeLessThanOrEqual(push.stats.messagesSent)
          expect([push.stats.queuedMessages, push.stats.queuedBytes]).toEqual([0, 0])
          expect([pull.stats.queuedMessages, pull.stats.queuedBytes]).toEqual([0, 0])
          expect(escaped).toEqual([])
        },
      ),
      fuzzing(transport.name === "inproc" ? 100 : 30),
    )
  })
})

describe("random calls", () => {
  it("PUBSUB-1, PUBSUB-16, PUBSUB-18: on a Publisher and a Subscriber: as counted prefixes would have it", async () => {
    const topic = fc.string({ unit: fc.constantFrom("A", "B"), maxLength: 3 })
    const call = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("subscribe" as const), topic }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("unsubscribe" as const), topic }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant("send" as const), topic }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("receive" as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant("reconnect" as const) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
        const inproc = TRANSPORTS[0]!
        await using publisher = new Publisher()
        await using subscriber = new Subscriber({ reconnectInterval: 1 })
        subscriber.connect(await publisher.bind(inproc.any()))
        await publisher.waitForPeers()
        /** How often each prefix is wanted. */
        const wanted = new Map<string, number>()
        const wants = (text: string): boolean => [...wanted].some(([prefix, n]) => n > 0 && text.startsWith(prefix))
        /** Over inproc what is wanted when it is sent has arrived at once. */
        const arrived: string[] = []
        for (const each of calls) {
          if (each.kind === "subscribe") {
            subscriber.subscribe(each.topic)
            wanted.set(each.topic, (wanted.get(each.topic) ?? 0) + 1)
          } else if (each.kind === "unsubscribe") {
            subscriber.unsubscribe(each.topic)
            wanted.set(each.topic, Math.max(0, (wanted.get(each.topic) ?? 0) - 1))
          } else if (each.kind === "send") {
            await publisher.send(each.topic)
            if (wants(each.topic)) arrived.push(each.topic)
          } else if (each.kind === "receive") {
            // What is no longer wanted is not handed out.
            while (arrived.length > 0 && !wants(arrived[0] as string)) arrived.shift()
            expect(subscriber.tryReceive()?.map(String)).toEqual(arrived.length > 0 ? [arrived.shift()] : undefined)
          } else {
            const back = publisher.events.once("peer:join")
            publisher.peers[0]?.disconnect()
            await back
          }
          const live = [...wanted].filter(([, n]) => n > 0).map(([prefix]) => prefix)
          expect(publisher.subscriptions.map(String)).toEqual(live.sort())
        }
        expect(dropped(publisher.stats)).toBe(0)
        expect(escaped).toEqual([])
      }),
      fuzzing(200),
    )
  })
})
