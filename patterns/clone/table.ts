// The table of a server: keys, their octets, and when which of them ends. Bounded in keys and octets; it says no, and
// nothing else, to what does not fit. Nothing here publishes.

import type { Frame } from "brokerless"
import type { Item } from "./commands.ts"
import { ENTRY_CHARGE } from "./options.ts"

export interface Limits {
  readonly maxKeys: number
  readonly maxBytes: number
  readonly maxValueBytes: number
}

/** What stands at a key. */
export interface Entry extends Item {
  /** When it ends, by the clock of `performance.now()`. */
  readonly expires: number | undefined
  readonly bytes: number
}

/** Why something was not taken. */
export type CloneRefusal = "value-size" | "keys" | "bytes"

/** How exactly an end is kept, in ms. */
const STEP = 100

export class Table {
  readonly #limits: Limits
  #entries = new Map<string, Entry>()
  /** Keys that may end, by the step in which they do. What was changed since is left out when its time has come. */
  #ends = new Map<number, Set<string>>()
  #swept: number = stepOf(performance.now())
  bytes = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** Puts a value in its place, or says why not. */
  set(item: Item, ttl: number | undefined): CloneRefusal | undefined {
    const { maxBytes, maxKeys, maxValueBytes } = this.#limits
    const { key, value, properties } = item
    const size = value.length + properties.length
    const bytes = Buffer.byteLength(key) + size + ENTRY_CHARGE
    const former = this.#entries.get(key)
    if (size > maxValueBytes) return "value-size"
    if (former === undefined && this.#entries.size >= maxKeys) return "keys"
    if (this.bytes - (former?.bytes ?? 0) + bytes > maxBytes) return "bytes"
    const expires = ttl === undefined ? undefined : performance.now() + ttl
    this.#forget(former)
    this.#entries.set(key, { ...item, value: kept(value), properties: kept(properties), expires, bytes })
    this.bytes += bytes
    if (expires !== undefined) {
      const step = stepOf(expires)
      this.#ends.set(step, (this.#ends.get(step) ?? new Set()).add(key))
    }
    return undefined
  }

  delete(key: string): boolean {
    this.#forget(this.#entries.get(key))
    return this.#entries.delete(key)
  }

  clear(): void {
    this.adopt(new Table(this.#limits))
  }

  /** Becomes what another table is, which is of no use afterwards. */
  adopt(other: Table): void {
    this.#entries = other.#entries
    this.#ends = other.#ends
    this.#swept = other.#swept
    this.bytes = other.bytes
  }

  /** Keys whose time has come; they are still there. */
  *ended(now: number): IterableIterator<string> {
    const until = stepOf(now) - 1
    // After a long pause it is quicker to look at what there is.
    const steps =
      until - this.#swept > this.#ends.size
        ? [...this.#ends.keys()].filter((step) => step <= until)
        : Array.from({ length: Math.max(until - this.#swept, 0) }, (_, i) => this.#swept + 1 + i)
    for (const step of steps) {
      yield* this.#ends.get(step) ?? []
      this.#ends.delete(step)
    }
    this.#swept = Math.max(until, this.#swept)
  }

  #forget(entry: Entry | undefined): void {
    if (entry === undefined) return
    this.bytes -= entry.bytes
    if (entry.expires === undefined) return
    const step = stepOf(entry.expires)
    const keys = this.#ends.get(step)
    keys?.delete(entry.key)
    if (keys?.size === 0) this.#ends.delete(step)
  }
}

function stepOf(time: number): number {
  return Math.floor(time / STEP)
}

/** A received frame is a view of a larger piece of memory, which what is kept must not keep as well. */
export function kept(frame: Frame): Frame {
  if (frame.length * 2 >= frame.buffer.byteLength) return frame
  const copy = Buffer.allocUnsafeSlow(frame.length)
  copy.set(frame)
  return copy
}
