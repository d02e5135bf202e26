// The same to everybody: a Fanout sends each message to all its peers, which are ordinary Pull sockets. Unlike a
// Publisher it waits for a slow one, so nobody misses a setting; unlike a Push it does not divide the messages up.

import { Fanout, Pull } from "brokerless"
import { json } from "brokerless/codec"

interface Setting {
  readonly name: string
  readonly value: number
}

const office = new Fanout({ codec: json<Setting>() })
const endpoint = await office.bind("tcp://127.0.0.1:*")

function open(): Pull<Setting> {
  const pull = new Pull({ codec: json<Setting>() })
  pull.connect(endpoint)
  return pull
}

async function settings(pull: Pull<Setting>, count: number): Promise<string> {
  const all = []
  while (all.length < count) all.push(await pull.receive())
  return all.map(({ name, value }) => `${name}=${value}`).join(" ")
}

const workers = [open(), open(), open()]
await office.waitForPeers(workers.length)
await office.send({ name: "threads", value: 4 })
await office.send({ name: "retries", value: 3 })

// Whoever comes later gets what is sent from then on.
const latecomer = open()
await office.waitForPeers(workers.length + 1)
await office.send({ name: "verbose", value: 1 })

for (const [i, worker] of workers.entries()) console.log(`worker ${i + 1}   ${await settings(worker, 3)}`)
console.log(`latecomer  ${await settings(latecomer, 1)}`)

await Promise.all([office, latecomer, ...workers].map((socket) => socket.close()))
