// Who has bound which name, over all threads of the process: a table in shared memory. It is changed without a lock,
// because a thread can be ended in the middle of anything.
//
//   slot = state · two words of the name's hash · thread              state = generation and phase
//
// A claim is written down first, and then all other claims are looked at; so of two threads that claim one name at the
// same time at least one sees the other. The claim in the lower slot voids the other, the one in the higher gives way.

import { threadId } from "node:worker_threads"

/** Names that can be bound at a time in one process. */
const SLOTS = 16_384
const SLOT_WORDS = 4
const HEAD_WORDS = 16

// Words of the head: changes so far, slots ever used, and what tells older memory from younger.
const CHANGES = 0
const USED = 1
const AGE = 2

// Words of a slot.
const STATE = 0
const LOW = 1
const HIGH = 2
const THREAD = 3

// Phases of a slot. The name of a reserved one is still being written.
const FREE = 0
const RESERVED = 1
const CLAIMED = 2
const BOUND = 3
const PHASE = 3
const GENERATION = 4

/** Where a name is bound: the thread, and the slot in the generation in which it was. */
export interface Place {
  readonly thread: number
  readonly slot: number
  readonly state: number
}

/** The table is full. */
export const FULL = "full"

interface Hash {
  readonly low: number
  readonly high: number
}

export class Directory {
  readonly memory: SharedArrayBuffer
  readonly #words: Int32Array

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#words = new Int32Array(memory)
  }

  /** An empty table. */
  static create(): Directory {
    const directory = new Directory(new SharedArrayBuffer((HEAD_WORDS + SLOTS * SLOT_WORDS) * 4))
    const age = new BigInt64Array(directory.memory, AGE * 4, 1)
    // Microseconds since 1970, and something for those who begin in the same one.
    age[0] =
      BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 65_536n + BigInt(threadId % 65_536)
    return directory
  }

  get #age(): bigint {
    return new BigInt64Array(this.memory, AGE * 4, 1)[0] as bigint
  }

  /** Whether this table was there before the other: then the other gives way. */
  isOlderThan(other: Directory): boolean {
    return this.#age < other.#age
  }

  /** Whether both are one and the same memory. */
  equals(other: Directory): boolean {
    return this.#age === other.#age
  }

  /** Binds a name for this thread; or tells who has it. */
  claim(name: string): Place | { readonly holder: Place } | typeof FULL {
    const hash = hashOf(name)
    const slot = this.#reserve()
    if (slot === undefined) return FULL
    const at = indexOf(slot)
    const words = this.#words
    Atomics.store(words, at + LOW, hash.low)
    Atomics.store(words, at + HIGH, hash.high)
    Atomics.store(words, at + THREAD, threadId)
    const generation = Atomics.load(words, at + STATE) & ~PHASE
    const claimed = generation | CLAIMED
    Atomics.store(words, at + STATE, claimed)
    const holder = this.#rival(slot, hash)
    if (holder === undefined) {
      const bound = generation | BOUND
      if (Atomics.compareExchange(words, at + STATE, claimed, bound) === claimed) {
        this.#changed()
        return { thread: threadId, slot, state: bound }
      }
    } else {
      this.#free(slot, claimed)
    }
    return { holder: holder ?? this.find(name) ?? { thread: threadId, slot, state: claimed } }
  }

  /** Gives a name back. */
  release({ slot, state }: Place): void {
    this.#free(slot, state)
    this.#changed()
  }

  /** Where a name is bound. */
  find(name: string): Place | undefined {
    const { low, high } = hashOf(name)
    const words = this.#words
    const used = Atomics.load(words, USED)
    for (let slot = 0; slot < used; slot++) {
      const at = indexOf(slot)
      const state = Atomics.load(words, at + STATE)
      if ((state & PHASE) !== BOUND || !this.#has(at, low, high)) continue
      const thread = Atomics.load(words, at + THREAD)
      if (Atomics.load(words, at + STATE) === state) return { thread, slot, state }
    }
    return undefined
  }

  /** A thread has ended: the names it had are free. */
  bury(thread: number): void {
    const words = this.#words
    const used = Atomics.load(words, USED)
    for (let slot = 0; slot < used; slot++) {
      const at = indexOf(slot)
      const state = Atomics.load(words, at + STATE)
      // In a reserved slot still stands the thread that had it before.
      if ((state & PHASE) >= CLAIMED && Atomics.load(words, at + THREAD) === thread) this.#free(slot, state)
    }
    this.#changed()
  }

  /** How often names were bound and given back. */
  get changes(): number {
    return Atomics.load(this.#words, CHANGES)
  }

  /** Resolves when there are more changes than `seen`; does not keep the process alive. */
  async change(seen: number): Promise<void> {
    const wait = Atomics.waitAsync(this.#words, CHANGES, seen)
    await wait.value
  }

  #changed(): void {
    Atomics.add(this.#words, CHANGES, 1)
    Atomics.notify(this.#words, CHANGES)
  }

  #has(at: number, low: number, high: number): boolean {
    return Atomics.load(this.#words, at + LOW) === low && Atomics.load(this.#words, at + HIGH) === high
  }

  #reserve(): number | undefined {
    const words = this.#words
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = indexOf(slot) + STATE
      const state = Atomics.load(words, at)
      if ((state & PHASE) !== FREE) continue
      if (Atomics.compareExchange(words, at, state, state | RESERVED) !== state) continue
      // Whoever looks through the table looks at least as far as this slot before its claim can be seen.
      for (let used = Atomics.load(words, USED); used <= slot; used = Atomics.load(words, USED)) {
        Atomics.compareExchange(words, USED, used, slot + 1)
      }
      return slot
    }
    return undefined
  }

  /** Another claim of the same name that stands, once those that have to give way have been voided. */
  #rival(own: number, { low, high }: Hash): Place | undefined {
    const words = this.#words
    const used = Atomics.load(words, USED)
    for (let slot = 0; slot < used; slot++) {
      if (slot === own) continue
      const at = indexOf(slot)
      const state = Atomics.load(words, at + STATE)
      const phase = state & PHASE
      if ((phase !== CLAIMED && phase !== BOUND) || !this.#has(at, low, high)) continue
      const thread = Atomics.load(words, at + THREAD)
      if (phase === CLAIMED && slot > own && this.#free(slot, state)) continue
      const now = Atomics.load(words, at + STATE)
      if ((now & PHASE) !== FREE && (now & ~PHASE) === (state & ~PHASE)) return { thread, slot, state: now }
    }
    return undefined
  }

  /** Frees a slot, unless it is another's by now. */
  #free(slot: number, state: number): boolean {
    const next = ((state & ~PHASE) + GENERATION) | FREE
    return Atomics.compareExchange(this.#words, indexOf(slot) + STATE, state, next) === state
  }
}

function indexOf(slot: number): number {
  return HEAD_WORDS + slot * SLOT_WORDS
}

/** 64 bits of a name. They stand for it: that two names share them is not to be expected in any process's life. */
function hashOf(name: string): Hash {
  let low = 0x9e3779b9 ^ name.length
  let high = 0x85ebca6b
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    low = Math.imul(low ^ unit, 0x9e3779b1)
    high = Math.imul(high ^ unit, 0x5f356495)
    low ^= low >>> 15
    high ^= high >>> 13
  }
  const mixed = Math.imul(low ^ (high >>> 16), 0x85ebca77) ^ (high << 7)
  return { low: mixed | 0, high: (Math.imul(high ^ (low >>> 16), 0xc2b2ae3d) ^ low) | 0 }
}
