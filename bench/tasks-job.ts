// What the threads of both sides do: the same function, for the same tasks; and how ours carries them.

import { createHash } from "node:crypto"
import type { Codec } from "brokerless"

const octets = Buffer.alloc(64 * 1024, "brokerless")

/** 0: as good as nothing. Else hashing that takes a few milliseconds. */
export function job(task: number): number {
  if (task === 0) return task + 1
  let digest = octets.subarray(0, 32)
  for (let i = 0; i < 40; i++) digest = createHash("sha256").update(octets).update(digest).digest()
  return digest[0] as number
}

/** A number in eight octets. */
export const number: Codec<number> = {
  encode(value) {
    const frame = Buffer.allocUnsafe(8)
    frame.writeDoubleLE(value)
    return frame
  },
  decode: (frame) => frame.readDoubleLE(),
}
