// What keeps the process alive: one timer for all open sockets that have an endpoint and are not unref'd. Streams and
// listeners themselves never do, so that inproc is no different from the others.

import { cancel, holdProcess, type Timer } from "../clock.ts"

const holders = new Set<object>()
let timer: Timer | undefined

/** From now on `holder` keeps the process alive, or does not. */
export function keepAlive(holder: object, alive: boolean): void {
  if (alive) holders.add(holder)
  else holders.delete(holder)
  if (holders.size > 0) {
    timer ??= holdProcess()
  } else {
    cancel(timer)
    timer = undefined
  }
}
