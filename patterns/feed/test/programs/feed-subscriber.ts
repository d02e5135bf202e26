// A subscriber as a process of its own: tells what it has when it is told to, and what it has been handed out.
//
//   feed-subscriber.js <updates> <recovery>

import { FeedSubscriber } from "brokerless/patterns/feed"

/** What this process tells its parent. */
export type Said =
  | { readonly what: "ready" }
  | {
      readonly what: "state"
      readonly position: number
      readonly entries: readonly (readonly [string, string])[]
      readonly doubles: number
    }

const [updates = "", recovery = ""] = process.argv.slice(2)
const subscriber = new FeedSubscriber({ sources: [{ updates, recovery }] })
const last = new Map<string, number>()
let doubles = 0

function tell(said: Said): void {
  process.send?.(said)
}

process.on("message", () => {
  const entries = [...subscriber.entries()].map(([topic, value]) => [topic, String(value)] as const).sort()
  tell({ what: "state", position: subscriber.stats.position, entries, doubles })
})

subscriber.subscribe()
void subscriber.ready().then(() => tell({ what: "ready" }))
for await (const { topic, feedSequence } of subscriber) {
  if (feedSequence <= (last.get(topic) ?? 0)) doubles++
  last.set(topic, feedSequence)
}
