// What a socket tells about itself: events as they happen, counters at any time. A subscriber that never reads fills its
// queue and the publisher's; what is dropped then is counted by reason, and sent = received + dropped to the message.

import { Publisher, Subscriber } from "brokerless"

const publisher = new Publisher({ sendHighWaterMark: 100 })
publisher.events.on("bind", () => console.log("bound"))
publisher.events.on("peer:join", ({ peer }) => console.log(`a ${peer.socketType} joined at ${peer.endpoint}`))
publisher.events.once("peer:slow", () => console.log("its queue is full"))
publisher.events.once("message:dropped", ({ reason }) => console.log(`a message was dropped: ${reason}`))
publisher.events.on("peer:leave", () => console.log("it left"))

const subscriber = new Subscriber({ receiveHighWaterMark: 100 })
subscriber.subscribe("news")
subscriber.connect(await publisher.bind("inproc://news"))
await publisher.waitForSubscribers("news")

const messages = 1000
for (let i = 0; i < messages; i++) await publisher.send(["news", `number ${i}`])

const { messagesSent, queuedMessages, dropped } = publisher.stats
const lost = dropped["high-water-mark"]
console.log(`${messages} messages = ${messagesSent} sent + ${queuedMessages} waiting + ${lost} dropped`)

await subscriber.close()
await publisher.close()
const reasons = Object.entries(publisher.stats.dropped).filter(([, count]) => count > 0)
console.log(`the publisher dropped: ${reasons.map(([reason, count]) => `${count} ${reason}`).join(", ")}`)
console.log(`the subscriber dropped: ${subscriber.stats.dropped.unread} unread`)
