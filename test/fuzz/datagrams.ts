// Datagrams from strangers, legal and spoiled: a Dish is given those of its groups, in order, up to its mark; all others
// are counted; and an honest Radio is heard after every case.

import { Dish } from "../../src/socket/radiodish/dish.ts"
import { Radio } from "../../src/socket/radiodish/radio.ts"
import { plainSocket, portOf } from "../support/datagrams.ts"
import { type FuzzTarget, type Stage, same } from "../support/fuzzing.ts"
import type { Random } from "../support/random.ts"
import { until } from "../support/until.ts"

interface Input {
  readonly datagrams: readonly Buffer[]
}

const GROUPS = ["", "a", "group", "g".repeat(255)]
/** The marks of the Dish: no more than so many wait, and none is larger. */
const MARK = 4
const MAX_SIZE = 2000

export const datagrams: FuzzTarget<Input> = {
  name: "datagrams",
  cases: 400,

  generate(random: Random): Input {
    return { datagrams: random.list(0, 8, () => spoiled(random, legal(random))) }
  },

  async open(): Promise<Stage<Input>> {
    const dish = new Dish({ receiveHighWaterMark: MARK, maxMessageSize: MAX_SIZE, receiveTimeout: 10_000 })
    for (const group of GROUPS) dish.join(group)
    const port = portOf(await dish.bind("udp://127.0.0.1:*"))
    const radio = new Radio()
    radio.connect(`udp://127.0.0.1:${port}`)
    const stranger = await plainSocket()
    let count = 0
    return {
      async check({ datagrams }) {
        const { received, dropped } = totals(dish)
        for (const datagram of datagrams) await stranger.send(datagram, port)
        const { messages, lost } = readAll(datagrams)
        await until(() => {
          const now = totals(dish)
          return now.received + now.dropped >= received + dropped + datagrams.length
        }, "every datagram is counted")
        for (const [group, body] of messages) {
          const [taken, from] = await dish.receive()
          same([from.group, taken], [group, body], "What a Dish receives")
        }
        const number = `${count++}`
        await radio.send([number, { group: Buffer.from("a") }])
        same(String((await dish.receive())[0]), number, "What an honest Radio sent meanwhile")
        same(totals(dish).dropped - dropped, lost, "How many were dropped")
      },
      async close() {
        await stranger.close()
        await radio.close()
        await dish.close()
        same(radio.stats.messagesSent, count, "What the honest Radio sent")
      },
    }
  },
}

function totals({ stats }: Dish): { received: number; dropped: number } {
  return { received: stats.messagesReceived, dropped: stats.dropped.unexpected + stats.dropped["high-water-mark"] }
}

/** By the description of the format, with nobody receiving meanwhile: what a full queue gets is lost, whatever it is. */
function readAll(datagrams: readonly Buffer[]): { messages: [Buffer, Buffer][]; lost: number } {
  const messages: [Buffer, Buffer][] = []
  let lost = 0
  for (const datagram of datagrams) {
    const [size = 0, ...rest] = datagram
    const malformed = datagram.length === 0 || rest.length < size || datagram.length > MAX_SIZE
    if (malformed || messages.length === MARK) lost++
    else if (GROUPS.includes(Buffer.from(rest.slice(0, size)).toString("latin1"))) {
      messages.push([Buffer.from(rest.slice(0, size)), Buffer.from(rest.slice(size))])
    }
  }
  return { messages, lost }
}

function legal(random: Random): Buffer {
  const group = random.pick([...GROUPS, "b", "A", "grou"])
  return Buffer.concat([Buffer.from([group.length]), Buffer.from(group), random.octets(random.size(2500))])
}

function spoiled(random: Random, datagram: Buffer): Buffer {
  return random.choose(
    [6, () => datagram],
    [2, () => datagram.subarray(0, random.below(datagram.length + 1))],
    [1, () => random.octets(random.size(300))],
    [1, () => Buffer.concat([Buffer.from([random.below(256)]), datagram.subarray(1)])],
  )
}
