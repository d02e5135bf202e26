// What a worker thread calls that `startWorkers` began.

import { workerData } from "node:worker_threads"
import { StateError } from "brokerless"
import type { TaskHandler } from "./job.ts"
import type { ServeTasksOptions, TaskWorker } from "./task-worker.ts"
import { THREAD, type ThreadArrival, type ThreadOrder } from "./thread-orders.ts"

/**
 * Has `worker` do the tasks of whoever started this thread by `startWorkers`, until told to stop.
 *
 * @param worker - which connects to nobody yet
 * @returns a promise that resolves when the worker is closed
 * @throws (as rejections) what `TaskWorker.serve` does; StateError in a thread that was started otherwise
 */
export async function serveThread<T, R>(
  worker: TaskWorker<T, R>,
  handler: TaskHandler<T, R>,
  options: ServeTasksOptions = {},
): Promise<void> {
  const start = (workerData as Record<string, ThreadArrival> | null)?.[THREAD]
  if (start === undefined) throw new StateError("This thread was not started by startWorkers")
  const { endpoints, orders } = start
  orders.on("message", (order: ThreadOrder) => {
    if (order === "answer") orders.postMessage("alive")
    else void worker.close()
  })
  // It is the sockets that keep the thread alive, and when they are closed it ends.
  orders.unref()
  worker.connect(...endpoints)
  const served = worker.serve(handler, options)
  orders.postMessage("ready")
  await served
  orders.close()
}
