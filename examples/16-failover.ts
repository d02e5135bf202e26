// Requests that survive their servers: one of three hangs, one leaves with requests in its hands, and every question is
// answered all the same, because the client asks the next one. The servers are plain Reply sockets.

import { once } from "node:events"
import { Reply } from "brokerless"
import { json } from "brokerless/codec"
import { ReliableRequest } from "brokerless/patterns/reliable-request"

const codec = json<number>()

async function serve(handler: (n: number, context: { readonly signal: AbortSignal }) => Promise<number> | number) {
  const server = new Reply({ codec })
  const endpoint = await server.bind("tcp://127.0.0.1:*")
  void server.serve(handler, { concurrency: 10 })
  return { server, endpoint }
}

const hanging = await serve(async (_, { signal }) => {
  await once(signal, "abort")
  return 0
})
let served = 0
const leaving = await serve((n) => {
  if (++served === 20) void leaving.server.close({ linger: 0 })
  return n * n
})
const steady = await serve((n) => n * n)
const all = [hanging, leaving, steady]
const name = (endpoint: string) =>
  ["the hanging", "the leaving", "the steady"][all.findIndex((s) => s.endpoint === endpoint)]

const requests = new ReliableRequest({
  codec,
  endpoints: all.map(({ endpoint }) => endpoint),
  timeout: 500, // per attempt
  retries: 5,
})
requests.events.on("failover", ({ from, to }) => console.log(`from ${name(from)} to ${name(to)} server`))

let right = 0
for (let n = 0; n < 100; n += 5) {
  const questions = [n, n + 1, n + 2, n + 3, n + 4]
  const answers = await Promise.all(questions.map((each) => requests.request(each)))
  right += answers.filter((answer, i) => answer === questions[i]! ** 2).length
}
console.log(`${right} of 100 answers are right, after ${requests.stats.retries > 0 ? "some" : "no"} retries`)

await requests.close()
await Promise.all([hanging, steady].map(({ server }) => server.close({ linger: 0 })))
