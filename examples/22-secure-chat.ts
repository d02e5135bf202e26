// A chat for two that nobody else can read or enter: CURVE encrypts it, and the room lets in only the keys it knows.

import { Dealer, Router } from "brokerless"
import { type CurveKeyPair, curve, curveKeyPair, curveProvider, curveServer } from "brokerless/curve"

const keys = { room: curveKeyPair(), anna: curveKeyPair(), boris: curveKeyPair(), mallory: curveKeyPair() }

const doorkeeper = curveServer({ ...keys.room, allow: [keys.anna.publicKey] })
const room = new Router({ security: doorkeeper })
const endpoint = await room.bind("tcp://127.0.0.1:*")

function guest(name: string, own: CurveKeyPair): Dealer {
  const dealer = new Dealer({
    routingId: name,
    security: curve({ serverKey: keys.room.publicKey, ...own }),
  })
  dealer.connect(endpoint)
  return dealer
}

console.log(`the boxes are made by ${await curveProvider()}`)

const mallory = guest("mallory", keys.mallory)
const { error } = await mallory.events.once("handshake:error")
console.log(`mallory stays outside: ${error.message}`)

doorkeeper.allow(keys.boris.publicKey) // boris is invited while the room is open
const anna = guest("anna", keys.anna)
const boris = guest("boris", keys.boris)
await room.waitForPeers(2)

// A routing id is only what a peer calls itself; the key is who it is.
const whose = new Map(Object.entries(keys).map(([name, { publicKey }]) => [publicKey, name]))
for (const peer of room.peers) console.log(`${peer.routingId} holds the key of ${whose.get(peer.userId ?? "")}`)

await anna.send(["boris", "meet me at nine"])
const { message, peer } = await room.receiveFrom()
const [, to, line] = message
await room.send([to ?? "", whose.get(peer.userId ?? "") ?? "nobody", line ?? ""])
const [from, said] = await boris.receive()
console.log(`${from} to boris, and to nobody else: ${said}`)

await Promise.all([room, anna, boris, mallory].map((socket) => socket.close({ linger: 0 })))
