// Allocating, viewing, copying and comparing octets. The only file under src/ that says Buffer: every other file
// speaks of Bytes, so another runtime's idea of a byte array would be a change to this file alone.
// Budget of view() and copy(): no closure, no bounds arithmetic beyond what the engine itself does.

/** A run of octets: what Node.js calls a `Buffer`. */
export type Bytes = Buffer

// Kept here because the global of that name is a getter, which costs more than what it is asked for.
const Memory = Buffer

// The class behind every Buffer, reached the way Buffer's own methods reach it. Constructing it directly costs
// half of Buffer.from() or subarray(), which check and coerce what is known to be right here.
const Fast = ((Memory as unknown as { [Symbol.species]?: unknown })[Symbol.species] ?? undefined) as
  | (new (
      memory: ArrayBufferLike,
      offset: number,
      length: number,
    ) => Bytes)
  | undefined

const usable =
  typeof Fast === "function" && Object.getPrototypeOf(new Fast(new ArrayBuffer(1), 0, 1)) === Memory.prototype

const set = Uint8Array.prototype.set

/** No octets at all. */
export const EMPTY: Bytes = Memory.alloc(0)

/** Memory of exactly `size` octets, not yet written: the next statement must fill it. */
export function allocate(size: number): Bytes {
  return Memory.allocUnsafeSlow(size)
}

/** Octets `offset` to `offset + length` of `memory`, without a copy. */
export const view: (memory: ArrayBufferLike, offset: number, length: number) => Bytes =
  usable && Fast !== undefined
    ? (memory, offset, length) => new Fast(memory, offset, length)
    : (memory, offset, length) => Memory.from(memory as ArrayBuffer, offset, length)

/**
 * The same octets, for a view that is kept: it has as properties what is otherwise asked of a built-in getter each time
 * (10 ns). For those who hand one view again and again to code that asks for all of them.
 */
export function steady(octets: Bytes): Bytes {
  const { buffer, byteOffset, byteLength } = octets
  return Object.defineProperties(octets, {
    buffer: { value: buffer },
    byteOffset: { value: byteOffset },
    byteLength: { value: byteLength },
  })
}

/** Writes all of `source` into `target` at `offset`; the caller knows that it fits. */
export function copy(source: Uint8Array, target: Bytes, offset: number): void {
  set.call(target, source, offset)
}

/**
 * As {@link copy}, where one of the two is shared between threads. There the engine copies octet by octet what is not
 * aligned alike on both sides, eight times slower at 1 KiB; filling is a call into native code, and then a plain copy.
 */
export function copyShared(source: Uint8Array, target: Bytes, offset: number): void {
  const size = source.length
  if (size <= 64 || (size < 4096 && ((source.byteOffset ^ (target.byteOffset + offset)) & 7) === 0)) {
    set.call(target, source, offset)
  } else {
    target.fill(source, offset, offset + size)
  }
}

/** A copy of its own memory, pinning nothing else. */
export function clone(source: Uint8Array): Bytes {
  const bytes = allocate(source.length)
  set.call(bytes, source, 0)
  return bytes
}

/** Small copies lie side by side in memory of this size. */
const POOL = 8 * 1024
let pool: Bytes = EMPTY
let pooled = 0

/** A copy of few octets, which may share its memory with other such copies. */
export function cloneSmall(source: Uint8Array): Bytes {
  const { length } = source
  if (pooled + length > pool.length) {
    pool = allocate(POOL)
    pooled = 0
  }
  const bytes = view(pool.buffer, pool.byteOffset + pooled, length)
  pooled += length
  for (let i = 0; i < length; i++) bytes[i] = source[i] as number
  return bytes
}

/** UTF-8. */
export function fromString(text: string): Bytes {
  return Memory.from(text)
}

/** One octet per character; for protocol names, which are ASCII. */
export function fromAscii(text: string): Bytes {
  return Memory.from(text, "latin1")
}

/** One character per octet; also a key for a Map that is exact for any octets. */
export function toKey(bytes: Bytes): string {
  return bytes.toString("latin1")
}

/** The inverse of {@link toKey}. */
export function fromKey(key: string): Bytes {
  return Memory.from(key, "latin1")
}

export function isBytes(value: unknown): value is Bytes {
  return value instanceof Memory
}

/** The same memory seen as Bytes, whatever kind of view it is. */
export function ofView(value: ArrayBufferView): Bytes {
  return Memory.from(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength)
}

/** The same memory seen as Bytes. */
export function ofMemory(value: ArrayBuffer | SharedArrayBuffer): Bytes {
  return Memory.from(value as ArrayBuffer)
}

export function equal(a: Bytes, b: Bytes): boolean {
  return a.equals(b)
}

export function concat(list: readonly Bytes[], length?: number): Bytes {
  return Memory.concat(list, length)
}

export function startsWith(bytes: Bytes, prefix: Bytes): boolean {
  const n = prefix.length
  if (n > bytes.length) return false
  for (let i = 0; i < n; i++) if (bytes[i] !== prefix[i]) return false
  return true
}
