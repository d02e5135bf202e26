// A worker process: `worker.js <endpoint> [concurrency] [sink]`. Says "ready" when it has met its ventilator.

import { TaskWorker } from "brokerless/patterns/tasks"
import { carryOut, json, type Order, type Report } from "./jobs.ts"

const [endpoint, concurrency = "1", sink = ""] = process.argv.slice(2) as [string, string?, string?]
const worker = new TaskWorker<Order, Report>({
  codec: json(),
  ...(sink === "" ? {} : { sink }),
  socket: { reconnectInterval: 10 },
})
worker.events.on("ventilator:join", () => process.send?.("ready"))
process.on("SIGTERM", () => void worker.close().then(() => process.disconnect?.()))
worker.connect(endpoint)
await worker.serve(carryOut, { concurrency: Number(concurrency) })
