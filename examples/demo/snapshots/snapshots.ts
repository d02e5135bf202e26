// Part 6: clients ask for snapshots of the market, hundreds of requests in flight. One of two servers is killed under
// way and comes back later. Every request must get its answer, and the right one.

import type { Crew } from "../crew.ts"
import { Latency } from "../latency.ts"
import { count } from "../print.ts"
import type { Line } from "../progress.ts"
import { exactly, type Outcome, within } from "../report.ts"
import type { ClientBrief, ClientReport } from "./client.ts"
import type { ServerBrief, ServerReport } from "./server.ts"

const clients = 2
const inFlight = 300
const requestsPerClient = 45_000

const steady = "steady server"
const first = "second server, first life"
const second = "second server, second life"

export async function snapshots(crew: Crew, line: Line): Promise<Outcome> {
  const requests = clients * requestsPerClient
  const open = (name: string, endpoint: string) =>
    crew.start<ServerBrief, ServerReport>(name, "snapshots/server", { name, endpoint })
  const servers = [open(steady, "tcp://127.0.0.1:*"), open(first, "ipc://*")] as const
  const endpoints = await Promise.all(servers.map(async (server) => (await server.report("open")).endpoint))

  const askers = Array.from({ length: clients }, (_, i) =>
    crew.start<ClientBrief, ClientReport>(`client ${i + 1}`, "snapshots/client", {
      servers: endpoints,
      requests: requestsPerClient,
      inFlight,
      offset: i * 1000,
    }),
  )
  line.begin(requests, askers)

  await Promise.race(askers.map((asker) => asker.report("a third")))
  await servers[1].kill()
  line.note("a server killed")

  await Promise.all(askers.map((asker) => asker.report("a half")))
  const returned = open(second, endpoints[1]!)
  await returned.report("open")
  line.note("and back")
  for (const asker of askers) asker.order("the server is back")

  const satisfied = await Promise.all(askers.map((asker) => asker.report("satisfied")))
  const still = [servers[0], returned]
  for (const server of still) server.order("leave")
  const closed = await Promise.all(still.map((server) => server.report("closed")))
  await crew.allEnded()

  const sum = (figure: (client: (typeof satisfied)[number]) => number) =>
    satisfied.reduce((total, client) => total + figure(client), 0)
  const answeredBy = (server: string) => sum(({ right }) => right.get(server) ?? 0)
  const right = answeredBy(steady) + answeredBy(first) + answeredBy(second)
  const reasons = [...new Set(satisfied.flatMap(({ failed }) => [...failed.keys()]))]
  const startedAt = Math.min(...satisfied.map((client) => client.startedAt))
  const endedAt = Math.max(...satisfied.map((client) => client.endedAt))

  return {
    title: `Snapshots: ${clients} clients with ${inFlight} requests in flight each`,
    summary: `${count(right)} answers, one server of two killed and back`,
    rows: [
      {
        name: "all clients",
        over: "tcp ipc",
        messages: right,
        seconds: (endedAt - startedAt) / 1000,
        latency: new Latency(...satisfied.map(({ latencies }) => latencies)),
        lost: { messages: requests - right, reason: reasons.join(", ") },
      },
      { name: steady, over: "tcp", messages: answeredBy(steady), perWrite: closed[0]!.perWrite },
      { name: first, over: "ipc", messages: answeredBy(first) },
      { name: second, over: "ipc", messages: answeredBy(second), perWrite: closed[1]!.perWrite },
    ],
    checks: [
      exactly("right answers", right, requests),
      exactly(
        "wrong answers",
        sum(({ wrong }) => wrong),
        0,
      ),
      exactly("requests that failed", reasons.join(", ") || "none", "none"),
      within(`answers of the ${first}`, answeredBy(first), 1, requests),
      within(`answers of the ${second}`, answeredBy(second), 1, requests),
    ],
  }
}
