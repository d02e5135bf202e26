// A process that may have few files open: it takes messages from whoever gets in and tells what it is told, and on
// demand uses up every file itself. To be run under `ulimit -n`.
//
//   crowded.js <endpoint of somebody who listens elsewhere>

import { closeSync, openSync } from "node:fs"
import { Pull, Push } from "brokerless"

/** What this process tells its parent. */
export type Said =
  | { readonly what: "bound"; readonly endpoint: string }
  | { readonly what: "limit"; readonly detail: string }
  | { readonly what: "accept:error"; readonly detail: string }
  | { readonly what: "connect:retry"; readonly detail: string }
  | { readonly what: "refused"; readonly detail: string }
  | { readonly what: "received"; readonly text: string }
  | { readonly what: "exhausted"; readonly files: number }

/** What its parent may ask for. */
export type Order = "exhaust" | "release"

const [elsewhere] = process.argv.slice(2)
const files: number[] = []

function tell(said: Said): void {
  process.send?.(said)
}

const pull = new Pull()
pull.events.on("limit", ({ limit }) => tell({ what: "limit", detail: limit }))
pull.events.on("accept:error", ({ error }) => tell({ what: "accept:error", detail: String(error.message) }))
tell({ what: "bound", endpoint: await pull.bind("tcp://127.0.0.1:*") })

const push = new Push({ reconnectInterval: 1, reconnectMaxInterval: 10, linger: 0 })
push.events.on("limit", ({ limit }) => tell({ what: "limit", detail: limit }))
push.events.once("connect:retry", ({ endpoint }) => tell({ what: "connect:retry", detail: endpoint }))

process.on("message", (order: Order) => {
  if (order === "exhaust") void exhaust()
  else for (const file of files.splice(0)) closeSync(file)
})
process.on("disconnect", () => process.exit())

for await (const [frame] of pull) tell({ what: "received", text: String(frame) })

async function exhaust(): Promise<void> {
  try {
    for (;;) files.push(openSync("/dev/null", "r"))
  } catch {
    tell({ what: "exhausted", files: files.length })
  }
  for (const endpoint of ["tcp://127.0.0.1:*", "ipc://*"]) {
    await new Pull().bind(endpoint).catch(({ code }: { code: string }) => tell({ what: "refused", detail: code }))
  }
  push.connect(elsewhere as string)
  await push.send("there is room again")
}
