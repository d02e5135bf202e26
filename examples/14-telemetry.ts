// Telemetry with conflation: a hundred sensors report all the time, and a display that draws slowly gets of each the
// newest reading instead of a queue of old ones. A logger next to it gets every single one.

import { json } from "brokerless/codec"
import { FeedPublisher, FeedSubscriber } from "brokerless/patterns/feed"

const SENSORS = 100
const READINGS = 100

const station = new FeedPublisher({ codec: json<number>(), heartbeatInterval: 50 })
const source = await station.bind({ updates: "ipc://*", recovery: "ipc://*" })

const display = new FeedSubscriber({ codec: json<number>(), sources: [source], conflate: true })
const logger = new FeedSubscriber({ codec: json<number>(), sources: [source] })
display.subscribe("temperature/")
logger.subscribe("temperature/")
await Promise.all([display.ready(), logger.ready()])

let drawn = 0
const drawing = (async () => {
  for await (const _ of display) {
    // A frame takes its time; what changes meanwhile is drawn as it is then.
    if (++drawn % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }
})()
let logged = 0
const logging = (async () => {
  for await (const _ of logger) logged++
})()

for (let reading = 1; reading <= READINGS; reading++) {
  for (let sensor = 0; sensor < SENSORS; sensor++) await station.publish(`temperature/${sensor}`, reading)
}

// The heartbeats prove that everything has arrived; then the loops have to catch up.
while (
  [display, logger].some(({ stats }) => stats.position < station.sequence || stats.queued > 0) ||
  logged < SENSORS * READINGS
) {
  await new Promise((resolve) => setTimeout(resolve, 5))
}
const newest = [...display.entries()].every(([, value]) => value === READINGS)
console.log(`logger: ${logged} of ${SENSORS * READINGS} readings`)
console.log(`display: ${drawn < logged / 2 ? "less than half of them drawn" : "too many"}, the rest conflated`)
console.log(`display: ${display.size} sensors, ${newest ? "all at their newest reading" : "out of date"}`)

await Promise.all([display.close(), logger.close(), station.close()])
await Promise.all([drawing, logging])
