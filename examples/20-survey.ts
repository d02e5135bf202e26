// A question to everybody, and whatever has come by the deadline: who has room for tonight, and at which price? Some
// have none and say so, one is too slow, and the first two offers may be enough.

import { setTimeout as sleep } from "node:timers/promises"
import { json } from "brokerless/codec"
import { Respondent, Surveyor } from "brokerless/patterns/survey"

interface Offer {
  readonly hotel: string
  readonly price: number
}

const surveyor = new Surveyor({ codec: json<number, Offer>() })
const endpoint = await surveyor.bind("tcp://127.0.0.1:*")

function hotel(name: string, rooms: number, price: number, delay = 0): Respondent<Offer, number> {
  const respondent = new Respondent<Offer, number>(
    async (guests, { signal }) => {
      await sleep(delay, undefined, { signal }) // ends when nobody waits any more
      return guests <= rooms ? { hotel: name, price: price * guests } : undefined
    },
    { codec: json<Offer, number>() },
  )
  respondent.connect(endpoint)
  return respondent
}

const hotels = [hotel("Astoria", 9, 80), hotel("Bellevue", 2, 60), hotel("Central", 4, 70), hotel("Delay", 9, 50, 5000)]
await surveyor.waitForPeers(hotels.length)

const { answers, asked, declined, missing, reason } = await surveyor.survey(3, { timeout: 500 }).all
const offers = answers.map(({ value }) => value).sort((a, b) => a.price - b.price)
console.log(`for three: ${offers.map(({ hotel, price }) => `${hotel} at ${price}`).join(", ")}`)
console.log(`asked ${asked}, no room in ${declined}, nothing heard of ${missing.length}: ${reason}`)

const quick = await surveyor.survey(2, { count: 2 }).all
console.log(`for two, the first ${quick.answers.length} offers are enough: ${quick.reason}`)

await surveyor.close()
await Promise.all(hotels.map((each) => each.close()))
