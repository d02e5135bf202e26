// Publish and subscribe, with typed messages: a station reports the weather of several towns, and each listener gets
// what begins with its prefix. The codec decides what a value looks like on the wire.

import { Publisher, Subscriber } from "brokerless"
import { json } from "brokerless/codec"

interface Weather {
  readonly celsius: number
  readonly sky: string
}

const station = new Publisher({ codec: json<Weather>() })
const endpoint = await station.bind("tcp://127.0.0.1:*")

async function listen(name: string, prefix: string): Promise<string[]> {
  const subscriber = new Subscriber({ codec: json<Weather>() })
  subscriber.subscribe(prefix, "end")
  subscriber.connect(endpoint)
  const heard: string[] = []
  for await (const [town, { celsius, sky }] of subscriber) {
    if (town === "end") break
    heard.push(`${name.padEnd(14)} ${town.padEnd(14)} ${String(celsius).padStart(3)} °C  ${sky}`)
  }
  await subscriber.close()
  return heard
}

const listeners = [listen("nordic radio", "north/"), listen("town hall", "south/palermo"), listen("everybody", "")]

// A publisher discards what nobody has subscribed to: begin when all three are listening.
await station.waitForSubscribers("end", 3)

await station.send(["north/oslo", { celsius: -7, sky: "snow" }])
await station.send(["north/tromsø", { celsius: -12, sky: "stars" }])
await station.send(["south/palermo", { celsius: 19, sky: "sun" }])
await station.send(["end", { celsius: 0, sky: "" }])

for (const heard of await Promise.all(listeners)) console.log(heard.join("\n"))
await station.close()
