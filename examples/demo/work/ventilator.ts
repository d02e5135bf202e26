// A process: hands out the flights to whoever has the least to do. `window` bounds what is under way to one worker,
// so a slow one gets little and a dead one takes little with it.

import { type Peer, Push } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { readFlights } from "../flights.ts"
import { play } from "../role.ts"
import { joins } from "./joins.ts"
import type { Task } from "./task.ts"

export interface VentilatorBrief {
  /** How many workers there are at the start; one more joins later. */
  readonly workers: number
  readonly window: number
}

export type VentilatorReport =
  | { readonly is: "open"; readonly endpoint: string }
  | {
      readonly is: "sent"
      readonly startedAt: number
      readonly perWrite: number
      /** How many tasks were handed to each worker, those included that its death caught on their way. */
      readonly handed: ReadonlyMap<string, number>
    }

play<VentilatorBrief, VentilatorReport>(async ({ workers, window }, director) => {
  const push = new Push({ codec: json<Task>(), balance: "least-loaded", window })
  const hired = joins(push)
  const peers = new Map<string, Peer>()
  push.events.on("peer:join", ({ peer }) => peers.set(nameOf(peer), peer))
  director.tell({ is: "open", endpoint: await push.bind("tcp://127.0.0.1:*") })
  await hired(workers)

  const flights = readFlights()
  const lastQuarter = flights.length * 0.75
  const startedAt = now()
  for (const [id, flight] of flights.entries()) {
    // However slowly the new worker starts: there is work left for it.
    if (id === lastQuarter) await hired(workers + 1)
    await push.send({ id, flight, sentAt: now() })
  }
  await push.close()

  const { messagesSent, writes } = push.stats
  const handed = new Map([...peers].map(([name, { stats }]) => [name, stats.messagesSent + stats.dropped["in-flight"]]))
  director.tell({ is: "sent", startedAt, perWrite: messagesSent / writes, handed })
})

/** What a worker calls itself, in the properties that it sends when it connects. */
function nameOf(peer: Peer): string {
  return String(peer.metadata.get("x-worker"))
}
