// Routing by content, as users of RabbitMQ know it, with no server in between: consumers say what they want, the
// publisher routes. Two consumers share a queue; one of them leaves with an order in its hands, and the other gets it.

import { json } from "brokerless/codec"
import { Consumer, Exchange } from "brokerless/patterns/exchange"

const codec = json<string>()
const orders = new Exchange({ type: "topic", codec, maxDeliveries: 3 })
const endpoint = await orders.bind("tcp://127.0.0.1:*")
orders.events.on("dead", ({ key, deliveries }) => console.log(`${key} was given up after ${deliveries} deliveries`))
orders.events.on("unroutable", ({ key }) => console.log(`${key} is wanted by nobody`))

function consumer(queue: string, pattern: string): Consumer<string> {
  const each = new Consumer({ queue, codec, prefetch: 1, acknowledge: "manual" })
  each.bindQueue(pattern)
  each.connect(endpoint)
  return each
}

const german = consumer("german", "order.de.*")
const billing = consumer("billing", "order.#")
await orders.waitForQueues("order.de.created", 2)

const queues = await orders.publish("order.de.created", "order 1")
await orders.publish("order.fr.cancelled", "order 2")
await orders.publish("weather.oslo", "snow")
console.log(`order 1 went to ${queues} queues`)

const order = await german.receive()
console.log(`german: ${order.key}, ${order.value}`)
order.acknowledge()

await billing.receive()
await billing.close({ timeout: 0 }) // without a word about what it has
const substitute = consumer("billing", "order.#")
for (let i = 0; i < 2; i++) {
  const delivery = await substitute.receive()
  console.log(`billing: ${delivery.value}${delivery.redeliveries > 0 ? ", once more" : ""}`)
  delivery.acknowledge()
}

const dead = orders.events.once("dead")
void substitute.consume(({ value }) => {
  throw new Error(`nobody can read ${value}`)
})
await orders.publish("order.xx.broken", "order 3")
await dead

await Promise.all([german.close(), substitute.close()])
await orders.close()
