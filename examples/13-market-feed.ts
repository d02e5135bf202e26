// A market feed: two replicas publish the closing prices of an index, day by day, and a desk takes each price once from
// whichever comes first. One replica dies in the middle; nobody notices but the event. Somebody who comes late starts
// with the current state, and everybody ends with the same.

import { json } from "brokerless/codec"
import { type FeedEndpoints, FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"
import { readTable } from "./demo/dataset.ts"

interface Day {
  readonly date: string
  readonly close: number
}

const days = readTable("sp500-2000.csv").map(([date = "", , , , close]): Day => ({ date, close: Number(close) }))
const anywhere: FeedEndpoints = { updates: "tcp://127.0.0.1:*", recovery: "tcp://127.0.0.1:*" }

// The same updates in the same order, under one name: that makes them replicas.
const replicas = [1, 2].map(() => new FeedPublisher({ codec: json<Day>(), epoch: "sp500", heartbeatInterval: 100 }))
const sources = await Promise.all(replicas.map((replica) => replica.bind(anywhere)))

const desk = new FeedSubscriber({ codec: json<Day>(), sources })
desk.subscribe("close/")
desk.events.on("failover", () => console.log("desk: one publisher left, the other one carries on"))
const closes: Day[] = []
const reading = (async () => {
  for await (const { topic, value } of desk) if (topic === "close/sp500" && value) closes.push(value)
})()
await desk.ready()

for (const [i, day] of days.entries()) {
  for (const replica of replicas) {
    await replica.publish("close/sp500", day)
    await replica.publish(`high/${day.date.slice(0, 4)}`, day) // last of the year; the desk did not ask for it
  }
  if (i === 2500) await replicas.shift()?.close()
}

// Whoever comes late gets a snapshot: the last value of each topic.
const late = new FeedSubscriber({ codec: json<Day>(), sources })
late.subscribe()
await late.ready()
console.log(`late joiner: ${late.size} topics, the last close is ${late.get("close/sp500")?.close.toFixed(2)}`)

while (closes.length < days.length) await new Promise((resolve) => setTimeout(resolve, 5))
const best = closes.reduce((a, b) => (b.close > a.close ? b : a))
console.log(`desk: ${closes.length} days, each once, ${desk.stats.lost} lost`)
console.log(`desk: the highest close was ${best.close.toFixed(2)} on ${best.date}`)

await Promise.all([desk, late, ...replicas].map((each) => each.close()))
await reading
