// Ways of cutting one run of octets into chunks, for tests whose outcome must not depend on it (ZMTP-37).

import { allocate, type Bytes, clone, copy } from "../../src/bytes.ts"

/** Up to this size an input is cut at every position, and up to the next at every pair of positions. */
const EVERY_POSITION = 1500
const EVERY_PAIR = 40

/** One way of cutting. */
export interface Cut {
  readonly name: string
  readonly chunks: readonly Bytes[]
}

/**
 * Whole, octet by octet, in two at every position (of a long input: at those near its ends and near powers of two), and,
 * if it is short, in three at every pair of positions. Whole and octet by octet come in memory of their own as well as
 * in a part of a large memory, as the network hands them over.
 */
export function* cuts(octets: Bytes): Generator<Cut> {
  const roomy = within(octets)
  yield { name: "whole", chunks: [clone(octets)] }
  yield { name: "whole, in a large memory", chunks: [roomy] }
  yield { name: "octet by octet", chunks: pieces(roomy, 1) }
  if (octets.length <= EVERY_POSITION) {
    yield { name: "octet by octet, each with its own memory", chunks: pieces(roomy, 1).map(clone) }
  }
  for (const at of positions(octets.length)) {
    yield { name: `cut at ${at}`, chunks: [roomy.subarray(0, at), roomy.subarray(at)] }
    if (octets.length > EVERY_PAIR) continue
    for (let next = at + 1; next < octets.length; next++) {
      const chunks = [roomy.subarray(0, at), roomy.subarray(at, next), roomy.subarray(next)]
      yield { name: `cut at ${at} and ${next}`, chunks }
    }
  }
}

/** In chunks of `size` octets. */
export function pieces(octets: Bytes, size: number): Bytes[] {
  const chunks: Bytes[] = []
  for (let at = 0; at < octets.length; at += size) chunks.push(octets.subarray(at, at + size))
  return chunks
}

/** The same octets as a part of a memory of over 64 KiB. */
function within(octets: Bytes): Bytes {
  const memory = allocate(octets.length + 64 * 1024)
  memory.fill(0xee)
  copy(octets, memory, 1001)
  return memory.subarray(1001, 1001 + octets.length)
}

function positions(length: number): number[] {
  const all = Array.from({ length: Math.max(0, length - 1) }, (_, n) => n + 1)
  if (length <= EVERY_POSITION) return all
  const near = (at: number) => at < 20 || length - at < 20 || [256, 8192, 65536].some((p) => Math.abs(at - p) < 12)
  return all.filter(near)
}
