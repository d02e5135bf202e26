// A process that opens sockets of every class over every transport, lets them talk, and then does as it is told: whether
// it ends by itself is for its parent to see.
//
//   resident.js close | unref | hold

import {
  Dealer,
  Fanout,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
} from "brokerless"

/** What this process tells its parent: `talked`, and when told to hold, `still there` a little later. */
export type Said = "talked" | "still there"

const [order] = process.argv.slice(2)
const sockets: Socket[] = []

function open<S extends Socket>(socket: S): S {
  sockets.push(socket)
  return socket
}

async function talk(wildcard: string): Promise<void> {
  const pull = open(new Pull())
  const push = open(new Push({ balance: "least-loaded" }))
  push.connect(await pull.bind(wildcard))
  await push.send("job")
  await pull.receive()

  const publisher = open(new Publisher())
  const subscriber = open(new Subscriber())
  subscriber.subscribe("")
  subscriber.connect(await publisher.bind(`${wildcard}${wildcard.startsWith("inproc") ? "-news" : ""}`))
  await publisher.waitForSubscribers("")
  await publisher.send("news")
  await subscriber.receive()

  const reply = open(new Reply())
  const request = open(new Request())
  request.connect(await reply.bind(`${wildcard}${wildcard.startsWith("inproc") ? "-answers" : ""}`))
  void reply.serve((question) => question)
  await request.request("question", { timeout: 10_000 })

  // These are left as they are: connected to nobody, bound for nobody, with a wait and a message on their hands.
  open(new Dealer()).connect("tcp://127.0.0.1:9")
  await open(new Router()).bind(`${wildcard}${wildcard.startsWith("inproc") ? "-nobody" : ""}`)
  open(new Fanout())
  const pair = open(new Pair({ linger: 50 }))
  pair.connect("inproc://nobody-at-all")
  await pair.send("to nobody")
  void pull.receive().catch(() => {})
}

for (const wildcard of ["tcp://127.0.0.1:*", "ipc://*", "inproc://resident"]) await talk(wildcard)
process.send?.("talked" satisfies Said)

if (order === "close") await Promise.all(sockets.map((socket) => socket.close()))
else if (order === "unref") for (const socket of sockets) socket.unref()
// This timer holds nothing: it comes only if something else does.
else setTimeout(() => process.send?.("still there" satisfies Said), 200).unref()
