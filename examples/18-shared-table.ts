// A table that is the same everywhere: limits that an office sets and desks follow. Somebody who comes late has all of
// it at once, a value with an end disappears for everybody, and when the server dies the second one goes on.

import { json } from "brokerless/codec"
import { CloneClient, CloneServer } from "brokerless/patterns/clone"

const codec = json<number>()
const places = ["inproc://limits-one", "inproc://limits-two"] as const
const quick = { heartbeatInterval: 50, failoverTimeout: 150 } // for an example; the defaults are 1000 and 3000

const primary = new CloneServer({ ...quick, peer: places[1] })
const backup = new CloneServer({ ...quick, peer: places[0], role: "backup" })
await Promise.all([primary.bind(places[0]), backup.bind(places[1])])

async function join(subtree = ""): Promise<CloneClient<number>> {
  const client = new CloneClient({ codec, subtree, serverTimeout: 300 })
  client.connect(...places)
  await client.ready()
  return client
}

const office = await join()
await office.set("/limits/ann", 100)
await office.set("/limits/bob", 50)
await office.set("/present/ann", 1, { ttl: 1000 }) // would have to be said again within a second

const desk = await join("/limits/") // late, and only what concerns it
console.log(`the desk knows ${[...desk.keys()].sort().join(" and ")}`)

const changed = desk.events.once("update")
await office.set("/limits/ann", 120)
const { key, former, value } = await changed
console.log(`${key} went from ${former} to ${value}`)

while (office.has("/present/ann")) await office.events.once("delete")
console.log(`ann is ${office.has("/present/ann") ? "still" : "not"} present`)

while (backup.state !== "passive") await backup.events.once("state")
await primary.close()
await office.set("/limits/bob", 70) // waits until the second server serves
while (desk.get("/limits/bob") !== 70) await desk.events.once("update")
console.log(`served by the ${desk.endpoint === places[1] ? "second" : "first"} one, bob has ${desk.get("/limits/bob")}`)

await Promise.all([office.close(), desk.close()])
await backup.close()
