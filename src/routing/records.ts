// Records of a few integers each, side by side in one array: where there may be a million of them, that is a quarter of
// the memory of as many objects, and nothing for the collector to look at. What the integers mean is the owner's
// affair; a record is known by its number, which may be given out again once it was released.
//
// Free records are chained both ways, so that those at the end can be given back to the system: after a flood that
// came late and has gone, little is left of it.

/** In the first integer of a record that is free; those in use have none below zero there. */
const FREE = -1
const NEXT = 1
const PREVIOUS = 2
const NO_RECORD = -1
const SMALLEST = 16

export class Records {
  /** Integer `i` of record `n` is at `n * stride + i`. Replaced whenever there are more or fewer records. */
  data: Int32Array
  readonly #stride: number
  /** Records from here on were never given out, or were given back. */
  #end = 0
  #free = NO_RECORD
  #used = 0

  /** @param stride integers of a record, at least three */
  constructor(stride: number) {
    this.#stride = stride
    this.data = new Int32Array(SMALLEST * stride)
  }

  /** One more than the highest number in use. */
  get end(): number {
    return this.#end
  }

  /** Records in use. */
  get used(): number {
    return this.#used
  }

  /** The number of a record that is free no more; all its integers are zero. */
  take(): number {
    const stride = this.#stride
    this.#used++
    const record = this.#free
    if (record !== NO_RECORD) {
      this.#unchain(record)
      this.data.fill(0, record * stride, record * stride + stride)
      return record
    }
    const capacity = this.data.length / stride
    // Small ones double; large ones keep less in reserve than that, but not so little that a flood makes them grow time
    // and again: the memory they leave behind brings the next full collection nearer.
    if (this.#end === capacity) this.#resize(capacity < 4096 ? capacity * 2 : capacity + (capacity >> 1))
    return this.#end++
  }

  release(record: number): void {
    const { data } = this
    const stride = this.#stride
    this.#used--
    if (record < this.#end - 1) {
      data[record * stride] = FREE
      data[record * stride + NEXT] = this.#free
      data[record * stride + PREVIOUS] = NO_RECORD
      if (this.#free !== NO_RECORD) data[this.#free * stride + PREVIOUS] = record
      this.#free = record
      return
    }
    data.fill(0, record * stride, record * stride + stride)
    let end = record
    while (end > 0 && data[(end - 1) * stride] === FREE) {
      end--
      this.#unchain(end)
      data.fill(0, end * stride, end * stride + stride)
    }
    this.#end = end
    const capacity = data.length / stride
    if (end * 4 < capacity && capacity > SMALLEST) this.#resize(Math.max(SMALLEST, end * 2))
  }

  #unchain(record: number): void {
    const { data } = this
    const stride = this.#stride
    const next = data[record * stride + NEXT] as number
    const previous = data[record * stride + PREVIOUS] as number
    if (previous === NO_RECORD) this.#free = next
    else data[previous * stride + NEXT] = next
    if (next !== NO_RECORD) data[next * stride + PREVIOUS] = previous
  }

  #resize(capacity: number): void {
    const data = new Int32Array(capacity * this.#stride)
    data.set(this.data.subarray(0, Math.min(this.#end, capacity) * this.#stride))
    this.data = data
  }
}
