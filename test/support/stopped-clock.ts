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
