// Memory for the frames that a codec encodes. A frame belongs to the socket once it is returned, is read later and may
// be shared by many peers, so no octet that was given away is ever written again.

import { allocate, type Bytes, clone, copy, view } from "../bytes.ts"

/** What small frames are cut from, octets: the most that a small frame which is kept can hold on to. */
const SLAB = 8192
/** Larger frames have memory of their own, which is exact. */
const LARGEST_CUT = 1024
/** Shorter than this it is faster to copy octet by octet than to make the view that a copy in one go needs. */
const BY_HAND = 48

let slab: Bytes = allocate(SLAB)
let taken = 0

/** A frame with the octets `from` to `to` of `source`, in memory of its own. */
export function frameOf(source: Bytes, from: number, to: number): Bytes {
  const size = to - from
  if (size > LARGEST_CUT) return clone(view(source.buffer, source.byteOffset + from, size))
  if (size > SLAB - taken) {
    slab = allocate(SLAB)
    taken = 0
  }
  const at = taken
  taken += size
  if (size > BY_HAND) copy(view(source.buffer, source.byteOffset + from, size), slab, at)
  else for (let i = 0; i < size; i++) slab[at + i] = source[from + i] as number
  return view(slab.buffer, at, size)
}
