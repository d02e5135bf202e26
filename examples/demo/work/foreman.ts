// A process: tells all workers the same settings. A `Fanout` gives every message to every worker and waits for the
// slowest; it begins when the first crew is complete, and tells everything once more when somebody joins later.

import { Fanout } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { readFlights } from "../flights.ts"
import { play } from "../role.ts"
import { joins } from "./joins.ts"
import { factsOf, type Setting } from "./settings.ts"

export interface ForemanBrief {
  /** How many workers there are at the start. */
  readonly workers: number
  readonly tellings: number
}

export type ForemanReport =
  | { readonly is: "open"; readonly endpoint: string }
  | {
      readonly is: "told"
      readonly messages: number
      /** The time it took to tell, without the pauses between the tellings. */
      readonly seconds: number
      readonly perWrite: number
      readonly dropped: Readonly<Record<string, number>>
    }

play<ForemanBrief, ForemanReport>(async ({ workers, tellings }, director) => {
  const fanout = new Fanout({ codec: json<Setting>() })
  const hired = joins(fanout)
  director.showProgress(() => fanout.stats.messagesSent)
  director.tell({ is: "open", endpoint: await fanout.bind("tcp://127.0.0.1:*") })

  const facts = factsOf(readFlights())
  let milliseconds = 0
  for (let telling = 1; telling <= tellings; telling++) {
    await hired(workers + telling - 1)
    const startedAt = now()
    for (const [index, fact] of facts.entries()) {
      await fanout.send({ telling, ...fact, last: index === facts.length - 1, sentAt: now() })
    }
    milliseconds += now() - startedAt
  }

  await director.order("finish")
  await fanout.close()
  const { messagesSent, writes, dropped } = fanout.stats
  director.tell({
    is: "told",
    messages: messagesSent,
    seconds: milliseconds / 1000,
    perWrite: messagesSent / writes,
    dropped,
  })
})
