// A worker thread of ours, for the benchmark.

import { serveThread, TaskWorker } from "brokerless/patterns/tasks"
import { job } from "./tasks-job.ts"
import { number } from "./tasks-pools.ts"

await serveThread(new TaskWorker<number, number>({ codec: number }), job)
