// A worker thread of ours, for the benchmark.

import { serveThread, TaskWorker } from "brokerless/patterns/tasks"
import { job, number } from "./tasks-job.ts"

await serveThread(new TaskWorker<number, number>({ codec: number }), job)
