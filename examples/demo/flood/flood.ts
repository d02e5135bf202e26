// Beside part 1: a publisher that waits for nobody and a subscriber that is too slow. What was received and what was
// dropped must add up to what was sent, to the message.

import type { Crew } from "../crew.ts"
import { Latency } from "../latency.ts"
import { tape } from "../market/quote.ts"
import { readPrices } from "../prices.ts"
import { count } from "../print.ts"
import type { Line } from "../progress.ts"
import { exactly, type Outcome, reasonsOf, totalDropped, within } from "../report.ts"
import type { FloodBrief, FloodReport } from "./publisher.ts"
import type { SlowBrief, SlowReport } from "./slow-subscriber.ts"

const replays = 20

export async function flood(crew: Crew, line: Line): Promise<Outcome> {
  const goal = replays * tape(readPrices()).length

  const publisher = crew.start<FloodBrief, FloodReport>("hasty publisher", "flood/publisher", { replays })
  const { endpoint } = await publisher.report("open")
  const subscriber = crew.start<SlowBrief, SlowReport>("slow reader", "flood/slow-subscriber", { endpoint })
  line.begin(goal, [publisher])

  const { sent, startedAt, perWrite, dropped } = await publisher.report("published")
  const heard = await subscriber.report("heard")
  await Promise.all([publisher.ended, subscriber.ended])

  const lost = totalDropped(dropped)
  return {
    title: 'Flood: a reader that is too slow, overflow "drop"',
    summary: `${count(heard.count)} received and ${count(lost)} dropped of ${count(sent)}`,
    rows: [
      {
        name: "slow reader",
        over: "tcp",
        messages: heard.count,
        seconds: (heard.endedAt - startedAt) / 1000,
        latency: new Latency(heard.latencies),
        perWrite,
        lost: { messages: lost, reason: reasonsOf(dropped) },
      },
    ],
    checks: [
      exactly("quotes sent in the flood", sent, goal),
      exactly("received and dropped together", heard.count + lost, sent),
      within("dropped for want of room", dropped["high-water-mark"]!, 1, sent),
      within("received all the same", heard.count, 1, sent),
      exactly("received out of order or twice", heard.outOfOrder, 0),
    ],
  }
}
