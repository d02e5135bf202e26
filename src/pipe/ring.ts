// A first-in first-out ring that grows by doubling and starts with no memory at all.
//
//        head                tail
//          ▼                   ▼
//   [ · ][ a ][ b ][ c ][ d ][ · ][ · ][ · ]      mask = capacity - 1
//
// Invariant: the elements are slots head, head+1, … tail-1 (mod capacity), and every other slot is undefined, so that
// nothing taken out is kept from the collector. `head` and `tail` only grow; their difference is the length.

const FIRST_CAPACITY = 16
const COUNTER_LIMIT = 2 ** 30

/** A queue of anything; `shift` and `push` cost a few instructions. */
export class Ring<T extends object> {
  #slots: (T | undefined)[] = []
  #mask = -1
  #head = 0
  #tail = 0

  get length(): number {
    return this.#tail - this.#head
  }

  push(element: T): void {
    if (this.#tail - this.#head > this.#mask) this.#grow()
    this.#slots[this.#tail++ & this.#mask] = element
  }

  shift(): T | undefined {
    if (this.#head === this.#tail) return undefined
    const slot = this.#head++ & this.#mask
    const element = this.#slots[slot]
    this.#slots[slot] = undefined
    if (this.#head === this.#tail && this.#head > COUNTER_LIMIT) this.#head = this.#tail = 0
    return element
  }

  peek(): T | undefined {
    return this.#head === this.#tail ? undefined : this.#slots[this.#head & this.#mask]
  }

  /** The first goes to the end of the line. */
  rotate(): void {
    if (this.#tail - this.#head > 1) this.push(this.shift() as T)
  }

  /** From the first to the last; the ring must not change meanwhile. */
  *values(): IterableIterator<T> {
    for (let i = this.#head; i < this.#tail; i++) yield this.#slots[i & this.#mask] as T
  }

  clear(): void {
    this.#slots = []
    this.#mask = -1
    this.#head = this.#tail = 0
  }

  #grow(): void {
    const length = this.#tail - this.#head
    const capacity = length === 0 ? FIRST_CAPACITY : length * 2
    const slots: (T | undefined)[] = new Array(capacity)
    for (let i = 0; i < length; i++) slots[i] = this.#slots[(this.#head + i) & this.#mask]
    for (let i = length; i < capacity; i++) slots[i] = undefined
    this.#slots = slots
    this.#mask = capacity - 1
    this.#head = 0
    this.#tail = length
  }
}
