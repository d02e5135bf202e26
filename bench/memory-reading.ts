// How much memory a process holds once everything that can be collected is gone. Needs `--expose-gc`.

import { setImmediate as nextTurn } from "node:timers/promises"

export interface MemoryReading {
  /** Octets of JavaScript objects. */
  heap: number
  /** Octets of buffers and other memory that JavaScript objects own outside the heap. */
  external: number
  /** Octets of memory the operating system counts for the process. */
  resident: number
}

export async function readMemory(): Promise<MemoryReading> {
  const collect = globalThis.gc
  if (collect === undefined) throw new Error("Memory is measured with --expose-gc")
  for (let i = 0; i < 5; i++) {
    collect()
    // Finalizers and the ends of closed handles run between turns.
    await nextTurn()
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heap: heapUsed, external, resident: rss }
}
