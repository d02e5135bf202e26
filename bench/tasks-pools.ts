// The two sides of the benchmark of tasks, as a pool that does one task after the other.

import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Codec } from "brokerless"
import { startWorkers, Ventilator } from "brokerless/patterns/tasks"
import { Piscina } from "piscina"

export interface Pool {
  run(task: number): Promise<number>
  close(): Promise<void>
}

/** A number in eight octets. */
export const number: Codec<number> = {
  encode(value) {
    const frame = Buffer.allocUnsafe(8)
    frame.writeDoubleLE(value)
    return frame
  },
  decode: (frame) => frame.readDoubleLE(),
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
