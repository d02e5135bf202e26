// A pipeline: what one stage pushes the next one pulls, and a stage may be any number of workers. A slow stage slows
// those before it down, so nothing piles up between them; and it ends from front to back, so nothing is left inside.

import { setImmediate as turn } from "node:timers/promises"
import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"
import { readDataset } from "./demo/dataset.ts"

interface Day {
  readonly date: string
  /** From open to close, in per cent. */
  readonly change: number
}

// At each end of each connection eight messages may wait. Over tcp the system would hold some as well.
const lines = new Push({ sendHighWaterMark: 8 })
await lines.bind("inproc://lines")
const days = new Pull({ codec: json<Day>(), receiveHighWaterMark: 8 })
await days.bind("inproc://days")

/** When all of the stage before have left, a stage hands out what is there, and its loop ends. */
function endAfterOthers(inbox: Pull<unknown>): void {
  inbox.events.on("peer:leave", () => {
    if (inbox.peers.length === 0) void inbox.drain()
  })
}

async function parser(): Promise<void> {
  const inbox = new Pull({ receiveHighWaterMark: 8 })
  const outbox = new Push({ codec: json<Day>(), sendHighWaterMark: 8 })
  endAfterOthers(inbox)
  inbox.connect("inproc://lines")
  outbox.connect("inproc://days")
  for await (const [line] of inbox) {
    const [date = "", open, , , close] = String(line).split(",")
    await outbox.send({ date, change: (Number(close) / Number(open) - 1) * 100 })
  }
  await outbox.close()
}

endAfterOthers(days)
const parsers = [parser(), parser(), parser()]
await Promise.all([lines.waitForPeers(3), days.waitForPeers(3)])

let [sent, taken, ahead] = [0, 0, 0]
const reader = (async () => {
  for (const line of readDataset("sp500-2000.csv").trim().split("\n").slice(1)) {
    await lines.send(line)
    ahead = Math.max(ahead, ++sent - taken)
  }
  await lines.close()
})()

let best: Day = { date: "", change: 0 }
for await (const day of days) {
  taken++
  if (taken % 10 === 0) await turn() // the last stage is the slow one
  if (day.change > best.change) best = day
}
await Promise.all([reader, ...parsers])

console.log(`${sent} lines went in, ${taken} days came out`)
console.log(`the reader was ${ahead < 200 ? "less than 200" : ahead} lines ahead of the last stage at most`)
console.log(`the best day was ${best.date}: ${best.change.toFixed(2)} % up`)
