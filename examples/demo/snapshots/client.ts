// A process: asks several servers for snapshots, hundreds of requests at a time, and checks every answer against its
// own copy of the prices. A server that dies with requests in its hands costs a second attempt, nothing else.

import { isDeepStrictEqual } from "node:util"
import { Request } from "brokerless"
import { json } from "brokerless/codec"
import { now } from "../clock.ts"
import { Latency } from "../latency.ts"
import { readPrices } from "../prices.ts"
import { play } from "../role.ts"
import { type AnsweredSnapshot, type Question, snapshotAt } from "./snapshot.ts"

export interface ClientBrief {
  readonly servers: readonly string[]
  readonly requests: number
  readonly inFlight: number
  /** Where in the table this client begins to ask. */
  readonly offset: number
}

export type ClientReport =
  | { readonly is: "a third" | "a half" }
  | {
      readonly is: "satisfied"
      /** Right answers by who gave them. */
      readonly right: ReadonlyMap<string, number>
      readonly wrong: number
      /** Requests without an answer, by the error that says why. */
      readonly failed: ReadonlyMap<string, number>
      readonly latencies: Uint32Array
      readonly startedAt: number
      readonly endedAt: number
    }

play<ClientBrief, ClientReport>(async ({ servers, requests, inFlight, offset }, director) => {
  const prices = readPrices()
  const socket = new Request({ codec: json<Question, AnsweredSnapshot>(), reconnectMaxInterval: 500 })
  for (const server of servers) socket.connect(server)
  await socket.waitForPeers(servers.length)

  const milestones = new Map<number, "a third" | "a half">([
    [Math.floor(requests / 3), "a third"],
    [Math.floor(requests / 2), "a half"],
  ])
  const latency = new Latency()
  const right = new Map<string, number>()
  const failed = new Map<string, number>()
  let wrong = 0
  let answered = 0
  let asked = 0
  director.showProgress(() => answered)

  async function ask(index: number): Promise<void> {
    const askedAt = now()
    try {
      const { server, snapshot } = await socket.request({ date: prices[index]!.date }, { timeout: 5000, retries: 5 })
      latency.add(now() - askedAt)
      if (isDeepStrictEqual(snapshot, snapshotAt(prices, index))) right.set(server, (right.get(server) ?? 0) + 1)
      else wrong++
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      failed.set(reason, (failed.get(reason) ?? 0) + 1)
    }
    const milestone = milestones.get(++answered)
    if (milestone !== undefined) director.tell({ is: milestone })
  }

  /** Asks one question after the other, until so many have been asked by all who ask. */
  async function askUntil(enough: number): Promise<void> {
    while (asked < enough) await ask((offset + asked++ * 7) % prices.length)
  }

  const startedAt = now()
  const lap = (enough: number) => Promise.all(Array.from({ length: inFlight }, () => askUntil(enough)))
  await lap(Math.floor((requests * 2) / 3))
  // The last lap is run with everybody back in the field.
  await director.order("the server is back")
  await socket.waitForPeers(servers.length)
  await lap(requests)
  const endedAt = now()
  await socket.close()

  director.tell({ is: "satisfied", right, wrong, failed, latencies: latency.counts, startedAt, endedAt })
})
