// Waiting for something that comes by itself, turn by turn, and not for ever.

import { turns } from "./sockets.ts"

/** How long anything may take that happens by itself; only a failure takes that long. */
const PATIENCE = Number(process.env.FUZZ_PATIENCE ?? 30_000)

/** Resolves when the condition holds; rejects when it does not in a time that is long for everything. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!condition()) {
    if (performance.now() > end) throw new Error(`It never came about that ${what}`)
    await turns(1)
  }
}
