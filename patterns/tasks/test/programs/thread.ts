// A worker thread. To die is to throw where nobody catches it.

import { serveThread, TaskWorker } from "brokerless/patterns/tasks"
import { carryOut, json, type Order, type Report } from "./jobs.ts"

await serveThread(new TaskWorker<Order, Report>({ codec: json() }), (order, context) => {
  if (order.do !== "die") return carryOut(order, context)
  setImmediate(() => {
    throw new Error("the thread dies")
  })
  return new Promise<Report>(() => {})
})
