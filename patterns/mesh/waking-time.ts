// Time as this process has lived it. One that is stopped, or whose event loop stands still, hears nothing meanwhile;
// when it goes on, its timers fire before it has read what came. What it waited for is not to be given up for that.

/** In how many pieces a time is waited: a pause counts as one of them, however long it lasts. */
const PIECES = 10

/** Calls back after so many ms in which this process was awake, or nearly so many. Returns what forgoes that. */
export function whenAwake(ms: number, done: () => void): () => void {
  const pieces = Math.min(PIECES, Math.max(1, Math.floor(ms)))
  let timer: NodeJS.Timeout
  const wait = (left: number): void => {
    timer = setTimeout(() => (left > 1 ? wait(left - 1) : done()), ms / pieces)
    timer.unref()
  }
  wait(pieces)
  return () => clearTimeout(timer)
}
