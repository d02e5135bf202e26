// The two sides of the benchmark of tasks, as a pool that does one task after the other.

import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { startWorkers, Ventilator } from "brokerless/patterns/tasks"
import { Piscina } from "piscina"
import { number } from "./tasks-job.ts"

export interface Pool {
  run(task: number): Promise<number>
  close(): Promise<void>
}

export async function tasksPool(endpoint: string, threads: number): Promise<Pool> {
  const ventilator = new Ventilator<number, number>({ codec: number })
  const bound = await ventilator.bind(endpoint)
  const workers = startWorkers(new URL("./tasks-thread.js", import.meta.url), { threads, endpoint: bound })
  while (ventilator.workers.length < threads) await ventilator.events.once("worker:join")
  return {
    run: (task) => ventilator.run(task),
    async close() {
      await ventilator.close()
      await workers.close()
    },
  }
}

export async function piscinaPool(threads: number, concurrentTasksPerWorker: number): Promise<Pool> {
  const pool = new Piscina<number, number>({
    filename: fileURLToPath(new URL("./tasks-piscina-thread.js", import.meta.url)),
    name: "job",
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker,
  })
  if (pool.threads.length < threads) await once(pool, "ready")
  return { run: (task) => pool.run(task), close: () => pool.close({ force: true }) }
}
