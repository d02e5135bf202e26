// Publishers and subscribers of feeds for tests, and what it means that one has converged on the other.

import { setTimeout as sleep } from "node:timers/promises"
import type { Codec } from "brokerless"
import {
  type FeedEndpoints,
  FeedPublisher,
  type FeedPublisherOptions,
  FeedSubscriber,
  type FeedSubscriberOptions,
  type FeedUpdate,
} from "brokerless/patterns/feed"
import { FaultProxy } from "../../../test/support/fault-proxy.ts"
import { LOOPBACK } from "../../../test/support/loopback.ts"

/** Values as JSON. */
export const json: Codec<number> = {
  encode: (value) => JSON.stringify(value),
  decode: (frame) => JSON.parse(frame.toString()) as number,
}

/** Values as JSON, so many octets long, which fill the buffers of a connection soon. */
export function padded(size: number): Codec<number> {
  return { encode: (value) => JSON.stringify(value).padEnd(size), decode: json.decode }
}

/** Endpoints of which the system chooses the names. */
export const ANYWHERE: FeedEndpoints = { updates: `tcp://${LOOPBACK}:*`, recovery: `tcp://${LOOPBACK}:*` }

export async function publish(
  options: FeedPublisherOptions = {},
  at: FeedEndpoints = ANYWHERE,
  codec: Codec<number> = json,
): Promise<{ publisher: FeedPublisher<number>; endpoints: FeedEndpoints }> {
  const publisher = new FeedPublisher({ codec, heartbeatInterval: 20, ...options })
  return { publisher, endpoints: await publisher.bind(at) }
}

/** A publisher whose updates pass a proxy, so that some can be kept from all subscribers. */
export async function publishThroughProxy(options: FeedPublisherOptions = {}): Promise<{
  publisher: FeedPublisher<number>
  endpoints: FeedEndpoints
  proxy: FaultProxy
  /** Does something while no subscriber is connected. */
  unheard(act: () => Promise<void>): Promise<void>
}> {
  const { publisher, endpoints } = await publish(options)
  const proxy = await FaultProxy.before(endpoints.updates)
  const unheard = async (act: () => Promise<void>): Promise<void> => {
    proxy.refuse()
    const left = publisher.events.once("leave")
    for (const connection of proxy.connections) connection.reset()
    await left
    await act()
    await proxy.admit()
  }
  return { publisher, endpoints: { updates: proxy.endpoint, recovery: endpoints.recovery }, proxy, unheard }
}

export function follow(sources: readonly FeedEndpoints[], options: Partial<FeedSubscriberOptions> = {}): Numbers {
  return new FeedSubscriber({ codec: json, sources, ...options })
}

export type Numbers = FeedSubscriber<number>

/** Everything that a loop over the subscriber gets, as it comes. */
export function collect(subscriber: Numbers): FeedUpdate<number>[] {
  const updates: FeedUpdate<number>[] = []
  void (async () => {
    for await (const update of subscriber) updates.push(update)
  })()
  return updates
}

/** How long anything may take that happens by itself. */
const PATIENCE = 30_000

/** Resolves when the condition holds; looked at every few ms, because some of it waits for timers. */
export async function until(condition: () => boolean, what: string | (() => string)): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!condition()) {
    if (performance.now() > end) {
      throw new Error(`It never came about that ${typeof what === "string" ? what : what()}`)
    }
    await sleep(2)
  }
}

/** The state as a plain object, for comparison. */
export function stateOf(feed: { entries(): Iterable<[string, number]> }): Record<string, number> {
  return Object.fromEntries([...feed.entries()].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Resolves when the subscriber has proof that it has everything, up to where the publisher is. */
export function converged(subscriber: Numbers, publisher: FeedPublisher<number>): Promise<void> {
  const there = (): boolean =>
    subscriber.complete && subscriber.epoch === publisher.epoch && subscriber.stats.position === publisher.sequence
  return until(there, () => {
    const { position, held, queued } = subscriber.stats
    const where = JSON.stringify({ position, held, queued, complete: subscriber.complete, stale: subscriber.stale })
    return `the subscriber is where the publisher is (${publisher.sequence}): ${where}`
  })
}
