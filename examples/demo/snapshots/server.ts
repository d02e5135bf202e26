// A process: answers questions about the market, on an endpoint of its own.

import { Reply } from "brokerless"
import { json } from "brokerless/codec"
import { readPrices } from "../prices.ts"
import { play } from "../role.ts"
import { type AnsweredSnapshot, type Question, snapshotAt } from "./snapshot.ts"

export interface ServerBrief {
  readonly name: string
  /** Where to listen; a server that comes back listens where it did before. */
  readonly endpoint: string
}

export type ServerReport =
  | { readonly is: "open"; readonly endpoint: string }
  | { readonly is: "closed"; readonly answered: number; readonly perWrite: number }

play<ServerBrief, ServerReport>(async ({ name, endpoint }, director) => {
  const prices = readPrices()
  const indexes = new Map(prices.map(({ date }, index) => [date, index]))
  const reply = new Reply({ codec: json<AnsweredSnapshot, Question>() })
  director.tell({ is: "open", endpoint: await reply.bind(endpoint) })

  const leave = new AbortController()
  void director.order("leave").then(() => leave.abort())
  await reply.serve(({ date }) => ({ server: name, snapshot: snapshotAt(prices, indexes.get(date)!) }), {
    concurrency: 100,
    signal: leave.signal,
  })
  await reply.close()

  const { messagesSent, writes } = reply.stats
  director.tell({ is: "closed", answered: messagesSent, perWrite: messagesSent / writes })
})
