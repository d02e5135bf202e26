// A chat room: a Router knows each of its peers by name and writes to whom it likes; a Dealer talks to it freely, with
// no rule that question and answer alternate.

import { Dealer, Router } from "brokerless"

const room = new Router()
const endpoint = await room.bind("tcp://127.0.0.1:*")

/** Passes on what one guest says to all the others, until the last has left. */
async function host(guests: number): Promise<void> {
  await room.waitForPeers(guests)
  const names = room.peers.map(({ routingId }) => routingId)
  for await (const [from, line] of room) {
    if (from === undefined || line === undefined) continue
    for (const name of names) if (!name.equals(from)) await room.send([name, from, line])
    if (String(line) === "bye" && --guests === 0) break
  }
}

function guest(name: string): Dealer {
  const dealer = new Dealer({ routingId: name })
  dealer.connect(endpoint)
  return dealer
}

async function hear(listener: string, dealer: Dealer, lines: number): Promise<void> {
  for (let i = 0; i < lines; i++) {
    const [from, line] = await dealer.receive()
    console.log(`${listener.padEnd(6)} hears  ${from}: ${line}`)
  }
}

const hosting = host(3)
const anna = guest("anna")
const boris = guest("boris")
const clara = guest("clara")

await anna.send("is anybody here?")
await Promise.all([hear("boris", boris, 1), hear("clara", clara, 1)])
await boris.send("I am")
await Promise.all([hear("anna", anna, 1), hear("clara", clara, 1)])
for (const dealer of [anna, boris, clara]) await dealer.send("bye")
await hosting

await Promise.all([room, anna, boris, clara].map((socket) => socket.close({ linger: 0 })))
