// Part 1: prices since 2000, replayed many times over to desks that want different things, over three transports.
// Every desk must arrive at the count and the checksum that the data says.

import { showChecksum } from "../checksum.ts"
import type { Crew } from "../crew.ts"
import { Latency } from "../latency.ts"
import { count } from "../print.ts"
import type { Line } from "../progress.ts"
import { exactly, type Outcome } from "../report.ts"
import type { DeskBrief, DeskReport } from "./desk.ts"
import { desks, expected } from "./desks.ts"
import type { PublisherBrief, PublisherReport } from "./publisher.ts"

const replays = 60

export async function marketFeed(crew: Crew, line: Line): Promise<Outcome> {
  const goals = new Map(desks.map((desk) => [desk, expected(desk, replays)]))

  const publisher = crew.start<PublisherBrief, PublisherReport>("publisher", "market/publisher", { desks, replays })
  const { endpoints } = await publisher.report("open")
  const outside = desks.filter((desk) => desk.transport !== "inproc")
  const processes = outside.map((desk) =>
    crew.start<DeskBrief, DeskReport>(desk.name, "market/desk", { desk, endpoint: endpoints[desk.transport] }),
  )
  line.begin(
    [...goals.values()].reduce((sum, goal) => sum + goal.count, 0),
    [publisher, ...processes],
  )

  const reports = await Promise.all(processes.map((process) => process.report("heard")))
  const { heard: inside } = await publisher.report("heard inside")
  const { startedAt, perWrite, dropped } = await publisher.report("published")
  await Promise.all([publisher, ...processes].map((process) => process.ended))

  const insiders = desks.filter((desk) => desk.transport === "inproc")
  const heard = new Map([
    ...outside.map((desk, i) => [desk, reports[i]!.heard] as const),
    ...insiders.map((desk, i) => [desk, inside[i]!] as const),
  ])

  const all = [...heard.values()]
  const deliveries = all.reduce((sum, { count }) => sum + count, 0)
  const seconds = (Math.max(...all.map(({ endedAt }) => endedAt)) - startedAt) / 1000
  return {
    title: `Market feed: ${replays} replays of 20 years, overflow "wait"`,
    summary: `${count(deliveries)} quotes reached ${desks.length} desks`,
    rows: [
      {
        name: "all desks",
        messages: deliveries,
        seconds,
        latency: new Latency(...all.map(({ latencies }) => latencies)),
        perWrite,
        lost: { messages: dropped, reason: "dropped" },
      },
      ...[...heard].map(([desk, { count, latencies, endedAt }]) => ({
        name: desk.name,
        over: desk.transport,
        messages: count,
        seconds: (endedAt - startedAt) / 1000,
        latency: new Latency(latencies),
        lost: { messages: goals.get(desk)!.count - count, reason: "missing" },
      })),
    ],
    checks: [
      ...[...heard].map(([desk, tally]) =>
        exactly(`${desk.name} over ${desk.transport}`, show(tally), show(goals.get(desk)!)),
      ),
      exactly("quotes the publisher dropped", dropped, 0),
    ],
  }
}

function show({ count: quotes, checksum }: { readonly count: number; readonly checksum: number }): string {
  return `${count(quotes)} quotes, checksum ${showChecksum(checksum)}`
}
