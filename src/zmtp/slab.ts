// Slabs: the memory in which small frames are gathered for a write. One pool for the process, because a slab is in use
// only from encoding until the operating system has taken the write: nearly always the same one serves all sessions,
// and stays in the processor's cache.

import { allocate, type Bytes } from "../bytes.ts"

/** Octets of a slab. */
export const SLAB_SIZE: number = 128 * 1024
const POOLED = 16

export interface Slab {
  readonly bytes: Bytes
}

const pool: Slab[] = []

export function acquireSlab(): Slab {
  return pool.pop() ?? { bytes: allocate(SLAB_SIZE) }
}

/** The caller, and everybody it gave a view to, is done with the slab. */
export function releaseSlab(slab: Slab): void {
  if (pool.length < POOLED) pool.push(slab)
}
