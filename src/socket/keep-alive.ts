// What keeps the process alive: one timer for all open sockets that have an endpoint and are not unref'd. Streams and
// listeners themselves never do, so that inproc is no different from the others.

const INTERVAL_MS = 2 ** 30

const holders = new Set<object>()
let timer: ReturnType<typeof setInterval> | undefined

/** From now on `holder` keeps the process alive, or does not. */
export function keepAlive(holder: object, alive: boolean): void {
  if (alive) holders.add(holder)
  else holders.delete(holder)
  if (holders.size > 0) {
    timer ??= setInterval(() => {}, INTERVAL_MS)
  } else {
    clearInterval(timer)
    timer = undefined
  }
}
