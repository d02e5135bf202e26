// Who reads the market feed: what each desk wants to know, and how it is connected.

import { readPrices } from "../prices.ts"
import { tape } from "./quote.ts"
import { Tally } from "./tally.ts"

export interface Desk {
  readonly name: string
  /** A desk over inproc sits in the publisher's own process, every other one in a process of its own. */
  readonly transport: "tcp" | "ipc" | "inproc"
  /** It hears every quote whose topic starts with one of these, and hears it once. */
  readonly prefixes: readonly string[]
}

export const desks: readonly Desk[] = [
  { name: "archive", transport: "tcp", prefixes: [""] },
  { name: "closing prices", transport: "ipc", prefixes: ["close/", "adjclose/"] },
  { name: "volume", transport: "tcp", prefixes: ["volume/"] },
  { name: "crash of 2008", transport: "inproc", prefixes: ["close/2008-", "low/2008-", "low/2008-09-15"] },
]

/** Whether a desk wants to hear of a topic. */
export function wants(desk: Desk, topic: string): boolean {
  return desk.prefixes.some((prefix) => topic.startsWith(prefix))
}

/** What a desk must have heard after so many replays, worked out from the data alone. */
export function expected(desk: Desk, replays: number): Tally {
  const wanted = tape(readPrices()).filter(({ topic }) => wants(desk, topic))
  const tally = new Tally()
  for (let replay = 0; replay < replays; replay++) for (const { topic, value } of wanted) tally.add(topic, value)
  return tally
}
