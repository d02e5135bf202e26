// A process that is a node: it offers `work`, writes down what it begins to do, and does as its parent says.
//
//   worker.js <name> <endpoint> <ledger> <seed> …

import { appendFileSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { MeshNode } from "brokerless/patterns/mesh"
import type { Said, Told, Work } from "../work.ts"

const [name, endpoint, ledger, ...seeds] = process.argv.slice(2) as [string, string, string, ...string[]]
const node = new MeshNode({
  name,
  seeds,
  heartbeatInterval: 50,
  staleAfter: 2500,
  lostAfter: 4000,
  reconnectMaxInterval: 200,
})
const say = (said: Said): void => void process.send?.(said)

let answer: () => void = () => {}

node.offer<Work>(
  "work",
  {
    double: (_, n) => ({ by: name, value: 2 * n }),
    async book(_, id) {
      // In one write to a file that is appended to: it counts even if the process is killed right afterwards.
      appendFileSync(ledger, `${id}\n`)
      await sleep(2)
      return name
    },
    async hold() {
      say({ type: "holding" })
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return name
    },
    async hang({ signal }) {
      say({ type: "hanging" })
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      say({ type: "aborted" })
    },
    async *count(_, from) {
      for (let n = from; ; n++) yield n
    },
  },
  { idempotent: ["double", "hold"] },
)

process.on("message", (told: Told) => {
  if (told === "answer") answer()
  else void node.drain().then(() => process.exit(0))
})
// Nobody is left to tell it anything.
process.on("disconnect", () => process.exit(0))

say({ type: "bound", endpoint: await node.bind(endpoint) })
