// A worker as a process of its own: squares numbers, tells of each task, and never finishes the first if told so.
//
//   worker.js <endpoint> work | hang

import { json } from "brokerless/codec"
import { MajordomoWorker } from "brokerless/patterns/majordomo"

const [endpoint, order] = process.argv.slice(2) as [string, string]
const worker = new MajordomoWorker(
  "square",
  (n) => {
    process.send?.(n)
    return order === "hang" ? new Promise<number>(() => {}) : n * n
  },
  { codec: json<number>(), heartbeatInterval: 1000, reconnectInterval: 10, reconnectMaxInterval: 100 },
)
worker.connect(endpoint)
