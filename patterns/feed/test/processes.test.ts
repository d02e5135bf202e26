// Processes that are killed in the middle: publishers, one of two publishers, subscribers.

import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { FeedSubscriber, type FeedUpdate } from "brokerless/patterns/feed"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import type { Said as PublisherSaid } from "./programs/feed-publisher.ts"
import type { Said as SubscriberSaid } from "./programs/feed-subscriber.ts"
import { until } from "./stage.ts"

type Bound = Extract<PublisherSaid, { what: "bound" }>

/** A program of test/programs/, from build/, and what it tells. */
class Program<Said extends { readonly what: string }> implements AsyncDisposable {
  readonly process: ChildProcess
  readonly #said: Said[] = []

  constructor(name: string, ...args: string[]) {
    const file = fileURLToPath(new URL(`../../../build/patterns/feed/test/programs/${name}.js`, import.meta.url))
    if (!existsSync(file)) throw new Error(`There is no ${file}: run "npm run build && npm run build:programs"`)
    this.process = fork(file, args, { execArgv: [] })
    this.process.on("message", (said) => this.#said.push(said as Said))
  }

  /** The next thing of that kind that it tells. */
  async told<What extends Said["what"]>(what: What): Promise<Extract<Said, { what: What }>> {
    const find = (): number => this.#said.findIndex((said) => said.what === what)
    // It may have ended, and what it told before is still on its way.
    await until(() => find() >= 0 || !this.process.connected, `the program tells "${what}"`)
    const [said] = this.#said.splice(0, find() + 1).slice(-1)
    if (said?.what !== what) throw new Error(`The program ended before it told "${what}"`)
    return said as Extract<Said, { what: What }>
  }

  say(): void {
    this.process.send("now")
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const ended = once(this.process, "exit")
    this.process.kill("SIGKILL")
    await ended
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}

const ANYWHERE = `tcp://${LOOPBACK}:*`

function startPublisher(updates = ANYWHERE, recovery = ANYWHERE, ...more: string[]): Program<PublisherSaid> {
  return new Program<PublisherSaid>("feed-publisher", updates, recovery, ...more)
}

/** What the subscriber has after `sequence` updates of the program, which always publishes the same. */
function stateAfter(sequence: number): [string, string][] {
  const state = new Map<string, string>()
  for (let n = 1; n <= sequence; n++) {
    if (n % 10 !== 0) state.set(`topic/${n % 50}`, `${n}`)
    else if (!state.delete(`topic/${(n / 10) % 50}`)) state.set("nothing", `${n}`)
  }
  return [...state].sort()
}

function stateOf(subscriber: FeedSubscriber): [string, string][] {
  return [...subscriber.entries()].map(([topic, value]): [string, string] => [topic, String(value)]).sort()
}

async function stop(publisher: Program<PublisherSaid>): Promise<Extract<PublisherSaid, { what: "stopped" }>> {
  publisher.say()
  return await publisher.told("stopped")
}

function collect(subscriber: FeedSubscriber): FeedUpdate<Buffer>[] {
  const updates: FeedUpdate<Buffer>[] = []
  void (async () => {
    for await (const update of subscriber) updates.push(update)
  })()
  return updates
}

describe("a subscriber", () => {
  it("converges on a publisher that was killed and started again, in an epoch of its own", async () => {
    await using first = startPublisher()
    const { updates, recovery } = await first.told("bound")
    await using subscriber = new FeedSubscriber({ sources: [{ updates, recovery }] })
    subscriber.subscribe()
    await subscriber.ready()
    const { epoch } = subscriber
    await until(() => subscriber.stats.position > 1000, "a thousand updates are there")
    const begins = subscriber.events.once("epoch")
    await first.kill()
    await using second = startPublisher(updates, recovery)
    await second.told("bound")
    expect(await begins).toMatchObject({ previous: epoch })
    const { sequence, epoch: its } = await stop(second)
    await until(() => subscriber.complete && subscriber.stats.position === sequence, "the subscriber is there")
    expect(subscriber.epoch).toBe(its)
    expect(stateOf(subscriber)).toEqual(stateAfter(sequence))
  })

  it("converges though publishers die as soon as it begins to recover from them, and the last one stalls", async () => {
    await using first = startPublisher()
    const { updates, recovery } = await first.told("bound")
    await using subscriber = new FeedSubscriber({ sources: [{ updates, recovery }], staleAfter: 500 })
    subscriber.subscribe()
    await subscriber.ready()
    await first.kill()
    // Each time it waits longer before it connects again.
    for (let life = 0; life < 2; life++) {
      const begins = subscriber.events.once("epoch")
      await using next = startPublisher(updates, recovery)
      await begins
      await next.kill()
    }
    const begins = subscriber.events.once("epoch")
    await using last = startPublisher(updates, recovery)
    await begins
    const stale = subscriber.events.once("stale")
    last.process.kill("SIGSTOP")
    await stale
    last.process.kill("SIGCONT")
    const { sequence, epoch } = await stop(last)
    await until(() => subscriber.complete && subscriber.stats.position === sequence, "the subscriber is there")
    expect(subscriber.epoch).toBe(epoch)
    expect(stateOf(subscriber)).toEqual(stateAfter(sequence))
  }, 180_000)

  it("gets every update once while one of two publishers is killed", async () => {
    const limit = "12000"
    await using first = startPublisher(ANYWHERE, ANYWHERE, "shared", "-", limit)
    await using second = startPublisher(ANYWHERE, ANYWHERE, "shared", "-", limit)
    const sources: Bound[] = [await first.told("bound"), await second.told("bound")]
    await using subscriber = new FeedSubscriber({
      sources: sources.map(({ updates, recovery }) => ({ updates, recovery })),
    })
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await until(() => updates.length > 2000, "two thousand updates are there")
    const failover = subscriber.events.once("failover")
    await first.kill()
    expect(await failover).toMatchObject({ from: sources[0]?.updates, to: sources[1]?.updates })
    const { sequence } = await second.told("stopped")
    await until(() => subscriber.stats.position === sequence, "the subscriber is there")
    await until(() => subscriber.stats.queued === 0, "everything is handed out")
    expect(stateOf(subscriber)).toEqual(stateAfter(sequence))
    const live = updates.filter(({ recovered }) => recovered !== "snapshot").map(({ feedSequence }) => feedSequence)
    const from = Math.min(...live)
    expect(live.toSorted((a, b) => a - b)).toEqual(Array.from({ length: sequence - from + 1 }, (_, i) => from + i))
    expect(subscriber.stats).toMatchObject({ epochs: 1, failovers: 1, lost: 0 })
  })

  it("goes on without a double when a killed replica comes back and then the other one is killed", async () => {
    await using first = startPublisher(ANYWHERE, ANYWHERE, "shared")
    const one = await first.told("bound")
    await using second = startPublisher(ANYWHERE, ANYWHERE, "shared", one.recovery)
    const two = await second.told("bound")
    const sources = [one, two].map(({ updates, recovery }) => ({ updates, recovery }))
    await using subscriber = new FeedSubscriber({ sources })
    const updates = collect(subscriber)
    subscriber.subscribe()
    await subscriber.ready()
    await first.kill()
    const followed = subscriber.stats.position
    await until(() => subscriber.stats.position > followed + 1000, "the subscriber follows the second")
    await using third = startPublisher(one.updates, one.recovery, "shared", two.recovery)
    await third.told("bound")
    // Its history begins where it caught up with the second: the subscriber is to be further than that.
    const caughtUp = (await third.told("at")).sequence
    await until(() => subscriber.stats.position >= caughtUp, "the subscriber is as far as the third")
    await second.kill()
    // The second one may have been ahead; the third has to pass it.
    const last = Math.max(...updates.map(({ feedSequence }) => feedSequence))
    while ((await third.told("at")).sequence < last + 500);
    const { sequence } = await stop(third)
    await until(() => subscriber.complete && subscriber.stats.position === sequence, "the subscriber is there")
    await until(() => subscriber.stats.queued === 0, "everything is handed out")
    expect(stateOf(subscriber)).toEqual(stateAfter(sequence))
    const numbers = updates.map(({ feedSequence, topic }) => `${feedSequence} ${topic}`)
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(subscriber.stats).toMatchObject({ epochs: 1, lost: 0 })
  })

  it("that is killed and started again finds the state, and leaves nothing behind at the publisher", async () => {
    await using publisher = startPublisher()
    const { updates, recovery } = await publisher.told("bound")
    const first = new Program<SubscriberSaid>("feed-subscriber", updates, recovery)
    await first.told("ready")
    await publisher.told("at")
    await first.kill()
    await using second = new Program<SubscriberSaid>("feed-subscriber", updates, recovery)
    await second.told("ready")
    const { sequence } = await stop(publisher)
    let state: Extract<SubscriberSaid, { what: "state" }> | undefined
    do {
      second.say()
      state = await second.told("state")
    } while (state.position !== sequence)
    expect(state.entries).toEqual(stateAfter(sequence))
    expect(state.doubles).toBe(0)
  })
})
