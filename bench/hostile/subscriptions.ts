// B10: a million subscriptions, and what happens when somebody with a hundred thousand of them leaves.

import { setTimeout as sleep } from "node:timers/promises"
import { Publisher, XPublisher } from "brokerless"
import { greeting, ready } from "../../test/support/raw-peer.ts"
import { readMemory } from "../memory-reading.ts"
import { WorkerProcess } from "../worker-process.ts"
import { atMost, count, type Finding, milliseconds, octets, type Size } from "./finding.ts"

const TOPIC = 3
const EACH = 250
const BLOCKED = 50
const PEERS = 10

export async function* measure(size: Size): AsyncGenerator<Finding, void, undefined> {
  const topics = size === "full" ? 100_000 : 10_000
  for (const publisher of [new Publisher(), new XPublisher({ receiveHighWaterMark: 0 })]) {
    const { name } = publisher.constructor
    const crowd = new WorkerProcess()
    try {
      const endpoint = await publisher.bind("tcp://127.0.0.1:*")
      const opening = Buffer.concat([greeting(), ready("SUB")]).toString("hex")
      await crowd.ask("crowd", "open", [endpoint, PEERS, opening])
      await publisher.waitForPeers(PEERS)
      let told = 0
      if (publisher instanceof XPublisher) void countAll(publisher, (messages) => (told += messages))
      const before = await readMemory()
      await crowd.ask("crowd", "subscribe", [topics, false], 120_000)
      if (publisher instanceof Publisher) {
        const last = lastTopic(topics)
        while (publisher.peers.length === PEERS && !(await isSubscribed(publisher, last))) await sleep(50)
        await sleep(2000)
        const held = await readMemory()
        const all = PEERS * topics
        if (publisher.subscriptions.length !== all)
          throw new Error(`${publisher.subscriptions.length} subscriptions came`)
        const each = (held.heap + held.external - before.heap - before.external) / all
        const what = `memory of each of ${count(all)} subscriptions of ${PEERS} peers, their ${TOPIC} octets included`
        yield atMost("B10", what, each, EACH + TOPIC, octets)
      } else {
        while (told < PEERS * topics) await sleep(50)
      }
      const longest = await longestTurn(async () => {
        await crowd.ask("crowd", "leave", [0])
        while (publisher.peers.length === PEERS) await sleep(5)
        if (publisher instanceof XPublisher) while (told < (PEERS + 1) * topics) await sleep(5)
        else await sleep(500)
      })
      const what = `${name}: the longest turn while a peer with ${count(topics)} subscriptions leaves`
      yield atMost("B10", what, longest, size === "full" ? BLOCKED : 10 * BLOCKED, milliseconds)
    } finally {
      await Promise.all([crowd.stop(), publisher.close({ linger: 0 })])
    }
  }
}

/** The topic that the last peer asks for last. */
function lastTopic(topics: number): Buffer {
  const octets = Buffer.alloc(4)
  octets.writeUInt32BE(((PEERS * topics - 1) * 7919) % 0x1000000)
  return octets.subarray(1)
}

async function isSubscribed(publisher: Publisher, topic: Buffer): Promise<boolean> {
  return publisher.waitForSubscribers(topic, 1, { timeout: 1 }).then(
    () => true,
    () => false,
  )
}

async function countAll(publisher: XPublisher, add: (messages: number) => void): Promise<void> {
  try {
    for (;;) add((await publisher.receiveMany()).length)
  } catch {
    // It was closed.
  }
}

/** The longest time between two turns of the event loop while something happens, ms. */
async function longestTurn(act: () => Promise<void>): Promise<number> {
  globalThis.gc?.()
  let longest = 0
  let last = performance.now()
  let watching = true
  const watch = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
    if (watching) setImmediate(watch)
  }
  watch()
  await act()
  watching = false
  return longest
}
