// A clock for tests of what happens when a time is over: nothing is over by chance, however busy the machine is.

import { onTestFinished, vi } from "vitest"

/**
 * From here to the end of the test no time passes but what `vi.advanceTimersByTime` lets pass. The event loop turns,
 * and intervals go on.
 */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  onTestFinished(() => void vi.useRealTimers())
}

/**
 * From here to the end of the test intervals fire when the test says so, each of them once: after so many ms, in which
 * this process stood still if that is longer than they are.
 */
export function slowIntervals(): (ms: number) => void {
  let now = performance.now()
  const intervals = new Map<NodeJS.Timeout | undefined, () => void>()
  const { setInterval: set, clearInterval: clear } = globalThis
  const spies = [
    vi.spyOn(performance, "now").mockImplementation(() => now),
    vi.spyOn(globalThis, "setInterval").mockImplementation((run) => {
      const timer = set(run, 0x7fffffff)
      intervals.set(timer, run)
      return timer
    }),
    vi.spyOn(globalThis, "clearInterval").mockImplementation((timer) => {
      intervals.delete(timer as NodeJS.Timeout | undefined)
      clear(timer)
    }),
  ]
  onTestFinished(() => {
    for (const spy of spies) spy.mockRestore()
  })
  return (ms) => {
    now += ms
    for (const run of [...intervals.values()]) run()
  }
}
