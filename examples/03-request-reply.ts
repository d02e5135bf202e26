// Questions and answers: a Reply serves ten at a time, a Request has a hundred in flight, and each answer finds its own
// caller. One question is too hard, and only its own caller is kept waiting.

import { once } from "node:events"
import { Reply, Request, TimeoutError } from "brokerless"

const reply = new Reply()
const endpoint = await reply.bind("tcp://127.0.0.1:*")

const serving = reply.serve(
  async ([question], { signal }) => {
    const n = Number(question)
    // The signal tells that nobody waits for the answer any more.
    if (n === 13) await once(signal, "abort")
    return `${n * n}`
  },
  { concurrency: 10 },
)

const request = new Request()
request.connect(endpoint)

const questions = Array.from({ length: 100 }, (_, n) => n)
const answers = await Promise.all(
  questions.map(async (n) => {
    try {
      const [answer] = await request.request(`${n}`, { timeout: 1000 })
      return Number(answer)
    } catch (error) {
      if (error instanceof TimeoutError) console.log(`the square of ${n}: ${error.message}`)
      return 0
    }
  }),
)
console.log(`the square of 12: ${answers[12]}`)
console.log(`the square of 99: ${answers[99]}`)
console.log(`${answers.filter((answer, n) => answer === n * n).length} of ${questions.length} answers are right`)

await request.close()
await reply.close()
await serving
