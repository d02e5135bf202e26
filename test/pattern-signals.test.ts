// One signal for everything: any number of waits of a pattern may hang on it; all end by it, and nothing warns of a leak.

import { Dealer } from "brokerless"
import { text } from "brokerless/codec"
import { CloneClient } from "brokerless/patterns/clone"
import { FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { MajordomoClient } from "brokerless/patterns/majordomo"
import { MeshNode } from "brokerless/patterns/mesh"
import { forwarder } from "brokerless/patterns/proxy"
import { FreelanceClient, ReliableRequest } from "brokerless/patterns/reliable-request"
import { Surveyor } from "brokerless/patterns/survey"
import { describe, expect, it } from "vitest"

const MANY = 30
const NOWHERE = "inproc://signals-nobody-is-here"

interface Waiting {
  /** Settles when the signal is aborted, if not before. */
  readonly ended: Promise<unknown>
  close(): Promise<void>
}

interface Echo {
  echo(): Promise<void>
}

/** What can be made to wait with one signal, many times over. */
const WAITS: Readonly<Record<string, (signal: AbortSignal) => Promise<Waiting> | Waiting>> = {
  "changes of a CloneClient": (signal) => {
    const client = new CloneClient({ codec: text() })
    client.connect(NOWHERE)
    return { ended: client.set("key", "value", { signal }), close: () => client.close({ linger: 0 }) }
  },
  "a CloneClient that is to be ready": (signal) => {
    const client = new CloneClient({ codec: text() })
    client.connect(NOWHERE)
    return { ended: client.ready({ signal }), close: () => client.close() }
  },
  "a FeedSubscriber that is to be ready": (signal) => {
    const subscriber = new FeedSubscriber({ sources: [{ updates: NOWHERE, recovery: NOWHERE }] })
    subscriber.subscribe()
    return { ended: subscriber.ready({ signal }), close: () => subscriber.close() }
  },
  "FeedSubscribers that end by it": (signal) => {
    const subscriber = new FeedSubscriber({ sources: [{ updates: NOWHERE, recovery: NOWHERE }], signal })
    return { ended: subscriber.events.once("stale", { signal }), close: () => subscriber.close() }
  },
  "FeedPublishers that end by it": (signal) => {
    const publisher = new FeedPublisher({ signal })
    return { ended: publisher.events.once("limit", { signal }), close: () => publisher.close() }
  },
  "requests of a MajordomoClient": (signal) => {
    const client = new MajordomoClient({ timeout: -1 })
    client.connect(NOWHERE)
    return { ended: client.request("nobody", "?", { signal }), close: () => client.close({ linger: 0 }) }
  },
  "calls of a MeshNode": (signal) => {
    const node = new MeshNode()
    return { ended: node.service<Echo>("echo", { signal, wait: true }).echo(), close: () => node.close() }
  },
  "devices that end by it": async (signal) => {
    const device = await forwarder({ frontend: "tcp://127.0.0.1:*", backend: "tcp://127.0.0.1:*", signal })
    return { ended: device.finished, close: () => device.close({ timeout: 0 }) }
  },
  "requests of a ReliableRequest": (signal) => {
    const requests = new ReliableRequest({ endpoints: [NOWHERE] })
    return { ended: requests.request("?", { signal }), close: () => requests.close({ timeout: 0 }) }
  },
  "requests of a FreelanceClient": (signal) => {
    const client = new FreelanceClient()
    client.connect(NOWHERE)
    return { ended: client.request("?", { signal }), close: () => client.close({ timeout: 0 }) }
  },
  surveys: async (signal) => {
    const surveyor = new Surveyor()
    const deaf = new Dealer()
    deaf.connect(await surveyor.bind("tcp://127.0.0.1:*"))
    await surveyor.waitForPeers()
    const close = async (): Promise<void> => {
      await Promise.all([surveyor.close({ timeout: 0 }), deaf.close({ linger: 0 })])
    }
    return { ended: surveyor.survey("?", { timeout: 600_000, signal }).all, close }
  },
}

describe("a signal ends any number of waits, and nothing warns of it:", () => {
  it.each(Object.entries(WAITS))("%s", async (_, wait) => {
    const warnings: Error[] = []
    const warned = (warning: Error): number => warnings.push(warning)
    process.on("warning", warned)
    const stop = new AbortController()
    const waiting: Waiting[] = []
    for (let i = 0; i < MANY; i++) waiting.push(await wait(stop.signal))
    const ended = Promise.allSettled(waiting.map((each) => each.ended))
    stop.abort()
    expect(await ended).toHaveLength(MANY)
    await Promise.all(waiting.map((each) => each.close()))
    // Warnings are told in a later turn.
    await new Promise(setImmediate)
    process.off("warning", warned)
    expect(warnings).toEqual([])
  })
})
