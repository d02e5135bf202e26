// A queue in the middle: clients know one address, workers know another, and neither knows how many of the others there
// are. A proxy passes requests and answers on, reading only when the other side has room, and can tell a third socket.

import { Dealer, Publisher, proxy, Reply, Request, Router, Subscriber } from "brokerless"

const frontend = new Router()
const backend = new Dealer()
const capture = new Publisher()
const [front, back, tap] = await Promise.all([
  frontend.bind("tcp://127.0.0.1:*"),
  backend.bind("tcp://127.0.0.1:*"),
  capture.bind("inproc://tap"),
])
const spy = new Subscriber()
spy.subscribe()
spy.connect(tap)
await capture.waitForSubscribers("", 1)

const queue = proxy(frontend, backend, { capture })

const workers = ["one", "two", "three"].map((name) => {
  const reply = new Reply()
  reply.connect(back)
  void reply.serve(([order]) => `${order}, served by ${name}`)
  return reply
})
await backend.waitForPeers(workers.length)

const clients = [new Request(), new Request()]
for (const client of clients) client.connect(front)
const orders = ["tea", "coffee", "toast", "jam", "eggs", "milk"]
const served = await Promise.all(orders.map((order, i) => clients[i % clients.length]!.request(order)))
for (const [answer] of served) console.log(String(answer))

queue.terminate()
await queue.finished
const { forward, backward } = queue.stats
console.log(`${forward} requests and ${backward} answers passed, and the tap saw ${(await spy.receiveMany()).length}`)
await Promise.all([...clients, ...workers, frontend, backend, capture, spy].map((socket) => socket.close()))
