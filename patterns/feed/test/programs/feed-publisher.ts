// A publisher as a process of its own. It publishes without end, ten updates at a time, until it is told to stop or is
// killed; the n-th update is always the same.
//
//   feed-publisher.js <updates> <recovery> <name of the epoch, or -> <recovery of another one to catch up with, or ->
//                     <stop by itself after so many updates, or ->

import { FeedPublisher } from "brokerless/patterns/feed"

/** What this process tells its parent. */
export type Said =
  | { readonly what: "bound"; readonly updates: string; readonly recovery: string }
  | { readonly what: "at"; readonly sequence: number }
  | { readonly what: "stopped"; readonly sequence: number; readonly epoch: string; readonly topics: string[] }

const [updates = "", recovery = "", name = "-", other = "-", limit = "-"] = process.argv.slice(2)
const last = limit === "-" ? Number.POSITIVE_INFINITY : Number(limit)

const publisher = new FeedPublisher({ heartbeatInterval: 50, ...(name === "-" ? {} : { epoch: name }) })
let stopping = false

function tell(said: Said): void {
  process.send?.(said)
}

/** The n-th update: every tenth deletes a topic. */
async function update(n: number): Promise<void> {
  if (n % 10 === 0) {
    const deleted = await publisher.delete(`topic/${(n / 10) % 50}`)
    // Nothing to delete: the number is used up all the same.
    if (!deleted) await publisher.publish("nothing", `${n}`)
  } else await publisher.publish(`topic/${n % 50}`, `${n}`)
}

process.on("message", () => {
  stopping = true
})

if (other !== "-") await publisher.catchUp(other)
const bound = await publisher.bind({ updates, recovery })
tell({ what: "bound", ...bound })
while (!stopping && publisher.sequence < last) {
  for (let i = 0; i < 10 && publisher.sequence < last; i++) await update(publisher.sequence + 1)
  if (publisher.sequence % 1000 === 0) tell({ what: "at", sequence: publisher.sequence })
  await new Promise((resolve) => setTimeout(resolve, 1))
}
const topics = [...publisher.topics()].sort()
tell({ what: "stopped", sequence: publisher.sequence, epoch: publisher.epoch, topics })
