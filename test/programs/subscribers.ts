// A process of subscribers to everything: it says when they are connected, and counts what each receives until its
// publisher has left. Messages are numbered in their first four octets; whatever comes out of order is told.
//
//   subscribers.js <endpoint> <how many>

import { Subscriber } from "brokerless"

/** What this process tells its parent, in this order: `joined`, then `received`. */
export type Said =
  | { readonly what: "joined" }
  | { readonly what: "received"; readonly counts: number[]; readonly outOfOrder: number }

const [endpoint, count] = process.argv.slice(2)

let outOfOrder = 0

async function countUntilLeft(subscriber: Subscriber): Promise<number> {
  let received = 0
  let last = -1
  // What has arrived is read to its end before the socket is closed.
  void subscriber.events.once("peer:leave").then(() => subscriber.drain())
  for await (const [frame] of subscriber) {
    const number = (frame as Buffer).readUInt32BE(0)
    if (number <= last) outOfOrder++
    last = number
    received++
  }
  return received
}

function tell(said: Said): void {
  process.send?.(said)
}

const subscribers = Array.from({ length: Number(count) }, () => new Subscriber({ reconnectInterval: -1 }))
const counts = subscribers.map(countUntilLeft)
for (const subscriber of subscribers) {
  subscriber.subscribe()
  subscriber.connect(endpoint as string)
}
void Promise.all(subscribers.map((subscriber) => subscriber.waitForPeers())).then(async () => {
  tell({ what: "joined" })
  tell({ what: "received", counts: await Promise.all(counts), outOfOrder })
  process.disconnect()
})
