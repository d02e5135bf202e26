// A seeded source of chance: the same seed gives the same choices on every machine and in every version of Node.js.

/** Numbers at which programs go wrong: around zero, and around the powers of two. */
const EDGES: readonly number[] = [0, 1, 2, 63, 64, 127, 128, 254, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097]

export class Random {
  #state: number

  /** Seeds that are close together give runs that have nothing in common. */
  constructor(seed: number) {
    this.#state = mix(seed >>> 0)
  }

  /** 0 to 2^32 - 1. */
  word(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    return mix(this.#state)
  }

  /** A whole number below `limit`, which is at most 2^32. */
  below(limit: number): number {
    return Math.floor((this.word() / 0x1_0000_0000) * limit)
  }

  /** A whole number of the range, both ends included. */
  within(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** Once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0
  }

  pick<const T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error("There is nothing to pick from")
    return list[this.below(list.length)] as T
  }

  /** One of the makers, each as likely as its weight says, and what it makes. */
  choose<T>(...makers: readonly (readonly [weight: number, make: () => T])[]): T {
    let left = this.below(makers.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, make] of makers) {
      left -= weight
      if (left < 0) return make()
    }
    throw new Error("There is nothing to choose from")
  }

  list<T>(from: number, to: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.within(from, to) }, (_, index) => make(index))
  }

  /** Small sizes are the most likely; now and then one at an edge. */
  size(max: number): number {
    const size = this.choose(
      [6, () => this.below(17)],
      [3, () => this.below(300)],
      [2, () => this.pick(EDGES)],
      [1, () => this.below(max + 1)],
    )
    return Math.min(size, max)
  }

  octet(): number {
    return this.choose([3, () => this.below(256)], [2, () => this.pick([0, 1, 2, 4, 5, 0x7f, 0x80, 0xfe, 0xff])])
  }

  octets(size: number): Buffer {
    const octets = Buffer.alloc(size)
    // Long runs need not be chosen octet by octet.
    const chosen = Math.min(size, 64)
    for (let at = 0; at < chosen; at++) octets[at] = this.octet()
    if (size > chosen) octets.fill(octets.subarray(0, this.within(3, chosen)), chosen)
    return octets
  }
}

/** A bijection of 32-bit words in which every bit of the input changes half of the output. */
function mix(word: number): number {
  let x = word
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}
