// What the threads of both sides do: the same function, for the same tasks.

import { createHash } from "node:crypto"

const octets = Buffer.alloc(64 * 1024, "brokerless")

/** 0: as good as nothing. Else some milliseconds of hashing. */
export function job(task: number): number {
  if (task === 0) return task + 1
  let digest = octets.subarray(0, 32)
  for (let i = 0; i < 40; i++) digest = createHash("sha256").update(octets).update(digest).digest()
  return digest[0] as number
}
