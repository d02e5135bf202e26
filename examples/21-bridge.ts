// A bridge between transports: publishers on tcp, subscribers on ipc and in this process, and a forwarder in between,
// the one place that all of them know. What passes can be watched, and held up for a while.

import { Publisher, Subscriber } from "brokerless"
import { text } from "brokerless/codec"
import { forwarder } from "brokerless/patterns/proxy"

const device = await forwarder({
  frontend: "tcp://127.0.0.1:*",
  backend: { bind: ["ipc://*", "inproc://bridged"] },
  capture: "inproc://watched",
})

const watcher = new Subscriber()
watcher.subscribe()
watcher.connect("inproc://watched")

const codec = text()
const listeners = device.backend.map((endpoint) => {
  const subscriber = new Subscriber({ codec })
  subscriber.subscribe("news/")
  subscriber.connect(endpoint)
  return subscriber
})
const publishers = ["oslo", "palermo"].map((town) => {
  const publisher = new Publisher({ codec })
  publisher.connect(device.frontend[0]!)
  return { town, publisher }
})
// Subscriptions travel through the bridge to the publishers.
await device.waitForPeers(publishers.length, listeners.length)
await Promise.all(publishers.map(({ publisher }) => publisher.waitForSubscribers("news/")))

for (const { town, publisher } of publishers) {
  await publisher.send([`news/${town}`, `good morning from ${town}`])
  await publisher.send([`gossip/${town}`, "nobody subscribed to this, so it stays at home"])
}
for (const [i, listener] of listeners.entries()) {
  const heard = [await listener.receive(), await listener.receive()].map(([, said]) => said)
  console.log(`over ${device.backend[i]!.split(":")[0]}: ${heard.sort().join(", ")}`)
}

await device.close()
console.log(`${device.stats.forward} messages passed, and ${device.stats.backward} subscriptions`)
await Promise.all([watcher, ...listeners, ...publishers.map(({ publisher }) => publisher)].map((each) => each.close()))
