// Services by name behind a broker of one's own: clients and workers know nothing but its address. A worker dies over
// its task, which goes to the next one; an answer comes in parts; and a service that nobody offers yet can be waited for.

import { json } from "brokerless/codec"
import { MajordomoBroker, MajordomoClient, MajordomoWorker } from "brokerless/patterns/majordomo"

const broker = new MajordomoBroker()
const endpoint = await broker.bind("tcp://127.0.0.1:*")
broker.events.on("request:again", ({ service }) => console.log(`a worker was lost: "${service}" goes to another one`))

const client = new MajordomoClient({ codec: json<number, string>() })
client.connect(endpoint)
const early = client.request("roman", 2026) // nobody offers this yet

const doomed = new MajordomoWorker("roman", () => new Promise<string>(() => {}), { codec: json<string, number>() })
doomed.connect(endpoint)
while (doomed.stats.working === 0) await new Promise(setImmediate)
void doomed.close({ linger: 0 }) // with the request in its hands

const NUMERALS: readonly (readonly [string, number])[] = Object.entries({
  ...{ M: 1000, CM: 900, D: 500, CD: 400, C: 100, XC: 90, L: 50, XL: 40, X: 10, IX: 9, V: 5, IV: 4, I: 1 },
})
function roman(n: number): string {
  const [numeral, value] = NUMERALS.find(([, each]) => each <= n) ?? ["", n]
  return n > 0 ? numeral + roman(n - value) : ""
}
const scribe = new MajordomoWorker("roman", roman, { codec: json<string, number>(), concurrency: 4 })
scribe.connect(endpoint)
console.log(`2026 is ${await early}`)

const counter = new MajordomoWorker(
  "count",
  async function* (to) {
    for (let n = 1; n <= to; n++) yield roman(n)
  },
  { codec: json<string, number>() },
)
counter.connect(endpoint)
const parts: string[] = []
for await (const part of client.stream("count", 5)) parts.push(part)
console.log(`counted in parts: ${parts.join(", ")}`)

const years = await Promise.all([1984, 1999, 2000].map((year) => client.request("roman", year)))
console.log(`at once: ${years.join(", ")}`)
console.log(`anybody who bakes? ${(await client.offers("bake")) ? "yes" : "no"}`)

await client.close()
await Promise.all([scribe.close(), counter.close()])
await broker.close()
